"""Cells of an Excel workbook changed by openpyxl; its other sheets stay.

openpyxl drops what it does not know, as charts and pictures, and the values of formulas, which only a spreadsheet can
compute again. Workbooks that have any of these are refused, so that nothing is lost.
"""

import zipfile
from collections.abc import Iterator, Sequence
from copy import copy
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.extras import need
from app.tables.columns import Value
from app.tables.edits.changes import Invalid
from app.tables.edits.patches import Patch
from app.tables.edits.transactions import Refused
from app.tables.files.copies import Options, distinct

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

LARGEST = 64 << 20
"""Bytes of an unpacked workbook that is edited; openpyxl needs many times as much memory."""

_LOST = (
    *(f"xl/{part}/" for part in ("charts", "media", "pivotTables", "slicers", "embeddings", "activeX", "ctrlProps")),
    *(f"xl/{part}" for part in ("diagrams/", "timelines/", "threadedComments/", "queryTables/", "connections.xml")),
    "xl/drawings/drawing",
)
_LONGEST = 32_767
"""Characters of a cell of Excel."""


def write(old: Path | None, beside: Path, patch: Patch, options: Options) -> None:
    """Write the workbook with the changes, or a new one. Raises Refused, and Invalid for a value Excel cannot hold."""
    need({"openpyxl": "openpyxl"}, "tables", f"to edit {patch.name}")
    book = _opened(old, patch) if old else _new(patch, options)
    _apply(_place(book, patch, options), patch)
    book.save(beside)


def _opened(old: Path, patch: Patch) -> "Workbook":
    from openpyxl import load_workbook

    with zipfile.ZipFile(old) as parts:
        lost = next((name for name in parts.namelist() if name.startswith(_LOST)), None)
        size = sum(part.file_size for part in parts.infolist())
    if lost:
        raise Refused(f"{patch.name}: cannot be edited: it has {lost}, which would be lost")
    if size > LARGEST:
        raise Refused(f"{patch.name}: is too large to be edited: put it into a database")
    try:
        book = load_workbook(old, keep_vba=patch.name.lower().endswith("m"), rich_text=True)
    except Exception as error:  # openpyxl has no error of its own for what it does not understand
        raise Refused(f"{patch.name}: cannot be edited: openpyxl cannot read it: {error}") from error
    for sheet in book.worksheets:
        if any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row):
            raise Refused(
                f"{patch.name}: cannot be edited: sheet {sheet.title} has formulas, whose values would be lost"
            )
    return book


def _new(patch: Patch, options: Options) -> "Workbook":
    from openpyxl import Workbook

    book = Workbook()
    sheet: Any = book.active
    sheet.title = options.sheet if isinstance(options.sheet, str) else "Sheet1"
    sheet.append([column.name for column in patch.columns])
    return book


class _Place(NamedTuple):
    """Where the rows are: the numbers of those in the sheet, and the columns."""

    sheet: "Worksheet"
    rows: Sequence[int]
    columns: Sequence[int]
    last: int
    """The last row that belongs to the table, whether it has values or not."""
    table: str | None


def _place(book: "Workbook", patch: Patch, options: Options) -> _Place:
    if options.table is not None:
        return _of_table(book, options.table, patch)
    sheet = book[options.sheet] if isinstance(options.sheet, str) else book.worksheets[options.sheet]
    if options.header is None:
        raise Refused(f"{patch.name}: cannot be edited: it has no row with the names of columns")
    rows, lefts = zip(*_filled(sheet), strict=True)
    head = options.header + 1 if options.header else min(rows)
    left = 1 if options.header else min(lefts)
    columns, last = range(left, left + len(patch.columns)), max(rows)
    return _checked(_Place(sheet, _filled_rows(sheet, head + 1, last, columns), columns, last, None), head, patch)


def _filled(sheet: "Worksheet") -> Iterator[tuple[int, int]]:
    """The row and the column of each cell with a value."""
    for number, row in enumerate(sheet.iter_rows(min_row=1, min_col=1), 1):
        yield from ((number, index) for index, cell in enumerate(row, 1) if _is_filled(cell.value))


def _of_table(book: "Workbook", name: str, patch: Patch) -> _Place:
    sheet = next(sheet for sheet in book.worksheets if name in sheet.tables)
    table = sheet.tables[name]
    if table.totalsRowCount:
        raise Refused(f"{patch.name}: cannot be edited: the table {name} has a row of totals")
    left, top, right, bottom = _boundaries(table.ref)
    columns = range(left, right + 1)
    place = _Place(sheet, _filled_rows(sheet, top + 1, bottom, columns), columns, bottom, name)
    return _checked(place, top, patch)


def _boundaries(area: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a range such as A1:F20."""
    from openpyxl.utils import range_boundaries

    left, top, right, bottom = (number or 1 for number in range_boundaries(area))
    return left, top, right, bottom


def _checked(place: _Place, head: int, patch: Patch) -> _Place:
    names = [place.sheet.cell(head, column).value for column in place.columns]
    if distinct(["" if name is None else str(name) for name in names]) != [column.name for column in patch.columns]:
        raise Refused(f"{patch.name}: cannot be edited: its header is not what was read")
    patch.check(len(place.rows))
    return place


def _filled_rows(sheet: "Worksheet", first: int, last: int, columns: Sequence[int]) -> list[int]:
    """The rows that have a value: others are none to who reads the sheet."""
    return [
        row for row in range(first, last + 1) if any(_is_filled(sheet.cell(row, column).value) for column in columns)
    ]


def _is_filled(value: Any) -> bool:
    return value is not None and value != ""


def _apply(place: _Place, patch: Patch) -> None:
    for number, values in patch.updated.items():
        for column, index in zip(patch.columns, place.columns, strict=True):
            if column.name in values:
                _set(place.sheet.cell(place.rows[number], index), values[column.name], column.name)
    last = place.last
    for row in patch.new_rows():
        last += 1
        _append(place, last, row, patch)
    deleted = sorted((place.rows[number] for number in patch.deleted), reverse=True)
    for number in deleted:
        _remove(place, number, last, patch)
        last -= 1
    if place.table is not None:
        _resize(place, max(last, place.last - len(deleted)), patch)


def _append(place: _Place, number: int, row: Sequence[Value | None], patch: Patch) -> None:
    """A row below the last, with its style."""
    for column, index, value in zip(patch.columns, place.columns, row, strict=True):
        cell = place.sheet.cell(number, index)
        if _is_filled(cell.value):
            raise Refused(f"{patch.name}: cannot be edited: there is no room below the table")
        if place.rows:
            cell._style = copy(place.sheet.cell(place.rows[-1], index)._style)  # type: ignore[union-attr]  # openpyxl has no other way to copy one
        _set(cell, value, column.name)


def _remove(place: _Place, number: int, last: int, patch: Patch) -> None:
    """Take a row out of the sheet, or of the table in it, whose neighbours stay where they are."""
    if place.sheet.merged_cells.ranges:
        raise Refused(f"{patch.name}: no row can be deleted: the sheet has merged cells")
    if place.table is None:
        place.sheet.delete_rows(number)
        return
    for row in range(number, last + 1):
        for index in place.columns:
            here, below = place.sheet.cell(row, index), place.sheet.cell(row + 1, index)
            here.value = below.value if row < last else None
            if row < last:
                here._style = copy(below._style)  # type: ignore[union-attr]  # as above


def _resize(place: _Place, last: int, patch: Patch) -> None:
    from openpyxl.utils import get_column_letter

    table = place.sheet.tables[place.table or ""]
    left, top, right, _ = _boundaries(table.ref)
    table.ref = f"{get_column_letter(left)}{top}:{get_column_letter(right)}{max(last, top + 1)}"
    if table.autoFilter:
        table.autoFilter.ref = table.ref


def _set(cell: Any, value: Value | None, name: str) -> None:
    """Put a value into a cell; its style stays, but a date in a cell for numbers looks like a date."""
    from openpyxl.utils.exceptions import IllegalCharacterError

    if isinstance(value, str) and len(value) > _LONGEST:
        raise Invalid(f"{name}: Excel takes at most {_LONGEST} characters")
    if type(value) is int and abs(value) > 2**53:
        raise Invalid(f"{name}: {value} has more digits than Excel keeps")
    if isinstance(value, date) and value.year < 1900:
        raise Invalid(f"{name}: Excel has no dates before 1900")
    try:
        cell.value = value
    except (IllegalCharacterError, ValueError) as error:
        raise Invalid(f"{name}: has a character that Excel does not take") from error
    if isinstance(value, str):
        cell.data_type = "s"  # openpyxl would take one that begins with = for a formula
