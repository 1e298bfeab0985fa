"""Excel workbooks, by XlsxWriter: a sheet for each dataset, written row by row at constant memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import Field

from app import offload
from app.tables.columns import Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options
from blueprints.forms.formats.spooled import spooled
from blueprints.forms.formats.values import is_finite, numbered, text_of

if TYPE_CHECKING:
    from xlsxwriter.format import Format as Style
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

ROWS = (1 << 20) - 1
"""Rows of a sheet below its head. What is more goes on in a further sheet."""

_DIGITS = 15
"""Digits of a number: Excel forgets all others, so longer ones are text."""

_LARGEST = 10**_DIGITS

_MEASURED = 1000
"""Rows whose texts say how wide the columns are."""

_LONGEST = 32_767
"""Characters of a cell."""

_FIRST_DAY = date(1900, 3, 1)
"""Excel takes 1900 for a leap year, and has no days before it: earlier ones are text."""

_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORBIDDEN = str.maketrans("[]:*?/\\", "_______")


class Xlsx(Options):
    """A workbook, in the words of pandas' `to_excel` (gramex.md §11)."""

    needs, extra = {"xlsxwriter": "XlsxWriter"}, "tables"

    format: Literal["xlsx"] = Field("xlsx", description="An Excel workbook")
    sheet_name: str | None = Field(None, description="Name of the only sheet; else sheets are named as the datasets")
    index: bool = Field(False, description="Put the numbers of the rows in front, from 0")
    header: bool = Field(True, description="Begin with the names of the columns, bold, which stay when one scrolls")
    na_rep: str = Field("", description="What stands where there is no value")
    float_format: str | None = Field(None, description="Excel's format of decimal numbers, as '#,##0.00'")
    date_format: str = Field("yyyy-mm-dd", description="Excel's format of dates")
    datetime_format: str = Field("yyyy-mm-dd hh:mm:ss", description="Excel's format of dates with times")
    filters: bool = Field(True, description="Put Excel's filters into the head")

    def written(self) -> Format:
        """See Options."""
        return Format(_CONTENT_TYPE, "xlsx", partial(_write, self), "data.xlsx")


def _write(options: Xlsx, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    return spooled(lambda file: _fill(options, datasets, file))


def _fill(options: Xlsx, datasets: Sequence[Data], file: IO[bytes]) -> None:
    """The rows are awaited here, and written in a thread: it takes 5 µs for each cell."""
    import xlsxwriter

    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    try:
        names = _Names()
        for data in datasets:
            _add(book, options, data, names)
    finally:  # it also removes the temporary files of the sheets
        offload.run(book.close)


def _add(book: "Workbook", options: Xlsx, data: Data, names: "_Names") -> None:
    name = options.sheet_name if options.sheet_name and is_single([data]) else data.name
    table = _Table(book, options, numbered(data) if options.index else data, partial(names.free, name))
    for rows in table.data.batches:
        offload.run(table.add, rows)
    offload.run(table.finish)


class _Names:
    """Names of sheets as Excel takes them: at most 31 characters, without some, each once in any case."""

    def __init__(self) -> None:
        self._taken = {"history"}

    def free(self, name: str) -> str:
        name = name.translate(_FORBIDDEN).strip("'") or "data"
        number, free = 1, name[:31]
        while free.lower() in self._taken:
            number += 1
            free = f"{name[: 31 - len(f' ({number})')]} ({number})"
        self._taken.add(free.lower())
        return free


class _Table:
    """A dataset in its sheet, and in further ones when that is full."""

    def __init__(self, book: "Workbook", options: Xlsx, data: Data, name: Callable[[], str]):
        self._book, self._options, self.data, self._name = book, options, data, name
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._styles = [self._style(column) for column in data.columns]
        self._widths = [0] * len(data.columns)
        self._begin()

    def _style(self, column: Column) -> "Style | None":
        own = self._options
        formats = {
            Kind.DATE: own.date_format,
            Kind.DATETIME: own.datetime_format,
            Kind.TIME: "hh:mm:ss",
            Kind.FLOAT: own.float_format,
            Kind.DECIMAL: own.float_format,
        }
        found = formats.get(column.kind)
        return self._book.add_format({"num_format": found}) if found else None

    def _begin(self) -> None:
        self._sheet: Worksheet = self._book.add_worksheet(self._name())
        self._row = 0
        if self._options.header and self.data.columns:
            self._sheet.freeze_panes(1, 0)
            for at, column in enumerate(self.data.columns):
                self._sheet.write_string(0, at, column.name[:_LONGEST], self._bold)
                self._widths[at] = max(self._widths[at], len(column.name) + 3 * self._options.filters)
            self._row = 1

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows below the others."""
        for row in rows:
            if self._row > ROWS:
                self.finish()
                self._begin()
            for at, (value, style) in enumerate(zip(row, self._styles, strict=True)):
                self._cell(at, value, style)
            if self._row <= _MEASURED:
                self._widths = list(map(max, self._widths, map(_width, row)))
            self._row += 1

    def _cell(self, at: int, value: Any, style: "Style | None") -> None:
        sheet, row = self._sheet, self._row
        value = self._options.na_rep if value is None or value != value else _known(value)
        kind = type(value)
        if kind is str:
            if value:
                sheet.write_string(row, at, value)  # and no formula, whatever it begins with
        elif kind is bool:
            sheet.write_boolean(row, at, value)
        elif kind is int or kind is float:
            sheet.write_number(row, at, value, style)
        else:
            sheet.write_datetime(row, at, value, style)

    def finish(self) -> None:
        """Set what can be only when all rows are known."""
        for at, width in enumerate(self._widths):
            self._sheet.set_column(at, at, min(max(width, 6), 60) + 2)
        if self._options.header and self._options.filters and self.data.columns:
            self._sheet.autofilter(0, 0, max(self._row - 1, 0), len(self.data.columns) - 1)


def _known(value: Any) -> Any:
    """A value that Excel has: text, a boolean, a number, a date or a time; what it has not is text."""
    kind = type(value)
    if kind is str:
        return value[:_LONGEST]
    if kind is bool or kind is time or kind is int and -_LARGEST < value < _LARGEST:
        return value
    if kind is float and is_finite(value):
        return value
    if kind is Decimal and is_finite(value) and len(value.as_tuple().digits) <= _DIGITS:
        return float(value)
    if kind in (date, datetime) and (value.date() if kind is datetime else value) >= _FIRST_DAY:
        return value
    return text_of(value)[:_LONGEST]


def _width(value: Any) -> int:
    if isinstance(value, date):
        return 19 if isinstance(value, datetime) else 10
    return len(str(value))
