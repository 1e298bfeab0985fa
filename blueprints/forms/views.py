"""A request -> a query -> its rows, as a page or in a format that the request names."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, render_template, request
from werkzeug.exceptions import BadRequest, GatewayTimeout, InternalServerError, ServiceUnavailable

from app.accept import prefers_page
from app.handler import Handler
from app.json_provider import dumps
from app.mounts import Mount
from app.patterns import is_positional
from app.tables import source
from app.tables.columns import BadValue
from app.tables.grammar import Query, meta, parse
from app.tables.source import Unreadable
from blueprints.forms import page
from blueprints.forms.formats import FORMATS, Format, records_with_epochs
from blueprints.forms.settings import Settings

RETRY = 5
"""Seconds after which a client may ask again while the source is down."""

_NOT_OURS = ("gramex-", "skerry-", "x-http-method-override")
"""Beginnings of arguments that say who asks and how."""

Args = Mapping[str, Sequence[str]]


class TableView:
    """Answers queries on the table; made once for a mount."""

    def __init__(self, mount: Mount):
        settings = mount.settings
        assert isinstance(settings, Settings)
        self.mount, self.settings = mount, settings
        self.source = settings.opened()
        self.formats = FORMATS | ({"json": FORMATS["json"]._replace(write=records_with_epochs)} if mount.gramex else {})

    def __call__(self, /, **groups: Any) -> Response:
        """The rows, or a page with them."""
        try:
            return self._answer(self._args(groups))
        except BadValue as error:
            raise BadRequest(str(error)) from error
        except Unreadable as error:
            raise InternalServerError(str(error)) from error
        except (source.Missing, source.Down) as error:
            raise ServiceUnavailable(str(error), retry_after=RETRY) from error
        except source.TooLong as error:
            raise GatewayTimeout(f"the query took longer than {self.settings.timeout:g} s") from error

    def _args(self, groups: Mapping[str, Any]) -> Args:
        """The arguments of the request, over those of the path, over the defaults (gramex.md §8, §9)."""
        handler = Handler(self.mount, groups)
        positional = {f"_{number}": [value] for number, value in enumerate(handler.path_args) if value is not None}
        named = {name: [str(value)] for name, value in groups.items() if not is_positional(name) and value is not None}
        asked = {name: values for name, values in handler.args.items() if not name.startswith(_NOT_OURS)}
        return {**self.settings.default, **positional, **named, **asked}

    def _answer(self, args: Args) -> Response:
        kind = args.get("_format", [""])[-1] or ("html" if prefers_page() else "json")
        if kind == "html":
            return _varying(self._page(args))
        if kind not in self.formats:
            raise BadValue("_format", kind, f"one of {', '.join((*self.formats, 'html'))}")
        query, etag = parse(args, self.source.columns()), self._etag(args, kind)
        has_it = etag is not None and request.if_none_match.contains_weak(etag)
        response = Response(status=304) if has_it else self._rows(query, self.formats[kind])
        if etag is not None:
            response.set_etag(etag, weak=True)
        _describe(response, query, args, self.formats[kind])
        return _varying(response)

    def _etag(self, args: Args, kind: str) -> str | None:
        """What changes whenever the answer may, if the source can tell cheaply."""
        state = self.source.state()
        asked = dumps([state, kind, sorted((name, list(values)) for name, values in args.items())])
        return hashlib.sha256(asked).hexdigest()[:32] if state is not None else None

    def _rows(self, query: Query, written: Format) -> Response:
        """A stream of the rows. The first of them are awaited, so that a query that fails is no 200."""
        result = self.source.run(query, self.settings.timeout)
        names = [column.name for column in result.columns]
        response = Response(written.write(names, result.batches()), content_type=written.content_type)
        response.call_on_close(result.close)
        return response

    def _page(self, args: Args) -> Response:
        columns = self.source.columns()
        query = page.limited(parse(args, columns), args)
        result = self.source.run(replace(query, count=True), self.settings.timeout)
        try:
            rows = [row for batch in result.batches() for row in batch]
        finally:
            result.close()
        shown = page.Page(request.path, dict(args), result.columns, rows, result.count or 0, query)
        title = self.mount.name.replace("_", " ").strip().capitalize()
        return Response(render_template("table.html", page=shown, title=title), content_type="text/html; charset=utf-8")


def _describe(response: Response, query: Query, args: Args, written: Format) -> None:
    """The headers that say what was understood, if they are asked for, and how to save the answer."""
    if any(args.get("_meta", ())):
        for key, value in meta(query).items():
            response.headers[f"FH-data-{key}"] = dumps(value).decode().encode("ascii", "backslashreplace").decode()
    name = args.get("_download", [""])[-1] or (f"data.{written.extension}" if written.extension == "csv" else "")
    if name:
        response.headers.set("Content-Disposition", "attachment", filename=name)


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response
