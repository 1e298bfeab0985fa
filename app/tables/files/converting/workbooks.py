"""Cells of Excel and OpenDocument spreadsheets, made into CSV: a sheet, a range of it, or a table that has a name.

A column of whole numbers is one of integers, though Excel knows no such thing; one with numbers and words is text.
Rows without any value are left out.
"""

import csv
import datetime
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineWorkbook, load_workbook

from . import WIDEST, Refused

Row = Sequence[Any]


def write(path: str, target: str, options: Mapping[str, Any], unpacked: int) -> list[tuple[str, str]]:
    """Write the cells as CSV without a header, and return the name and the kind of each column. Raises `Refused`."""
    _check(path, unpacked)
    cells = read(path, Where(**options))
    with open(target, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells.rows)
    return list(zip(cells.names, cells.kinds, strict=True))


def _check(path: str, most: int) -> None:
    """Refuse a workbook, which is a zip file, whose parts have more bytes than this."""
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        return  # it may be an older one
    if size > most:
        raise Refused(f"has more than {most} bytes when it is unpacked")


class Where(NamedTuple):
    """Which cells: of a sheet, by name or number from 0, a range of it, or of a table with a name.

    `header` rows are above the one with names; with None there is no such row. Without either of `header` and `range`
    a sheet begins with its first row and column that hold anything.
    """

    sheet: str | int = 0
    range: str | None = None
    table: str | None = None
    header: int | None = 0


class Cells(NamedTuple):
    """Names, the kind of each column, and the rows, once. Cells without a value are the empty text."""

    names: Sequence[str]
    kinds: Sequence[str]
    rows: Iterable[Row]


def read(path: str, where: Where) -> Cells:
    """The cells. Raises `Refused`."""
    try:
        with closing(load_workbook(path, load_tables=where.table is not None)) as book:
            names, rows = _of_table(book, where.table) if where.table is not None else _of_sheet(book, path, where)
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise Refused(f"no workbook that can be read: {error}") from error
    return _typed(names, rows)


def _of_table(book: CalamineWorkbook, name: str) -> tuple[Row, Iterable[Row]]:
    names = book.table_names or ()
    if name not in names:
        raise Refused(f"no table {name!r}: it has {_listed(names)}")
    table = book.get_table_by_name(name)
    return table.columns, table.to_python()


def _of_sheet(book: CalamineWorkbook, path: str, where: Where) -> tuple[Row, Sequence[Row]]:
    which, area = where.sheet, _area(path, where.range)
    if area is not None and area.sheet is not None:
        which = area.sheet
    names = book.sheet_names
    if which not in (names if isinstance(which, str) else range(len(names))):
        raise Refused(f"no sheet {which!r}: it has {_listed(names)}")
    sheet = book.get_sheet_by_name(which) if isinstance(which, str) else book.get_sheet_by_index(which)
    rows = sheet.to_python(skip_empty_area=area is None and not where.header)
    return _headed(rows if area is None else area.of(rows), where.header)


def _headed(rows: Sequence[Row], header: int | None) -> tuple[Row, Sequence[Row]]:
    if header is None:
        return [""] * len(rows[0]) if rows else (), rows
    below = rows[header:]
    return (below[0], below[1:]) if below else ((), ())


class _Area(NamedTuple):
    sheet: str | None
    rows: slice
    columns: slice

    def of(self, rows: Sequence[Row]) -> list[Row]:
        return [row[self.columns] for row in rows[self.rows]]


_RANGE = re.compile(
    r"(?:(?P<sheet>'(?:[^']|'')+'|[^'!]+)!)?\$?([A-Z]{1,3})\$?(\d+):\$?([A-Z]{1,3})\$?(\d+)", re.IGNORECASE
)


def _area(path: str, text: str | None) -> _Area | None:
    """The cells of `A1:F20`, `Sheet!A1:F20`, or of a name that the workbook has for such a range."""
    if text is None:
        return None
    found = _RANGE.fullmatch(text) or _RANGE.fullmatch(_defined(path, text))
    if found is None:
        raise Refused(f"{text!r} is not the name of one range of cells")
    left, top, right, bottom = found.groups()[1:]
    sheet = found["sheet"] and found["sheet"].removeprefix("'").removesuffix("'").replace("''", "'")
    return _Area(sheet, slice(int(top) - 1, int(bottom)), slice(_number(left) - 1, _number(right)))


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _defined(path: str, name: str) -> str:
    """The range that a name stands for, which the reader does not tell."""
    names = _names(path) if zipfile.is_zipfile(path) else {}
    for known, cells in names.items():
        if known.lower() == name.lower():
            return cells
    raise Refused(f"no range {name!r}: it should be as A1:F20, or one of {_listed(list(names))}")


def _names(path: str) -> dict[str, str]:
    with zipfile.ZipFile(path) as parts:
        if "xl/workbook.xml" not in parts.namelist():
            return {}
        found = ElementTree.fromstring(parts.read("xl/workbook.xml")).iterfind(".//{*}definedName")
        return {item.get("name", ""): item.text or "" for item in found}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _typed(names: Row, rows: Iterable[Row]) -> Cells:
    if len(names) > WIDEST:
        raise Refused(f"has more than {WIDEST} columns")
    filled = [row for row in rows if any(row) or any(cell != "" for cell in row)]  # 0 and False are values
    by_column = [_column(cells) for cells in zip(*filled, strict=True)] or [("text", ())] * len(names)
    kinds = [kind for kind, _ in by_column]
    return Cells([_text(name) for name in names], kinds, zip(*(cells for _, cells in by_column), strict=True))


def _column(cells: Sequence[Any]) -> tuple[str, Iterable[Any]]:
    """The kind of a column, and its cells as they are written in CSV."""
    types = set(map(type, cells))
    filled = cells
    if str in types and not any(cell for cell in cells if type(cell) is str):
        types.remove(str)
        filled = [cell for cell in cells if cell != ""]
    kind = _kind(types)
    if kind == "float" and _whole(filled):
        return "integer", map(int, cells) if filled is cells else map(_text, cells)
    return kind, map(_text, cells) if kind == "text" and types != {str} else cells


def _whole(numbers: Sequence[float]) -> bool:
    """Whether they are integers, and none is so large that floating point cannot tell it from its neighbours."""
    return all(map(float.is_integer, map(float, numbers))) and max(map(abs, numbers)) < 2**53


def _kind(types: set[type]) -> str:
    if len(types) == 1:
        return _KINDS.get(types.pop(), "text")
    if types and types <= {int, float}:
        return "float"
    return "datetime" if types == {datetime.date, datetime.datetime} else "text"


_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "float",
    float: "float",
    datetime.date: "date",
    datetime.datetime: "datetime",
    datetime.time: "time",
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
