"""Render a site's own template files: Jinja, and Tornado's where an existing site brings them.

Templates are compiled once and again when one of the files that they consist of changes. Their authors are trusted,
the values are not: they are escaped unless the template or the setting says otherwise.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import current_app, has_app_context, url_for
from jinja2 import Environment, FileSystemLoader
from jinja2.runtime import Context
from jinja2.utils import missing

from app import session, xsrf

OURS = Path(__file__).parent / "templates"
_CACHED_FOLDERS = 64
_FUNCTIONS: Mapping[str, Any] = {
    "xsrf_form_html": xsrf.form_html,
    "_tt_modules": SimpleNamespace(xsrf_form_html=xsrf.form_html),  # for Tornado's `{% module xsrf_form_html() %}`
}
_ASKED: Mapping[str, Callable[[], Any]] = {"current_user": lambda: session.current_user(), "xsrf_token": xsrf.token}
"""Variables of every template that are made when it uses them: with one of them, a page is one visitor's."""


class _Context(Context):
    """The variables of a Jinja template."""

    def resolve_or_missing(self, key: str) -> Any:
        """The value of a name, as Jinja asks for it."""
        found = super().resolve_or_missing(key)
        return _ASKED[key]() if found is missing and key in _ASKED else found


def render(
    path: Path,
    variables: Mapping[str, Any],
    *,
    tornado: bool = False,
    autoescape: bool = True,
    whitespace: str | None = None,
) -> str:
    """Render the template at the path; those that it extends or includes are found in its folder.

    A Jinja template may also extend Skerry's own frame, `{% extends "base.html" %}`, with the blocks title, head, nav,
    crumbs, main and footer.
    `tornado` takes Tornado's language (the extra `tornado`), `whitespace` is its option: all, single or oneline.
    Raises what the template raises; the traceback names the template's file and line.
    """
    if tornado:
        return _render_tornado(path, variables, autoescape, whitespace)
    template = _environment(path.parent, autoescape).get_template(path.name)
    context = dict(variables)
    if has_app_context():
        current_app.update_template_context(context)
    return template.render(context)


@lru_cache(_CACHED_FOLDERS)
def _environment(folder: Path, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, OURS]), autoescape=autoescape, auto_reload=True, cache_size=100
    )
    environment.context_class = _Context
    environment.globals.update(url_for=url_for, xsrf_form_html=xsrf.form_html)
    return environment


def _render_tornado(path: Path, variables: Mapping[str, Any], autoescape: bool, whitespace: str | None) -> str:
    loader, template = _tornado_template(path, autoescape, whitespace)
    try:
        return str(template.generate(**{**_FUNCTIONS, **_asked(loader.templates), **variables}), "utf-8")
    except Exception as error:
        for line in _template_lines(error, loader.templates):
            error.add_note(f"in the template {path.parent / line}")
        raise


def _asked(templates: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the variables made when used whose names stand in one of the templates: Tornado takes no others."""
    return {
        name: make() for name, make in _ASKED.items() if any(name in template.code for template in templates.values())
    }


_compiled: dict[tuple[Path, bool, str | None], tuple[dict[str, int], Any, Any]] = {}


def _tornado_template(path: Path, autoescape: bool, whitespace: str | None) -> tuple[Any, Any]:
    """The loader and the template, compiled anew when one of the files that it loaded has changed."""
    key = (path, autoescape, whitespace)
    stamps, loader, template = _compiled.get(key, ({}, None, None))
    if template is None or stamps != _stamps(stamps):
        from tornado.template import Loader

        loader = Loader(str(path.parent), autoescape="xhtml_escape" if autoescape else None, whitespace=whitespace)
        template = loader.load(path.name)
        if len(_compiled) >= _CACHED_FOLDERS:
            _compiled.clear()
        _compiled[key] = (_stamps(str(path.parent / name) for name in loader.templates), loader, template)
    return loader, template


def _stamps(files: Any) -> dict[str, int]:
    return {file: os.stat(file).st_mtime_ns if os.path.exists(file) else 0 for file in files}


def _template_lines(error: BaseException, templates: Mapping[str, Any]) -> list[str]:
    """`page.html:3` for each step of the traceback in a template: Tornado marks the lines of its generated code so."""
    code = {
        name.replace(".", "_") + ".generated.py": template.code.splitlines() for name, template in templates.items()
    }
    found, traceback = [], error.__traceback__
    while traceback is not None:
        lines = code.get(traceback.tb_frame.f_code.co_filename, [])
        mark = re.search(r"# (\S+:\d+)", lines[traceback.tb_lineno - 1]) if traceback.tb_lineno <= len(lines) else None
        found += [mark[1]] if mark else []
        traceback = traceback.tb_next
    return found
