"""A table or view of a database, by any URL of SQLAlchemy.

    sales = Table("postgresql://user@host/name", "sales")

Drivers that wait cooperatively (psycopg, PyMySQL) are called directly; SQLite and others in threads. A query that takes
too long, or whose caller went away, is stopped in the database itself.
"""

import time
from pathlib import Path

import sqlalchemy as sa

from app.tables import compiled, engines
from app.tables.answer import Answer
from app.tables.columns import BadValue, Column
from app.tables.query import PATTERNS, Filter, Having, Query
from app.tables.reflection import Reflected, reflect
from app.tables.source import Missing

AT_ONCE = 10_000
"""An answer of so many rows at most is fetched without a cursor in the server, which costs three more messages."""

REMEMBERED = 60.0
"""Seconds after which the columns are asked for again, in case somebody has added one."""


class Table:
    """A table or view of a database. See `app.tables.source.Source`."""

    def __init__(self, url: str, table: str, schema: str | None = None, folder: Path = Path()):
        """A relative path in a URL of SQLite starts at the folder."""
        self._url = engines.located(url, folder)
        self._engine = engines.connect(self._url)
        self._name, self._schema = table, schema
        self._reflected: Reflected | None = None
        self._reflected_at = 0.0

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        return self._reflect().columns

    def state(self) -> str | None:
        """See Source. Only SQLite has one: the times and sizes of its files."""
        if not engines.is_file(self._url):
            return None
        file = str(self._engine.sql.url.database)
        return "-".join(filter(None, map(_stamp, [file, file + "-wal"]))) or None

    def run(self, query: Query, timeout: float) -> "Answer":
        """See Source."""
        reflected = self._reflect()
        columns = compiled.outcome(query, reflected.columns)
        statement = compiled.select(query, *reflected, self._engine.dialect)
        counted = compiled.counted(query, *reflected, self._engine.dialect) if query.count else None
        streaming = query.limit is None or query.limit > AT_ONCE
        running = engines.Running(self._engine, self._connect(), timeout, streaming)
        answer = Answer(self._engine, running, columns)
        try:
            answer.start(statement, counted)
        except engines.BadPattern as error:
            raise _bad_pattern(query, error) from error
        except Missing:
            self._reflected = None
            raise
        return answer

    def _reflect(self) -> Reflected:
        now = time.monotonic()
        if self._reflected is None or now > self._reflected_at + REMEMBERED:
            with self._connect() as connection, self._engine.our_errors():
                self._reflected = self._engine.call(lambda: reflect(connection, self._name, self._schema))
            self._reflected_at = now
        return self._reflected

    def _connect(self) -> sa.Connection:
        if engines.is_file(self._url) and not Path(str(self._engine.sql.url.database)).is_file():
            raise Missing(f"there is no file {self._engine.sql.url.database}")  # SQLite would make one
        with self._engine.our_errors():
            return self._engine.connection()


def _stamp(file: str) -> str | None:
    try:
        found = Path(file).stat()
    except FileNotFoundError:
        return None
    return f"{found.st_mtime_ns:x}.{found.st_size:x}"


def _bad_pattern(query: Query, error: Exception) -> BadValue:
    """The first of the regular expressions is the suspect: the database does not say which."""
    conditions: list[tuple[str, Filter | Having]] = [(each.column, each) for each in query.filters]
    conditions += [(each.aggregate.name, each) for each in query.having]
    name, suspect = next((name, each) for name, each in conditions if each.op in PATTERNS)
    return BadValue(name, str(suspect.values[0]), f"a regular expression here: {error}")
