"""Data files as tables: CSV, TSV, JSON, NDJSON, Parquet and spreadsheets, the text ones gzipped too.

    source = File(Path("sales.csv"), Options(sep=";"))

They are loaded into the worker's DuckDB (`app.tables.loading`), which answers the queries. It runs in threads, and a
query that takes too long, or whose caller has gone, is interrupted.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import duckdb
import sqlalchemy as sa
from duckdb import DuckDBPyConnection
from sqlalchemy.dialects.postgresql.base import PGDialect

from app import offload
from app.extras import need
from app.tables import compiled, excel
from app.tables.columns import Column, Kind
from app.tables.copies import Options
from app.tables.loading import Engine, Loaded, engine, stamp_of
from app.tables.query import Query
from app.tables.readers import format_of
from app.tables.reading import reader
from app.tables.source import Down, Missing, Row, TooLong

BATCH = 2048
"""Rows that are made into Python's at a time, which takes 2 ms, in which nothing else in the worker runs."""

_AGAIN = 0.05
"""Seconds between two interrupts of a query that is late."""

_LOADING = 30.0
"""Seconds to wait for the columns of a file that somebody else is loading."""


class File:
    """A file. It may change or vanish at any time; each query sees it as it is then. See `app.tables.source.Source`."""

    def __init__(self, path: Path, options: Options | None = None, tables: Engine | None = None):
        """Raises ValueError for a file of no format that is known, or without the package that reads it."""
        self._path, self._options, self._tables = path, options or Options(), tables or engine()
        if format_of(path.name, self._options)[0] in excel.FORMATS:
            need({"python_calamine": "python-calamine"}, "tables", path.name)

    def columns(self) -> tuple[Column, ...]:
        """See Source. A file that cannot be read raises Unreadable, a Down, here and in `run`."""
        return self._tables.loaded(self._path, self._options, _LOADING).columns

    def state(self) -> str | None:
        """See Source; None while the file is not there."""
        try:
            return "-".join(f"{part:x}" for part in stamp_of(self._path))
        except (Missing, Down):
            return None

    def run(self, query: Query, timeout: float) -> "Answer":
        """See Source."""
        loaded = self._tables.loaded(self._path, self._options, timeout)
        if not loaded.columns:
            return Answer(None, (), timeout, query.count)
        try:
            statements = _statements(query, loaded.table, loaded.columns)
        except KeyError as error:
            raise Missing(f"{self._path.name}: has no column {error} any more") from error
        answer = Answer(self._tables, statements.columns, timeout)
        answer.start(loaded, statements)
        return answer


class _Statement(NamedTuple):
    sql: str
    values: Sequence[Any]


class _Statements(NamedTuple):
    columns: tuple[Column, ...]
    select: _Statement
    counted: _Statement | None
    is_plain: bool
    """Whether the answer's columns are the table's, whose values DuckDB gives as what they are."""


def _as_they_are(rows: Iterable[Sequence[Any]]) -> list[Row]:
    return cast(list[Row], rows)  # fetchmany gives tuples in a list


@lru_cache(maxsize=512)
def _statements(query: Query, name: str, columns: tuple[Column, ...]) -> _Statements:
    """What to run for a query on a table. Kept, as to write it takes longer than to run it on a small file."""
    table = sa.table(name, *(sa.column(column.name) for column in columns))
    select = compiled.select(query, table, columns, "duckdb")
    if query.by is None and not query.sort and not query.distinct:
        select = select.order_by(None)  # DuckDB keeps the order of the source; told to, it would sort all rows first
    counted = compiled.counted(query, table, columns, "duckdb") if query.count else None
    answer = compiled.outcome(query, columns)
    is_plain = query.by is None and bool(answer)
    return _Statements(answer, _compiled(select), None if counted is None else _compiled(counted), is_plain)


def _compiled(select: sa.Select[Any]) -> _Statement:
    made = select.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names: Sequence[str] = getattr(made, "positiontup", None) or ()
    return _Statement(str(made), [made.params[name] for name in names])


_DIALECT: sa.Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy has none
"""DuckDB's SQL is that of PostgreSQL."""


class Answer:
    """The rows of a query, made while they are read; none without an engine. See `app.tables.source.Result`."""

    def __init__(self, tables: Engine | None, columns: tuple[Column, ...], timeout: float, count: bool = False):
        self.columns = columns
        self.count: int | None = 0 if count else None
        self._tables, self._cursor = tables, tables.cursor() if tables else None
        self._timeout = timeout
        self._is_busy = False
        self._read = reader(columns)
        self._nested = [index for index, column in enumerate(columns) if column.kind is Kind.OTHER]
        self._rows: list[Row] = []
        self._loaded: Loaded | None = None

    def start(self, loaded: Loaded, statements: _Statements) -> None:
        """Run the statements and fetch the first rows. The table stays there until the answer is closed."""
        self._loaded = loaded
        if statements.is_plain:
            self._read = _as_they_are
        try:
            self._rows = self._step(lambda cursor: self._first(cursor, statements))
        except BaseException:
            self.close()
            raise

    def batches(self) -> Iterator[list[Row]]:
        """See Result."""
        while self._rows:
            rows = self._rows
            self._rows = []
            yield rows
            if len(rows) == BATCH:
                self._rows = self._step(self._next)

    def close(self) -> None:
        """See Result."""
        cursor, self._cursor, self._loaded = self._cursor, None, None
        if cursor is None:
            return
        cursor.interrupt()
        if not self._is_busy:  # else it is closed when its thread lets go of it, which is now soon
            offload.run(cursor.close)

    def _first(self, cursor: DuckDBPyConnection, statements: _Statements) -> list[Row]:
        if statements.counted is not None:
            self.count = (cursor.execute(*statements.counted).fetchone() or (0,))[0]
        cursor.execute(*statements.select)
        return self._next(cursor)

    def _next(self, cursor: DuckDBPyConnection) -> list[Row]:
        rows = self._read(cursor.fetchmany(BATCH))
        return [self._with_objects(row) for row in rows] if self._nested else rows

    def _with_objects(self, row: Row) -> Row:
        """A row whose nested values are what their JSON says."""
        values = list(row)
        for index in self._nested:
            if values[index] is not None:
                values[index] = json.loads(values[index])
        return tuple(values)

    def _step(self, work: Callable[[DuckDBPyConnection], list[Row]]) -> list[Row]:
        """What a call of DuckDB returns, which runs in a thread and is interrupted at the timeout."""
        tables, cursor = self._tables, self._cursor
        if tables is None or cursor is None:
            return []
        self._is_busy = True
        with _our_errors(self._timeout), _interrupted(cursor, self._timeout):
            rows = offload.run(_called, tables, cursor, work, deadline=self._timeout)
        self._is_busy = False
        return rows


def _called(tables: Engine, cursor: DuckDBPyConnection, work: Callable[[DuckDBPyConnection], list[Row]]) -> list[Row]:
    with tables.call(cursor):
        return work(cursor)


@contextmanager
def _interrupted(cursor: DuckDBPyConnection, timeout: float) -> Iterator[None]:
    """Interrupt what runs when the time is over, or whoever waits for it goes away."""
    over = threading.Event()
    if not offload.cooperative():  # where it is, the thread's deadline has the same effect, and no other thread is made
        threading.Thread(target=_interrupt_late, args=(cursor, timeout, over), daemon=True).start()
    try:
        yield
    except BaseException:
        cursor.interrupt()
        raise
    finally:
        over.set()


def _interrupt_late(cursor: DuckDBPyConnection, timeout: float, over: threading.Event) -> None:
    """Interrupt again and again from the timeout on: DuckDB forgets an interrupt that comes before its query begins."""
    while not over.wait(timeout):
        cursor.interrupt()
        timeout = _AGAIN


@contextmanager
def _our_errors(timeout: float) -> Iterator[None]:
    try:
        yield
    except (duckdb.InterruptException, offload.Deadline) as error:
        raise TooLong(f"the query took longer than {timeout} s") from error
    except duckdb.Error as error:  # no memory, no disk, or the kind of a column changed after the query was made
        raise Down(str(error).partition("\n")[0]) from error
