"""Copies of data files that are being read into DuckDB, how to read them, and the types of columns that we keep."""

import codecs
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from duckdb import DuckDBPyConnection

from app.tables.columns import Column, Kind


class Damaged(Exception):
    """What is wrong in a file, found by us and not by DuckDB; the text names the line where it can."""


@dataclass(frozen=True)
class Options:
    """How to read a file. `format` is by the name's extension if it is not given.

    `sep`, `encoding` and `na_values` (texts that mean null, besides the empty one) are for CSV; `sheet` (its name, or
    its number from 0) and `table` for Excel; `header` is how many lines or rows are above the one with the names.
    """

    format: str | None = None
    sep: str | None = None
    encoding: str = "utf-8"
    na_values: tuple[str, ...] = ()
    sheet: str | int = 0
    table: str | None = None
    header: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.sep is not None and len(self.sep) != 1:
            raise ValueError(f"sep: {self.sep!r} should be one character")
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
    gzipped: bool
    table: str
    options: Options

    @property
    def compression(self) -> str:
        """The option of DuckDB's readers."""
        return "compression='gzip'" if self.gzipped else "compression='none'"

    def create(self, types: Mapping[str, str], source: str) -> None:
        """Make the table of the columns that a table function of DuckDB reads, in the types that we keep."""
        values = ", ".join(f"{_value(name, kind)} AS {quoted(name)}" for name, kind in types.items())
        self.db.execute(f"CREATE TABLE {self.table} AS SELECT {values} FROM {source}")

    def described(self, source: str) -> dict[str, str]:
        """The names and types of the columns of a table function."""
        rows = self.db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        return {name: kind for name, kind, *_ in rows}

    def opened(self, encoding: str = "utf-8-sig", errors: str = "replace") -> IO[str]:
        """The file's text, with one kind of line ends."""
        raw: IO[bytes] = gzip.open(self.path) if self.gzipped else self.path.open("rb")  # type: ignore[assignment]
        return io.TextIOWrapper(raw, encoding, errors)

    def columns(self) -> tuple[Column, ...]:
        """Those of the table; none if there is no table."""
        found = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index"
        return tuple(Column(name, _kind(kind)) for name, kind in self.db.execute(found, [self.table]).fetchall())


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


def _value(name: str, kind: str) -> str:
    """A column in SQL, as one of the types above."""
    name = quoted(name)
    if kind in ("FLOAT", "DOUBLE"):
        return f"nullif({name}, 'nan')"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{name} AT TIME ZONE 'UTC'"
    if kind.startswith("TIMESTAMP_"):
        return f"{name}::TIMESTAMP"
    if nested(kind):
        return f"to_json({name})"
    return name if kind in _KINDS or kind.startswith("DECIMAL") else f"{name}::VARCHAR"


def nested(kind: str) -> bool:
    """Whether a type of DuckDB is one of lists or objects."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def _kind(kind: str) -> Kind:
    return Kind.DECIMAL if kind.startswith("DECIMAL") else _KINDS[kind]
