"""JSON: records, and the other forms that the original has; and a record on each line."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Literal

import orjson
from pydantic import Field

from app.json_provider import dumps
from app.tables.columns import DATES, Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options

Convert = Callable[[Any], Any]
Orient = Literal["records", "split", "values", "columns", "index", "table"]


class Json(Options):
    """JSON in the forms of pandas' `to_json` (gramex.md §11)."""

    format: Literal["json"] = Field("json", description="JSON")
    orient: Orient = Field("records", description="The form: records, split, values, columns, index or table")
    date_format: Literal["iso", "epoch"] | None = Field(
        None, description="Dates as ISO 8601, or as a number since 1970; epoch in a gramex.yaml, else iso"
    )
    date_unit: Literal["s", "ms", "us", "ns"] = Field("ms", description="What an epoch counts")
    double_precision: int | None = Field(
        None, ge=0, le=15, description="Digits after the point; 10 in a gramex.yaml, else all"
    )
    force_ascii: bool | None = Field(None, description="Escape what is not ASCII; true in a gramex.yaml, else false")
    lines: bool = Field(False, description="A record on each line instead of a list")
    indent: int = Field(0, ge=0, le=8, description="Spaces by which what is inside is indented; 0 is compact")

    def written(self) -> Format:
        """See Options."""
        if self.lines:
            return Format("application/x-ndjson", "ndjson", partial(_lines, self))
        return Format("application/json", "json", partial(_documents, self))


class Ndjson(Options):
    """A JSON object on each line."""

    format: Literal["ndjson"] = Field("ndjson", description="JSON, a record on each line")

    def written(self) -> Format:
        """See Options."""
        return Format("application/x-ndjson", "ndjson", partial(_lines, Json()))


def as_records(data: Data) -> Iterator[bytes]:
    """A JSON list of records, with ISO 8601 for dates."""
    return _records(data, _Writer(Json(), gramex=False))


class _Writer:
    """Makes JSON as the options, and the original where it is a gramex.yaml, have it."""

    def __init__(self, options: Json, gramex: bool):
        self._unit = options.date_unit if (options.date_format or ("epoch" if gramex else "iso")) == "epoch" else None
        self._digits = 10 if gramex and options.double_precision is None else options.double_precision
        self._ascii = gramex if options.force_ascii is None else options.force_ascii
        self._escapes, self._indent = gramex, options.indent
        self.gap = b"\n" if options.indent else b""

    def json(self, value: Any, inner: bool = False) -> bytes:
        """The value, or with `inner` what stands between its brackets."""
        text = _json(value, orjson.OPT_INDENT_2 if self._indent else 0)
        text = text[1:-1].strip(b"\n") if inner else text
        if self._escapes:
            text = text.replace(b"/", b"\\/")
        if self._indent not in (0, 2):
            text = re.sub(rb"(?m)^ +", lambda found: b" " * (len(found[0]) // 2 * self._indent), text)
        return _ascii(text) if self._ascii and not text.isascii() else text

    def rows(self, data: Data) -> Iterator[list[Row]]:
        """The rows with values that `json` writes as they should be; none of the lists is empty."""
        converts = [(at, convert) for at, column in enumerate(data.columns) if (convert := self._convert(column))]
        for rows in data.batches:
            if rows:
                yield _converted(rows, converts) if converts else rows

    def _convert(self, column: Column) -> Convert | None:
        if column.kind in DATES and self._unit:
            return partial(_epoch, _PER_DAY[self._unit])
        if column.kind is Kind.FLOAT and self._digits is not None:
            return partial(_rounded, self._digits)
        return None


def _documents(options: Json, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    writer = _Writer(options, context.gramex)
    write = _ORIENTS[options.orient]
    return write(datasets[0], writer) if is_single(datasets) else _by_name(datasets, writer, write)


def _by_name(datasets: Sequence[Data], writer: _Writer, write: "_Write") -> Iterator[bytes]:
    before = b"{"
    for data in datasets:
        yield before + writer.json(data.name) + b":"
        yield from write(data, writer)
        before = b",\n"
    yield b"{}" if before == b"{" else b"}"


def _lines(options: Json, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    """Records of several datasets are told apart by an object around each that has the name as its only key."""
    writer = _Writer(options.model_copy(update={"indent": 0}), context.gramex)
    for data in datasets:
        before, after = (b"", b"\n") if is_single(datasets) else (b"{" + writer.json(data.name) + b":", b"}\n")
        make, between = _maker(tuple(data.names)), after + before
        for rows in writer.rows(data):
            yield before + _on_lines(writer, make(rows), between) + after


def _on_lines(writer: _Writer, records: list[dict[str, Any]], between: bytes) -> bytes:
    """Records at once: as quotes in texts are escaped, only a nested value could have the brackets and the quote."""
    text = writer.json(records, inner=True)
    if text.count(_BETWEEN) == len(records) - 1:
        return text.replace(_BETWEEN, b"}" + between + b'{"')
    return between.join(map(writer.json, records))


_BETWEEN = b'},{"'


def _records(data: Data, writer: _Writer) -> Iterator[bytes]:
    make = _maker(tuple(data.names))
    return _listed(b"[]", (writer.json(make(rows), inner=True) for rows in writer.rows(data)), writer.gap)


def _values(data: Data, writer: _Writer) -> Iterator[bytes]:
    return _listed(b"[]", (writer.json(rows, inner=True) for rows in writer.rows(data)), writer.gap)


def _split(data: Data, writer: _Writer) -> Iterator[bytes]:
    """The index comes last, as only then it is known."""
    count = 0

    def pieces() -> Iterator[bytes]:
        nonlocal count
        for rows in writer.rows(data):
            count += len(rows)
            yield writer.json(rows, inner=True)

    yield b'{"columns":' + writer.json(data.names) + b',"data":'
    yield from _listed(b"[]", pieces(), writer.gap)
    yield b',"index":' + writer.json(list(range(count))) + b"}"


def _index(data: Data, writer: _Writer) -> Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        first, make = 0, _maker(tuple(data.names))
        for rows in writer.rows(data):
            yield writer.json({str(number): row for number, row in enumerate(make(rows), first)}, inner=True)
            first += len(rows)

    return _listed(b"{}", pieces(), writer.gap)


def _columns(data: Data, writer: _Writer) -> Iterator[bytes]:
    """The only form that needs all rows before it can begin."""
    rows = [row for batch in writer.rows(data) for row in batch]
    names = [str(number) for number in range(len(rows))]
    pieces = (
        writer.json(column.name) + b":" + writer.json(dict(zip(names, (row[at] for row in rows), strict=True)))
        for at, column in enumerate(data.columns)
    )
    return _listed(b"{}", pieces, writer.gap)


def _table(data: Data, writer: _Writer) -> Iterator[bytes]:
    """A Table Schema (Frictionless Data) with its records."""
    fields = [{"name": column.name, "type": _TYPES.get(column.kind, "string")} for column in data.columns]
    yield b'{"schema":' + writer.json({"fields": fields}) + b',"data":'
    yield from _records(data, writer)
    yield b"}"


def _listed(brackets: bytes, pieces: Iterator[bytes], gap: bytes = b"") -> Iterator[bytes]:
    """Pieces with commas between them, in brackets. The opening one comes with the first piece."""
    before = brackets[:1] + gap
    is_empty = True
    for piece in pieces:
        yield before + piece
        before, is_empty = b",\n", False
    yield brackets if is_empty else gap + brackets[1:]


_Write = Callable[[Data, _Writer], Iterator[bytes]]
_ORIENTS: dict[Orient, _Write] = {
    "records": _records,
    "split": _split,
    "values": _values,
    "columns": _columns,
    "index": _index,
    "table": _table,
}
_TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "integer",
    Kind.FLOAT: "number",
    Kind.DECIMAL: "number",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.DATETIME: "datetime",
}
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


@lru_cache(256)
def _maker(names: tuple[str, ...]) -> Callable[[Sequence[Row]], list[dict[str, Any]]]:
    """What makes records of rows. A display of a dict with its keys takes a third of the time of `dict(zip(...))`."""
    if not names:
        return lambda rows: [{} for _ in rows]
    keys = ", ".join(f"{name!r}: v{at}" for at, name in enumerate(names))
    variables = "".join(f"v{at}, " for at in range(len(names)))
    made: Callable[[Sequence[Row]], list[dict[str, Any]]] = eval(f"lambda rows: [{{{keys}}} for {variables}in rows]")
    return made


def _converted(rows: Sequence[Row], converts: Sequence[tuple[int, Convert]]) -> list[Row]:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for at, convert in converts:
        columns[at] = list(map(convert, columns[at]))
    return list(zip(*columns, strict=True))


_DAY_0 = date(1970, 1, 1).toordinal()


def _epoch(per_day: int, value: Any) -> Any:
    """A date or a time as a number since 1970, in units of which a day has so many."""
    if not isinstance(value, date):
        return value
    whole = (value.toordinal() - _DAY_0) * per_day
    if not isinstance(value, datetime):
        return whole
    microseconds = (value.hour * 3600 + value.minute * 60 + value.second) * 1_000_000 + value.microsecond
    return whole + microseconds * per_day // 86_400_000_000


def _rounded(digits: int, value: Any) -> Any:
    return round(value, digits) if isinstance(value, float) else value


def _json(value: Any, option: int) -> bytes:
    """JSON in which a time has no zone, as in the table: other JSON of ours takes times without a zone as local."""
    try:
        return orjson.dumps(value, default=_default, option=option)
    except TypeError:  # a whole number of more than 64 bits, as a sum may be
        return dumps(_with_texts(value))


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    return orjson.Fragment(dumps(value))


def _with_texts(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_with_texts(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_texts(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def _ascii(text: bytes) -> bytes:
    """JSON with escapes for what is not ASCII, which stands only in its texts."""
    return re.sub(r"[^\x00-\x7f]+", lambda found: _escaped(found[0]), text.decode()).encode()


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
