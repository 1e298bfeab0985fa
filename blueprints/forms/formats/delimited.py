"""CSV and TSV, in a third of the time of Python's `csv`.

What a batch has in JSON, which is made at once, is turned into CSV where that is possible; else column by column.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from functools import partial
from types import NoneType
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field

from app.tables.columns import DATES, NUMBERS, Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options
from blueprints.forms.formats.values import numbered, text_of

_QUOTINGS = {0: "minimal", 1: "all", 2: "nonnumeric"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that spreadsheets take for a formula."""


def _quoting(value: Any) -> Any:
    """The numbers of Python's `csv`, as the original takes them, as words."""
    return _QUOTINGS.get(value, value) if isinstance(value, int) else value


class Csv(Options):
    """CSV in the words of pandas' `to_csv` (gramex.md §11)."""

    format: Literal["csv"] = Field("csv", description="CSV")
    sep: str = Field(",", min_length=1, max_length=1, description="What stands between the columns")
    header: bool = Field(True, description="Begin with the names of the columns")
    index: bool = Field(False, description="Put the numbers of the rows in front, from 0")
    na_rep: str = Field("", description="What stands where there is no value")
    float_format: str | None = Field(None, pattern=r"^%[-+ 0]*\d*(\.\d+)?[eEfFgG]$", description="As '%.2f'")
    date_format: str | None = Field(None, description="How dates are written, as '%d.%m.%Y'; ISO 8601 without it")
    decimal: str = Field(".", min_length=1, max_length=1, description="The decimal point")
    quoting: Annotated[Literal["minimal", "all", "nonnumeric"], BeforeValidator(_quoting)] = Field(
        "minimal", description="What is put in quotes: what needs it, all, or all but numbers"
    )
    lineterminator: Literal["\r\n", "\n"] = Field("\r\n", description="What ends a line")
    encoding: Literal["utf-8-sig", "utf-8", "utf-16", "latin-1", "cp1252"] = Field(
        "utf-8-sig", description="utf-8-sig has the mark by which Excel knows it"
    )
    escape_formulas: bool = Field(
        False, description="Put ' before text that a spreadsheet would take for a formula, as =1+1"
    )

    @property
    def is_plain(self) -> bool:
        """Whether values are written as they are."""
        changed = self.na_rep or self.float_format or self.date_format or self.escape_formulas
        return self.quoting == "minimal" and self.decimal == "." and not changed

    def written(self) -> Format:
        """See Options."""
        charset = self.encoding.removesuffix("-sig").upper()
        return Format(f"text/csv;charset={charset}", "csv", partial(_write, self), "data.csv")


class Tsv(Csv):
    """CSV with tabs."""

    format: Literal["tsv"] = Field("tsv", description="CSV with tabs")  # type: ignore[assignment]  # another literal
    sep: str = Field("\t", min_length=1, max_length=1, description="What stands between the columns")

    def written(self) -> Format:
        """See Options."""
        charset = self.encoding.removesuffix("-sig").upper()
        return Format(f"text/tab-separated-values;charset={charset}", "tsv", partial(_write, self), "data.tsv")


def _write(options: Csv, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    """One table; of several datasets each with a line of its name before it and an empty line after it."""
    return _encoded(_texts(options, datasets), options.encoding)


def _texts(options: Csv, datasets: Sequence[Data]) -> Iterator[str]:
    for data in datasets:
        table = _Table(options, numbered(data) if options.index else data)
        if is_single(datasets):
            yield from table.lines()
        else:
            yield table.quoted(data.name) + options.lineterminator
            yield from table.lines()
            yield options.lineterminator


def _encoded(texts: Iterator[str], encoding: str) -> Iterator[bytes]:
    """The pieces in the encoding; its mark only at the beginning, and `?` for what it does not have."""
    first = True
    for text in texts:
        later = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
        mark = {"utf-8-sig": b"\xef\xbb\xbf", "utf-16": b"\xff\xfe"}.get(encoding, b"") if first else b""
        yield mark + text.encode(later, "replace")
        first = False


class _Table:
    """Writes one dataset."""

    def __init__(self, options: Csv, data: Data):
        self._options, self._data = options, data
        self._special = re.compile(f'["\r\n{re.escape(options.sep)}]')
        kinds = {column.kind for column in data.columns}
        self._is_simple = options.is_plain and options.sep == "," and kinds <= _SIMPLE and len(data.columns) > 1
        starts = {b",[" if at == 0 else b"," for at, one in enumerate(data.columns) if one.kind is Kind.BOOLEAN}
        words = ((b"true", b"True"), (b"false", b"False"))
        self._words = [(start + word, start + text) for start in starts for word, text in words]
        self._to_text = [self._reader(column) for column in data.columns]

    def lines(self) -> Iterator[str]:
        """The head and the rows, batch by batch."""
        end = self._options.lineterminator
        if self._options.header:
            yield self._options.sep.join(map(self._head, self._data.names)) + end
        for rows in self._data.batches:
            if rows:
                yield (self._is_simple and self._by_json(rows) or end.join(self._rows(rows))) + end

    def _by_json(self, rows: Sequence[Row]) -> str:
        """The rows if no value of them needs quotes, and nothing otherwise.

        Then no text has a comma or something that JSON escapes, so that all commas and quotes are JSON's own.
        """
        json = _dumped(rows)
        if b"\\" in json or json.count(b",") != len(rows) * len(self._data.columns) - 1:
            return ""
        json, words = b",[" + json[2:-2], self._words
        if b"null" in json:
            if any(value in _INFINITIES for row in rows for value in row if type(value) is float):
                return ""  # which is null in JSON
            words = [*words, (b",null", b","), (b",[null", b",[")]
        for word, text in words:
            json = json.replace(word, text)
        return json[2:].replace(b"],[", self._options.lineterminator.encode()).replace(b'"', b"").decode()

    def _head(self, name: str) -> str:
        return f'"{name}"' if self._options.quoting != "minimal" and '"' not in name else self.quoted(name)

    def _rows(self, rows: Sequence[Row]) -> Iterator[str]:
        columns = [read(values) for read, values in zip(self._to_text, zip(*rows, strict=True), strict=True)]
        if len(columns) == 1:  # a line with nothing on it would be no row
            return (cell or '""' for cell in columns[0])
        return map(self._options.sep.join, zip(*columns, strict=True))

    def quoted(self, text: str) -> str:
        """The text in quotes if it needs them (RFC 4180)."""
        return '"' + text.replace('"', '""') + '"' if self._special.search(text) else text

    def _reader(self, column: Column) -> Callable[[Sequence[Any]], Sequence[str]]:
        """What makes text of values of a column."""
        if not self._options.is_plain:
            return partial(self._one_by_one, column)
        if column.kind in _BY_JSON and self._options.sep not in "-+.e0123456789":
            return partial(self._column_by_json, column.kind)
        return self._plain

    def _column_by_json(self, kind: Kind, values: Sequence[Any]) -> Sequence[str]:
        """Texts of numbers, dates and booleans, unless one of them is something else, as SQLite allows."""
        json = _json_of(kind, values)
        cells = _BY_JSON[kind](json).split(",")
        return cells if json and len(cells) == len(values) else self._plain(values)

    def _plain(self, values: Sequence[Any]) -> Sequence[str]:
        texts, find = _texts_of(values), self._special.search
        if not find("".join(texts)):
            return texts
        return ['"' + text.replace('"', '""') + '"' if find(text) else text for text in texts]

    def _one_by_one(self, column: Column, values: Sequence[Any]) -> Sequence[str]:
        return [self._cell(column, value) for value in values]

    def _cell(self, column: Column, value: Any) -> str:
        text = self._text(column, value)
        quoting = self._options.quoting
        if quoting == "all" or quoting == "nonnumeric" and column.kind not in NUMBERS:
            return '"' + text.replace('"', '""') + '"'
        return self.quoted(text)

    def _text(self, column: Column, value: Any) -> str:
        own = self._options
        if value is None or value != value:
            return own.na_rep
        if isinstance(value, str):
            return f"'{value}" if own.escape_formulas and value.startswith(_FORMULA) else value
        if own.date_format and column.kind in DATES and hasattr(value, "strftime"):
            return str(value.strftime(own.date_format))
        if column.kind in (Kind.FLOAT, Kind.DECIMAL):
            text = own.float_format % value if own.float_format else text_of(value)
            return text.replace(".", own.decimal)
        return text_of(value)


def _dumped(rows: Sequence[Row]) -> bytes:
    """The rows in JSON; nothing if they have values that it does not know."""
    try:
        return orjson.dumps(rows)
    except TypeError:
        return b""


def _texts_of(values: Sequence[Any]) -> Sequence[str]:
    try:
        "".join(values)
    except TypeError:
        return list(map(text_of, values))
    return values


def _json_of(kind: Kind, values: Sequence[Any]) -> str:
    """The values in JSON, with commas between them; empty if one of them is not of the kind, or has no form in it."""
    if kind in _TYPES and not set(map(type, values)) <= _TYPES[kind]:
        return ""
    try:
        json = orjson.dumps(values)[1:-1].decode()
    except TypeError:
        return ""
    is_text = kind not in _TYPES and '"' in json
    is_infinite = "null" in json and (math.inf in values or -math.inf in values)
    return "" if is_text or is_infinite else json


def _number(json: str) -> str:
    return json.replace("null", "")


def _boolean(json: str) -> str:
    return json.replace("null", "").replace("true", "True").replace("false", "False")


def _date(json: str) -> str:
    return json.replace("null", "").replace('"', "")


def _datetime(json: str) -> str:
    return json.replace("null", "").replace('"', "").replace("T", " ")


_BY_JSON: dict[Kind, Callable[[str], str]] = {
    Kind.INTEGER: _number,
    Kind.FLOAT: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIME: _date,
    Kind.DATETIME: _datetime,
}
_TYPES: dict[Kind, set[type]] = {
    Kind.DATE: {date, NoneType},
    Kind.TIME: {time, NoneType},
    Kind.DATETIME: {datetime, NoneType},
}
"""What has quotes in JSON, as texts have; among the others a text is found by them."""

_SIMPLE = {Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIME}
"""What is in CSV as it is in JSON, apart from quotes, nulls and booleans."""

_INFINITIES = (math.inf, -math.inf)
