"""Copies of data files that are being read into DuckDB, how to read them, and the types of columns that we keep."""

import codecs
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from duckdb import DuckDBPyConnection

from app.tables.columns import Column, Kind


class Damaged(Exception):
    """What is wrong in a file, found by us and not by DuckDB; the text names the line where it can."""


@dataclass(frozen=True)
class Options:
    """How to read a file. `format` is by the name's extension if it is not given.

    `sep`, `encoding` and `na_values` (texts that mean null, besides the empty one) are for CSV; `sheet` (its name, or
    its number from 0), `range` (as A1:F20, or a name) and `table` for Excel, `table` (a number from 0, or an id) also
    for HTML; `records` names the key of a JSON object, or keys joined by points, below which the records are.
    `header` is how many lines or rows are above the one with the names; None if there is no such line.
    """

    format: str | None = None
    sep: str | None = None
    encoding: str = "utf-8"
    na_values: tuple[str, ...] = ()
    sheet: str | int = 0
    range: str | None = None
    table: str | None = None
    header: int | None = 0
    records: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.sep is not None and len(self.sep) != 1:
            raise ValueError(f"sep: {self.sep!r} should be one character")
        if self.header is not None and self.header < 0:
            raise ValueError(f"header: {self.header} should be 0 or more lines")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding: {self.encoding!r} is none that Python knows") from None


@dataclass(frozen=True)
class Copy:
    """A copy of a data file in a folder of ours, in one of `FORMATS`, and the table that is made of it."""

    db: DuckDBPyConnection
    path: Path
    format: str
    table: str
    options: Options

    def create(self, types: Mapping[str, str], source: str) -> None:
        """Make the table of the columns that a table function of DuckDB reads, in the types that we keep."""
        values = selected(types)
        self.db.execute(f"CREATE TABLE {self.table} AS SELECT {values} FROM {source}")

    def described(self, source: str) -> dict[str, str]:
        """The names and types of the columns of a table function."""
        return described(self.db, source)

    def opened(self, encoding: str = "utf-8-sig", errors: str = "replace") -> IO[str]:
        """The file's text, with one kind of line ends."""
        return io.TextIOWrapper(self.path.open("rb"), encoding, errors)

    def columns(self) -> tuple[Column, ...]:
        """Those of the table; none if there is no table."""
        return columns_of(self.db, self.table)


def columns_of(db: DuckDBPyConnection, table: str) -> tuple[Column, ...]:
    """The columns of a table of ours; none if there is no such table."""
    found = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index"
    return tuple(Column(name, kind_of(kind)) for name, kind in db.execute(found, [table]).fetchall())


def described(db: DuckDBPyConnection, source: str, values: Sequence[Any] = ()) -> dict[str, str]:
    """The names and types of the columns of what follows FROM."""
    rows = db.execute(f"DESCRIBE SELECT * FROM {source}", values).fetchall()
    return {name: kind for name, kind, *_ in rows}


def selected(types: Mapping[str, str]) -> str:
    """What to select for columns of these types of DuckDB, so that they come in the types that we keep."""
    return ", ".join(f"{_value(name, kind)} AS {quoted(name)}" for name, kind in types.items())


def distinct(names: Iterable[str]) -> list[str]:
    """Names for all columns, no two the same even when case is ignored, as DuckDB names those of a CSV."""
    taken: set[str] = set()
    result = []
    for index, cell in enumerate(names):
        wanted = name = cell.strip() or f"column{index}"
        number = 0
        while name.lower() in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name.lower())
        result.append(name)
    return result


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


_KINDS: Mapping[str, Kind] = {
    "BOOLEAN": Kind.BOOLEAN,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER"), Kind.INTEGER),
    **dict.fromkeys(("HUGEINT", "UHUGEINT", "UBIGINT"), Kind.DECIMAL),  # an integer of ours has 64 bits
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    "VARCHAR": Kind.TEXT,
    "DATE": Kind.DATE,
    "TIME": Kind.TIME,
    "TIMESTAMP": Kind.DATETIME,
    "BLOB": Kind.BINARY,
    "JSON": Kind.OTHER,
}


def kept(kind: str) -> str:
    """The type that we keep for one of DuckDB."""
    if kind.startswith("TIMESTAMP"):
        return "TIMESTAMP"
    if nested(kind):
        return "JSON"
    return kind if kind in _KINDS or kind.startswith("DECIMAL") else "VARCHAR"


def _value(name: str, kind: str) -> str:
    """A column in SQL, as one of the types that we keep."""
    name = quoted(name)
    if kind in ("FLOAT", "DOUBLE"):
        return f"nullif({name}, 'nan')"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{name} AT TIME ZONE 'UTC'"
    if nested(kind):
        return f"to_json({name})"
    return name if kept(kind) == kind else f"{name}::{kept(kind)}"


def nested(kind: str) -> bool:
    """Whether a type of DuckDB is one of lists or objects."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def kind_of(kind: str) -> Kind:
    """What a column of a type that we keep holds."""
    return Kind.DECIMAL if kind.startswith("DECIMAL") else _KINDS[kind]
