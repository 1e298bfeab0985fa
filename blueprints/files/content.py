"""Content that is made of a file: by a function of the site, a template or a compiler."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from app import templating
from app.handler import Handler
from app.mounts import Mount
from app.sending.bodies import File

from .compiled import Compiler
from .compilers import LANGUAGES
from .headers import UNKNOWN, content_type, merged
from .settings import Settings
from .sources import Found
from .transforms import Rule, as_bytes

_SOURCES = (UNKNOWN, "text/markdown")
"""Types that say nothing of what a function or a template makes of the file: it is taken for HTML then."""


class FileHandler(Handler):
    """The handler that functions and templates see: `file` is served, `path` is what was asked for, below `root`."""

    def __init__(self, mount: Mount, groups: Mapping[str, Any], found: Found, asked: Found):
        super().__init__(mount, groups)
        self.file, self.path, self.root = Path(found.path), Path(asked.path), Path(found.root.path)


class Content(NamedTuple):
    """What was made: the bytes, their type, and headers of their own."""

    body: bytes
    mimetype: str
    headers: Mapping[str, str] = {}


def whole(file: File) -> bytes:
    """All bytes of an open file."""
    return file.read([range(len(file))])


class Maker:
    """Makes the content of a mount's files."""

    def __init__(self, mount: Mount, settings: Settings):
        self._mount, self._settings = mount, settings
        self._ways: Mapping[str, Callable[[Rule, File, FileHandler], Content]] = {
            "function": self._transformed,
            "template": self._rendered,
            **{language.name: self._compiled for language in LANGUAGES},
        }

    def make(self, rule: Rule, file: File, handler: FileHandler) -> Content:
        """The content of an open file in the rule's way.

        Raises what the site's function or template raises, CompileError and OptionError.
        """
        return self._ways[rule.how](rule, file, handler)

    def _transformed(self, rule: Rule, file: File, handler: FileHandler) -> Content:
        transform = rule.transform
        assert transform is not None
        content = whole(file)
        result = transform(
            content=content.decode(transform.encoding) if transform.encoding else content, handler=handler
        )
        body = as_bytes(result)
        return Content(as_bytes(handler.written) + body, self._made_type(file), merged([transform.headers]))

    def _rendered(self, _rule: Rule, file: File, handler: FileHandler) -> Content:
        variables = {
            "handler": handler,
            "request": handler.request,
            "variables": self._settings.variables,
        }
        text = templating.render(Path(file.path), variables, tornado=self._mount.gramex)
        return Content(as_bytes(handler.written) + text.encode(), self._made_type(file))

    def _compiled(self, rule: Rule, file: File, handler: FileHandler) -> Content:
        compiler = self._compilers[rule.how]
        query = {name: value for name, value in handler.request.args.items()}
        return Content(compiler.text(Path(file.path), query).encode(), compiler.language.mimetype)

    @cached_property
    def _compilers(self) -> Mapping[str, Compiler]:
        return {language.name: Compiler(language, self._mount.state / "compiled") for language in LANGUAGES}

    def _made_type(self, file: File) -> str:
        found = content_type(file.path, self._mount.mime)
        return "text/html" if found in _SOURCES else found
