"""Cells of Excel and OpenDocument spreadsheets: a sheet, or a table that has a name, with a kind for each column.

A column of whole numbers is one of integers, though Excel knows no such thing; one with numbers and words is text.
Rows without any value are left out. The reader is python-calamine, whose C code is to run in a thread.
"""

import csv
import datetime
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.tables.columns import Column, Kind

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

Row = Sequence[Any]
FORMATS = ("xlsx", "xlsm", "xlsb", "xls", "ods")


class NoSheet(LookupError):
    """The workbook cannot be read, or lacks what was asked for; the text says what it has."""


class Cells(NamedTuple):
    """The header, made into columns, and the rows below it, once. Cells without a value are the empty text."""

    columns: tuple[Column, ...]
    rows: Iterable[Row]


def read(path: Path, sheet: str | int = 0, table: str | None = None, header: int = 0) -> Cells:
    """The cells of a sheet, by name or number from 0, or of a named table; `header` rows are above the one with names.

    Without `header` a sheet begins with its first row and column that hold anything. Raises `NoSheet`.
    """
    from python_calamine import CalamineError, load_workbook

    try:
        with closing(load_workbook(path, load_tables=table is not None)) as book:
            names, rows = _of_table(book, table) if table is not None else _of_sheet(book, sheet, header)
    except (CalamineError, OSError) as error:
        raise NoSheet(f"no workbook that can be read: {error}") from error
    return _typed(names, rows)


def write_csv(cells: Cells, path: Path) -> None:
    """Write the rows as CSV without a header, for a reader that is told the kinds of the columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells.rows)


def _of_table(book: "CalamineWorkbook", name: str) -> tuple[Row, Iterable[Row]]:
    names = book.table_names or ()
    if name not in names:
        raise NoSheet(f"no table {name!r}: it has {_listed(names)}")
    table = book.get_table_by_name(name)
    return table.columns, table.to_python()


def _of_sheet(book: "CalamineWorkbook", which: str | int, header: int) -> tuple[Row, Iterable[Row]]:
    names = book.sheet_names
    if which not in (names if isinstance(which, str) else range(len(names))):
        raise NoSheet(f"no sheet {which!r}: it has {_listed(names)}")
    sheet = book.get_sheet_by_name(which) if isinstance(which, str) else book.get_sheet_by_index(which)
    rows = sheet.to_python(skip_empty_area=not header)[header:]
    return (rows[0], rows[1:]) if rows else ((), ())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _typed(names: Row, rows: Iterable[Row]) -> Cells:
    filled = [row for row in rows if any(row) or any(cell != "" for cell in row)]  # 0 and False are values
    by_column = [_column(cells) for cells in zip(*filled, strict=True)] or [(Kind.TEXT, ())] * len(names)
    kinds = (kind for kind, _ in by_column)
    return Cells(
        tuple(Column(name, kind) for name, kind in zip(distinct(names), kinds, strict=True)),
        zip(*(cells for _, cells in by_column), strict=True),
    )


def distinct(names: Row) -> list[str]:
    """Names for all columns, no two the same even when case is ignored, as DuckDB names those of a CSV."""
    taken: set[str] = set()
    result = []
    for index, cell in enumerate(names):
        wanted = name = _text(cell).strip() or f"column{index}"
        number = 0
        while name.lower() in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name.lower())
        result.append(name)
    return result


def _column(cells: Sequence[Any]) -> tuple[Kind, Iterable[Any]]:
    """The kind of a column, and its cells as they are written in CSV."""
    types = set(map(type, cells))
    filled = cells
    if str in types and not any(cell for cell in cells if type(cell) is str):
        types.remove(str)
        filled = [cell for cell in cells if cell != ""]
    kind = _kind(types)
    if kind is Kind.FLOAT and _whole(filled):
        return Kind.INTEGER, map(int, cells) if filled is cells else map(_text, cells)
    return kind, map(_text, cells) if kind is Kind.TEXT and types != {str} else cells


def _whole(numbers: Sequence[float]) -> bool:
    """Whether they are integers, and none is so large that floating point cannot tell it from its neighbours."""
    return all(map(float.is_integer, map(float, numbers))) and max(map(abs, numbers)) < 2**53


def _kind(types: set[type]) -> Kind:
    if len(types) == 1:
        return _KINDS.get(types.pop(), Kind.TEXT)
    if types and types <= {int, float}:
        return Kind.FLOAT
    return Kind.DATETIME if types == {datetime.date, datetime.datetime} else Kind.TEXT


_KINDS: Mapping[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.FLOAT,
    float: Kind.FLOAT,
    datetime.date: Kind.DATE,
    datetime.datetime: Kind.DATETIME,
    datetime.time: Kind.TIME,
}


def _text(cell: Any) -> str:
    """How Excel shows a cell: a whole number has no point."""
    if isinstance(cell, float):
        return str(int(cell)) if _whole((cell,)) else str(cell)
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, datetime.timedelta):
        return _duration(cell)
    return str(cell)


def _duration(span: datetime.timedelta) -> str:
    """Hours, minutes and seconds, the hours being as many as there are."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
