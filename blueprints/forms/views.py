"""A request -> its datasets and what each is asked -> their rows, as a page or in the format that it names."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import compress
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from flask import Response, g, jsonify, render_template, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed

from app import leaving
from app.handler import Handler, of_request
from app.json_provider import dumps
from app.mounts import Mount
from app.patterns import is_positional
from app.tables.schema import json_schema
from blueprints.forms import errors, page, results
from blueprints.forms.datasets import SINGLE, Dataset, Opened, split
from blueprints.forms.edits import edited, row_etag
from blueprints.forms.edits.journals import editor
from blueprints.forms.formats import ARGUMENTS, FORMATS, PAGE, Context, Data, Format, chosen, disposition
from blueprints.forms.functions import Args
from blueprints.forms.kept import Answer, Answers
from blueprints.forms.results import Answered, together
from blueprints.forms.settings import Settings

_NOT_OURS = ("gramex-", "skerry-", "x-http-method-override")
"""Beginnings of arguments that say who asks and how."""

_OF_FILES = ("template", "pptx")
"""Formats whose answers also change with a file that the YAML names."""

READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class TablesView:
    """Answers queries on the datasets, and changes of them; made once for a mount."""

    def __init__(self, mount: Mount):
        settings = mount.settings
        assert isinstance(settings, Settings)
        self.mount, self.settings = mount, settings
        self.is_single = not settings.datasets
        found = {SINGLE: settings} if self.is_single else settings.datasets
        self.datasets = [Dataset(name, dataset) for name, dataset in found.items()]
        self.is_found_by_request = any(one.is_asked_for for one in self.datasets)
        self.modify = None if self.is_single else settings.modify
        self.formats: dict[str, Format] = {**FORMATS, **{name: one.made() for name, one in settings.formats.items()}}
        self._answers = Answers()
        self._chosen = lru_cache(maxsize=256)(self._choose)  # most clients ask alike

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that make sense here: what SQL gives can only be read."""
        return ("GET", *WRITES) if any(one.is_table for one in self.datasets) else ("GET",)

    def __call__(self, /, **groups: Any) -> Response:
        """The rows, a page with them, or what was changed."""
        handler = of_request(self.mount, groups)
        with errors.answered(self.is_found_by_request):
            args = self._args(handler, groups)
            if request.method not in READS:
                return self._write(handler, args)
            try:
                with leaving.noticed(request.environ):
                    return self._read(handler, args)
            except leaving.Gone:
                return Response(status=leaving.STATUS)

    def _args(self, handler: Handler, groups: Mapping[str, Any]) -> list[Args]:
        """The arguments of each dataset: those of the request, over those of the path, over the defaults."""
        positional = {f"_{number}": [value] for number, value in enumerate(handler.path_args) if value is not None}
        named = {name: [str(value)] for name, value in groups.items() if not is_positional(name) and value is not None}
        asked = {name: values for name, values in handler.args.items() if not name.startswith(_NOT_OURS)}
        given = {**positional, **named, **asked}
        if self.is_single:
            return [{**_lists(self.settings.default), **given}]
        own = split(given, [dataset.name for dataset in self.datasets])
        shared = _lists(self.settings.default)
        return [{**shared, **_lists(one.settings.default), **own[one.name]} for one in self.datasets]

    def _read(self, handler: Handler, args: Sequence[Args]) -> Response:
        calls = [partial(one.read, own, handler) for one, own in zip(self.datasets, args, strict=True)]
        opened = together(calls)
        if handler.finished:  # `prepare` has answered
            return handler.apply_to(Response())
        last = opened[-1].args
        if "_schema" in last:
            return self._schema(opened)
        kind = self._kind(last, handler)
        if kind == PAGE and self.modify is None:
            return varying(self._page(opened, handler))
        return varying(self._data(opened, handler, "html" if kind == PAGE else kind))

    def _kind(self, args: Args, handler: Handler) -> str:
        """The name of the format. The path's extension wins over a default, which nobody has asked for."""
        _, dot, extension = request.path.rpartition("/")[2].lower().rpartition(".")
        extension = extension if dot else ""
        wins = "_format" not in handler.args and self._is_format(extension)
        asked = () if wins else tuple(args.get("_format", ()))
        return self._chosen(asked, request.environ.get("HTTP_ACCEPT", ""), extension)

    def _choose(self, asked: tuple[str, ...], accept: str, extension: str) -> str:
        return chosen({"_format": asked}, accept, extension, self.formats)

    def _is_format(self, extension: str) -> bool:
        return extension in self.formats or any(one.extension == extension for one in self.formats.values())

    def _schema(self, opened: Sequence[Opened]) -> Response:
        schemas = {one.name: json_schema(one.source.columns(), one.settings.id) for one in opened}
        return jsonify(schemas[SINGLE] if self.is_single else schemas)

    def _data(self, opened: Sequence[Opened], handler: Handler, kind: str) -> Response:
        etag = self._etag(opened, kind)
        if etag is None:
            return self._made(opened, handler, kind)
        if request.if_none_match.contains_weak(etag):
            response = Response(status=304)
            response.set_etag(etag, weak=True)
            return response
        return self._again(etag, kind) or self._kept(etag, self._made(opened, handler, kind))

    def _made(self, opened: Sequence[Opened], handler: Handler, kind: str) -> Response:
        queries = [results.parsed(one, _passed(handler)) for one in opened]
        calls = [partial(results.answered, *each, handler) for each in zip(opened, queries, strict=True)]
        return self._written(together(calls), handler, kind)

    def _again(self, etag: str, kind: str) -> Response | None:
        """An answer that was given before, and still is the same."""
        known = self._answers.get(etag)
        if known is None:
            return None
        g.format_headers = self.formats[kind].headers
        return Response(known.body, headers=Headers(known.headers))

    def _kept(self, etag: str, response: Response) -> Response:
        """The answer with its ETag; kept for who asks again."""
        if "ETag" in response.headers:  # of a row
            return response
        response.set_etag(etag, weak=True)
        if not response.is_streamed and not any(one.settings.prepare for one in self.datasets):
            self._answers.put(etag, Answer(response.get_data(), response.headers.to_wsgi_list()))
        return response

    def _etag(self, opened: Sequence[Opened], kind: str) -> str | None:
        """What changes whenever the answer may; None where nobody can tell cheaply, or a function makes the answer."""
        states, own = [one.source.state() for one in opened], self.settings.formats.get(kind)
        is_made = self.modify is not None or any(one.settings.modify for one in opened)
        if None in states or is_made or own is not None and own.format in _OF_FILES:
            return None
        asked = [[one.key, sorted((name, list(values)) for name, values in one.args.items())] for one in opened]
        return hashlib.sha256(dumps([states, kind, repr(own), request.path, asked])).hexdigest()[:32]

    def _written(self, answers: list[Answered], handler: Handler, kind: str) -> Response:
        """The answers in a format, or what `modify` gives in their place."""
        try:
            return self._formatted(answers, handler, kind)
        except BaseException:
            for answer in answers:
                answer.close()
            raise

    def _formatted(self, answers: list[Answered], handler: Handler, kind: str) -> Response:
        args, written = answers[-1].opened.args, self.formats[kind]
        final = answers if self.modify is None else results.modified_together(answers, self.modify, handler)
        if not isinstance(final, list):
            response = _of_value(final, written)
        elif any(answer.is_value for answer in final):
            response = _of_value(_values(final, self.is_single), written)
        else:
            response = self._of_rows(final, handler, written, args)
        for answer in answers:
            _describe(response, answer, handler)
        _save_as(response, args, written)
        return handler.apply_to(response)

    def _of_rows(self, answers: Sequence[Answered], handler: Handler, written: Format, args: Args) -> Response:
        """A stream of the rows; a page of them in one piece, whose length is known."""
        data = [Data(one.name, one.columns, one.batches, one.meta()) for one in answers]
        pieces = written.write(data, Context(handler, args, self.mount.gramex))
        is_whole = all(answer.is_whole for answer in answers)
        response = Response(b"".join(pieces) if is_whole else pieces, content_type=written.content_type)
        for answer in answers:
            response.call_on_close(answer.close)
        if len(answers) == 1 and answers[0].row is not None:
            response.set_etag(row_etag(answers[0].columns, answers[0].row))
            response.make_conditional(request.environ)
        return response

    def _page(self, opened: Sequence[Opened], handler: Handler) -> Response:
        """The page of the tables; what a function has made in place of rows is answered as it is."""
        try:
            pages = [self._page_of(one, handler) for one in opened]
        except results.NoRows as found:
            return handler.apply_to(_of_value(found.value, self.formats["json"]))
        title = self.mount.name.replace("_", " ").strip().capitalize()
        body = render_template("table.html", page=pages[0], pages=pages, title=title)
        return handler.apply_to(Response(body, content_type="text/html; charset=utf-8"))

    def _page_of(self, opened: Opened, handler: Handler) -> page.Page:
        query = results.parsed(opened, _passed(handler))
        ignored = {name for name, _ in query.ignored}
        hidden = [name for name in _of_path(handler) if name not in ignored]
        return page.answer(
            request.path,
            {name: values for name, values in opened.args.items() if name not in hidden},
            opened.source.columns(),
            partial(results.modified_run, opened, handler),
            opened.settings.timeout,
            asked=handler.args,
            name=opened.name,
            prefix="" if self.is_single else f"{opened.name}:",
            editable=self._is_editable(opened),
            id=opened.settings.id,
            formats=tuple(self.formats),
        )

    def _is_editable(self, opened: Opened) -> bool:
        """Whether the page may offer to change rows."""
        allowed = self.mount.methods is None or "PUT" in self.mount.methods
        if not (allowed and opened.settings.id and opened.settings.is_plain):
            return False
        try:
            editor(opened.source)
        except MethodNotAllowed:
            return False
        return True

    def _write(self, handler: Handler, args: Sequence[Args]) -> Response:
        tables = [each for each in zip(self.datasets, args, strict=True) if each[0].is_table]
        if not tables:
            raise MethodNotAllowed(READS, "this cannot be changed: it is what SQL gives, and no table")
        opened = [one.written(own, handler) for one, own in tables]
        return edited(opened, handler)


def _passed(handler: Handler) -> tuple[str, ...]:
    """The names of arguments that need not be columns."""
    return (*_of_path(handler), *ARGUMENTS)


def _of_path(handler: Handler) -> tuple[str, ...]:
    """The names of arguments that are groups of the pattern."""
    return (*(f"_{number}" for number in range(len(handler.path_args))), *handler.path_kwargs)


def _lists(defaults: Mapping[str, Sequence[str]]) -> Args:
    return {name: list(values) for name, values in defaults.items()}


def _values(answers: Sequence[Answered], is_single: bool) -> Any:
    """What functions have made, with the records of the other datasets."""
    if is_single:
        return answers[0].value
    return {one.name: one.value if one.is_value else results.records(one) for one in answers}


def _of_value(value: Any, written: Format) -> Response:
    """Text and bytes as they are, everything else as JSON. Raises ValueError for another format (gramex.md §11)."""
    is_json = written.content_type.startswith("application/json")
    if isinstance(value, str | bytes):
        return Response(value, content_type="text/html; charset=utf-8" if is_json else written.content_type)
    if not is_json:
        raise ValueError(f"modify gives {type(value).__name__}, which {written.extension} cannot be made of: use json")
    return Response(dumps(value), content_type=written.content_type)


def _describe(response: Response, answer: Answered, handler: Handler) -> None:
    """The headers that say what was understood, if they are asked for, and where the pages around this one are."""
    if any(answer.opened.args.get("_meta", ())):
        for key, value in answer.meta().items():
            text = dumps(value).decode().encode("ascii", "backslashreplace").decode()
            response.headers[f"FH-{quote(answer.name, safe='')}-{key}"] = text
    if answer.name == SINGLE:
        for rel, changed in answer.links.items():
            response.headers.add("Link", f'<{_address(changed)}>; rel="{rel}"')


def _address(changed: Mapping[str, str]) -> str:
    """The address of the request with other arguments, and without those that say who asks: others may get it too."""
    pairs = [pair for pair in request.environ.get("QUERY_STRING", "").split("&") if pair]
    names = [unquote_plus(pair.partition("=")[0]) for pair in pairs]
    ours = [name not in changed and not name.lower().startswith(_NOT_OURS) for name in names]
    kept = list(compress(pairs, ours))
    return f"{quote(request.path)}?{quote('&'.join([*kept, urlencode(changed)]), '%=&+', 'latin-1')}"


def _save_as(response: Response, args: Args, written: Format) -> None:
    name = args.get("_download", [""])[-1] or written.attachment
    if name:
        response.headers["Content-Disposition"] = disposition(name)
    g.format_headers = written.headers


def with_format_headers(response: Response) -> Response:
    """The headers of the format over those of the mount (gramex.md §9)."""
    for name, value in g.pop("format_headers", {}).items():
        response.headers[name] = value
    return response


def varying(response: Response) -> Response:
    """The response, which is another one for another header Accept."""
    if "Vary" in response.headers:
        response.vary.add("Accept")
    else:
        response.headers.add("Vary", "Accept")  # at a quarter of the cost
    return response
