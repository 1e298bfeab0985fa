"""Spreadsheets: what `converting.workbooks` makes of them."""

from pathlib import Path

from app.tables.columns import Column, Kind
from app.tables.files import conversions
from app.tables.files.copies import Options, distinct

FORMATS = ("xlsx", "xlsm", "xlsb", "xls", "ods")


def write_csv(book: Path, rows: Path, options: Options) -> tuple[Column, ...]:
    """Write the cells as CSV without a header, and return their columns. Raises `Damaged`."""
    where = {"sheet": options.sheet, "range": options.range, "table": options.table, "header": options.header}
    found = conversions.run("workbooks", book, rows, where)
    names = distinct([name for name, _ in found])
    return tuple(Column(name, Kind(kind)) for name, (_, kind) in zip(names, found, strict=True))
