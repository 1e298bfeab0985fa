"""What is to be changed in a file, by the numbers of its rows; and values as text, written as the file writes them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.tables.columns import Column, Kind, Value
from app.tables.edits.changes import Record
from app.tables.edits.transactions import Refused

TYPES: Mapping[Kind, str] = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.DECIMAL: "DECIMAL(38, 10)",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.DATETIME: "TIMESTAMP",
    Kind.BINARY: "BLOB",
    Kind.OTHER: "JSON",
}
"""What DuckDB calls the columns of a file that is new."""


def free_name(columns: Sequence[Column]) -> str:
    """A name that no column has, for the numbers of the rows."""
    taken = {column.name.lower() for column in columns}
    return next(name for size in itertools.count(1) if (name := "_" * size + "row") not in taken)


@dataclass
class Patch:
    """Changes of a file whose rows have the numbers from 0; new rows have those after."""

    name: str
    """The file's, for messages."""
    columns: tuple[Column, ...]
    rows: int
    updated: dict[int, dict[str, Value | None]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    inserted: dict[int, dict[str, Value | None]] = field(default_factory=dict)
    _added: int = 0

    def __bool__(self) -> bool:
        return bool(self.updated or self.deleted or self.inserted)

    def insert(self, row: Record) -> int:
        """Add a row; its number."""
        number = self.rows + self._added
        self._added += 1
        self.inserted[number] = dict(row)
        return number

    def update(self, number: int, values: Record) -> None:
        """Set values of a row."""
        if number in self.inserted:
            self.inserted[number].update(values)
        else:
            self.updated.setdefault(number, {}).update(values)

    def delete(self, number: int) -> None:
        """Remove a row."""
        if self.inserted.pop(number, None) is None:
            self.deleted.add(number)
            self.updated.pop(number, None)

    def new_rows(self) -> Iterator[list[Value | None]]:
        """The values of the rows that were added, in the order of the columns."""
        for row in self.inserted.values():
            yield [row.get(column.name) for column in self.columns]

    def check(self, rows: int) -> None:
        """Raise Refused if who writes the file counts other rows in it than who reads it."""
        if rows != self.rows:
            raise Refused(f"{self.name}: cannot be edited: it has {self.rows} rows to read and {rows} to write")


def shown(value: Value, like: str = "") -> str:
    """A value as text, in the manner of another text of its column."""
    if isinstance(value, bool):
        text = str(value).lower()
        return text.upper() if like.isupper() else text.capitalize() if like.istitle() else text
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat("T" if "T" in like else " ") + _zone(like)
    return value.isoformat() if isinstance(value, date) or hasattr(value, "isoformat") else str(value)


def _zone(like: str) -> str:
    """Times are those of UTC; where others of the column say their zone, so does a new one."""
    if like.endswith("Z"):
        return "Z"
    return "+00:00" if "+" in like[10:] or "-" in like[10:] else ""
