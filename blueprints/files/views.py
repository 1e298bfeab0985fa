"""Requests for files -> answers."""

import errno
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from flask import Request, Response, abort, jsonify, redirect, render_template, request
from flask.views import View
from markupsafe import Markup

from app import offload, sending
from app.mounts import Mount
from app.patterns import parse
from app.sending.bodies import File

from . import listing
from .compilers import OptionError
from .content import Content, FileHandler, Maker, whole
from .headers import HeaderRules, content_type
from .locations import first_group, undamaged, with_slash
from .settings import Settings
from .sources import Below, Found, Ruled
from .transforms import Rule, first, rules

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
_REFUSED = {errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV}

_LONG = 200
"""Entries from which a list is rendered in a thread: it would hold up the worker's other clients."""


class IsFolder(Exception):
    """What was to be opened as a file is a folder; the errors of a site's own functions are never taken for this."""


class FilesView(View):
    """Answers for one mount."""

    init_every_request = False

    def __init__(self, mount: Mount):
        settings = mount.settings
        assert isinstance(settings, Settings)
        self.mount, self.settings = mount, settings
        self.source = settings.source(mount.folder, mount.state)
        self.rules = rules(settings)
        self.headers = HeaderRules(settings.headers)
        self.maker = Maker(mount, settings)
        self._takes_args = isinstance(self.source, Ruled)

    def dispatch_request(self, **groups: Any) -> Response:
        """What the URL stands for: a file, something made of one or more files, or a folder."""
        group = first_group(groups)
        if "\ufffd" in group:
            group = undamaged(group, self.mount.pattern, request.environ)
        try:
            found = self.source.find(group, request.args if self._takes_args else {})
        except FileNotFoundError:
            abort(404)
        if len(found) > 1:
            return self._joined(found, groups)
        try:
            return self._file(found[0], found[0], groups)
        except IsFolder:
            return self._folder(found[0], groups)

    def _file(self, found: Found, asked: Found, groups: Mapping[str, Any]) -> Response:
        """The answer for a file; `asked` is its folder where it is a default file. Raises IsFolder."""
        shown = found.root.shown(found.path)
        headers = self.headers.of(shown)
        rule = first(self.rules, shown) if self.rules else None
        if rule is None:
            return self._as_it_is(found, headers)
        if rule.how == "markdown":
            return _varying(self._as_it_is(found, headers) if _wants_source() else _page(found, headers))
        handler = FileHandler(self.mount, groups, found, asked)
        with _opened(found) as file:
            content = self._made(rule, file, handler)
        return _answer(content, headers, handler)

    def _as_it_is(self, found: Found, headers: Mapping[str, str]) -> Response:
        root, path = found
        kind = content_type(path, self.mount.mime)
        try:
            return sending.send_file(
                _request(), path, mimetype=kind, headers=headers, precompressed=True, opener=root.open
            )
        except OSError as error:
            _refuse(error)

    def _made(self, rule: Rule, file: File, handler: FileHandler) -> Content:
        try:
            return self.maker.make(rule, file, handler)
        except OptionError as error:
            abort(400, str(error))

    def _joined(self, files: Sequence[Found], groups: Mapping[str, Any]) -> Response:
        """Files one after the other, each as its rule makes it; type and headers are those of the first."""
        handler = FileHandler(self.mount, groups, files[0], files[0])
        contents = [self._part(found, handler) for found in files]
        body = b"".join(content.body for content in contents)
        headers = self.headers.of(files[0].root.shown(files[0].path))
        return _answer(contents[0]._replace(body=body), headers, handler)

    def _part(self, found: Found, handler: FileHandler) -> Content:
        rule = first(self.rules, found.root.shown(found.path))
        with _opened(found) as file:
            if rule is None or rule.how == "markdown":  # a page within a page would be none
                return Content(whole(file), content_type(found.path, self.mount.mime))
            content = self._made(rule, file, handler)
        handler.written.clear()
        return content

    def _folder(self, folder: Found, groups: Mapping[str, Any]) -> Response:
        """The folder's default file, or the list of its entries; 404 if the settings want neither."""
        default = self._default(folder)
        if default is None and not self.settings.index:
            abort(404)
        target = self._redirect()
        if target is not None:
            return redirect(target, 301)  # type: ignore[return-value]  # flask.redirect's type is werkzeug's Response
        if default is None:
            return self._index(folder)
        try:
            return self._file(default, folder, groups)
        except IsFolder:
            abort(404)

    def _default(self, folder: Found) -> Found | None:
        paths = (f"{folder.path.rstrip('/')}/{name}" for name in self.settings.default_filename)
        return next((Found(folder.root, path) for path in paths if os.path.isfile(path)), None)

    def _redirect(self) -> str | None:
        """The URL with a slash at its end, where a folder's links start; None if the mount would not answer it."""
        if request.path.endswith("/") or parse(self.mount.pattern).match(request.path + "/") is None:
            return None
        return with_slash(request.environ, request.headers.get("X-Request-URI"))

    def _index(self, folder: Found) -> Response:
        """The list of a folder's entries, as a page or for programs."""
        root, path = folder
        below = path[len(root.path) :] if isinstance(self.source, Below) else ""
        fd = _opened_folder(folder)
        try:
            found = offload.run(listing.read, root, path, fd, below, request.args.get("_sort", "name"))
        finally:
            os.close(fd)
        if _wants_json():
            return _varying(jsonify(listing.as_json(found)))
        render = offload.run if len(found.entries) > _LONG else _inline
        page = render(self._list_page, found)
        headers = self.headers.of(root.shown(path))
        return _varying(sending.send_bytes(_request(), page.encode(), mimetype="text/html", headers=headers))

    def _list_page(self, found: listing.Listing) -> str:
        template = self.settings.index_template
        if template is not None:
            return listing.from_template(found, template.read_text("utf-8"))
        return render_template("listing.html", listing=found)


def _request() -> Request:
    """The request itself: each look through Flask's proxy for it costs as much as a system call."""
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]  # a werkzeug proxy


def _inline(fn: Any, *args: Any) -> Any:
    return fn(*args)


def _opened(found: Found) -> File:
    try:
        return File(found.path, found.root.open)
    except OSError as error:
        _refuse(error)


def _opened_folder(folder: Found) -> int:
    try:
        return folder.root.open(folder.path)
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    """Answer for a file that cannot be opened; trouble of the machine passes on as it is. Raises IsFolder."""
    if isinstance(error, IsADirectoryError):
        raise IsFolder from error
    if error.errno in _NOT_THERE:
        abort(404)
    if error.errno in _REFUSED:
        abort(403)
    raise error


def _page(found: Found, headers: Mapping[str, str]) -> Response:
    """A Markdown file as a page."""
    from . import markdown  # an extra

    with _opened(found) as file:
        text = whole(file).decode("utf-8", "replace")
    page = offload.run(markdown.render, text)
    title = page.title or listing.shown_name(os.path.basename(found.path))
    body = render_template("markdown.html", title=title, body=Markup(page.html))
    return sending.send_bytes(_request(), body.encode(), mimetype="text/html", headers=headers)


def _answer(content: Content, headers: Mapping[str, str], handler: FileHandler) -> Response:
    """What was made, with the headers of the settings, then of the transform, then of the function."""
    headers = {**headers, **content.headers}
    if handler.status not in (None, 200):  # conditions and ranges are for what a GET selects (RFC 9110 §13.2.1)
        return handler.apply_to(Response(content.body, mimetype=content.mimetype, headers=headers))
    return handler.apply_to(sending.send_bytes(_request(), content.body, mimetype=content.mimetype, headers=headers))


def _wants_source() -> bool:
    """Does the client ask for text/markdown or text/plain? Browsers and curl get the page."""
    offered = ("text/html", "text/markdown", "text/plain")
    return request.accept_mimetypes.best_match(offered, "text/html") != "text/html"


def _wants_json() -> bool:
    """Does the client ask for JSON by `?_format=json` or by name in Accept, before HTML?"""
    if "_format" in request.args:
        return request.args["_format"] == "json"
    return request.accept_mimetypes.best_match(("text/html", "application/json"), "text/html") == "application/json"


def _varying(answer: Response) -> Response:
    answer.vary.add("Accept")
    return answer
