"""The answer of a DuckDB: the worker's own, or a file's.

It runs in threads, and a query that takes too long, or whose caller has gone, is interrupted.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, cast

import duckdb
import sqlalchemy as sa
from duckdb import DuckDBPyConnection
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.compiler import SQLCompiler

from app import offload
from app.tables.columns import Column, Kind, Value
from app.tables.databases.reflection import Reflected
from app.tables.files.loading import Engine, Loaded
from app.tables.query import Query
from app.tables.source import Down, Missing, Row, TooLong
from app.tables.sql import compiled
from app.tables.sql.binding import Statement as Bindings
from app.tables.sql.reading import reader
from app.tables.sql.statements import Plan, Plans, values

BATCH = 2048
"""Rows that are made into Python's at a time, which takes 2 ms, in which nothing else in the worker runs."""

_AGAIN = 0.05
"""Seconds between two interrupts of a query that is late."""


class Connections(Protocol):
    """A DuckDB."""

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own for one query."""

    def call(self, cursor: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Around calls of DuckDB in their thread."""


def answered(tables: Engine, loaded: Loaded, query: Query, timeout: float, name: str) -> "Answer":
    """The answer to a query on a table that is loaded; `name` is how people call it. Raises Missing, Down, TooLong."""
    if not loaded.columns:
        return Answer(None, (), timeout, query.count)
    try:
        statements = _statements(query, _plans(loaded.table, loaded.columns).plan(query))
    except KeyError as error:
        raise Missing(f"{name}: has no column {error} any more") from error
    answer = Answer(tables, statements.columns, timeout)
    answer.start(loaded, statements)
    return answer


class Statement(NamedTuple):
    """SQL, and the values in it."""

    sql: str
    values: Sequence[Any]


class Statements(NamedTuple):
    """A query, written for DuckDB."""

    columns: tuple[Column, ...]
    select: Statement
    counted: Statement | None
    is_plain: bool
    """Whether the answer's columns are the table's, whose values DuckDB gives as what they are."""


def _as_they_are(rows: Iterable[Sequence[Any]]) -> list[Row]:
    return cast(list[Row], rows)  # fetchmany gives tuples in a list


def _statements(query: Query, plan: Plan) -> Statements:
    """Those of a plan, with the values of the query."""
    given = values(query)
    counted = None if plan.counted is None else _filled(plan.counted, given)
    is_plain = query.by is None and bool(plan.columns)
    return Statements(plan.columns, _filled(plan.select, given), counted, is_plain)


def _filled(statement: Bindings, given: Sequence[Value]) -> Statement:
    return Statement(statement.sql, tuple(statement.parameters(given)))


@lru_cache(maxsize=64)
def _plans(table: str, columns: tuple[Column, ...]) -> Plans:
    """The SQL for a table. Kept, as to write it takes longer than to run it on a small file."""
    found = sa.table(table, *(sa.column(column.name) for column in columns))
    return Plans(Reflected(found, columns), "duckdb", lambda select: Bindings(_made(select), _DIALECT))


def statements(query: Query, table: sa.FromClause, columns: tuple[Column, ...]) -> Statements:
    """What to run for a query on something whose columns have the types that we keep."""
    select = compiled.select(query, table, columns, "duckdb")
    counted = compiled.counted(query, table, columns, "duckdb") if query.count else None
    answer = compiled.outcome(query, columns)
    is_plain = query.by is None and bool(answer)
    return Statements(answer, written(select), None if counted is None else written(counted), is_plain)


def written(clause: sa.ClauseElement) -> Statement:
    """SQL for DuckDB, and its values in their order."""
    made = _made(clause)
    return Statement(str(made), [made.params[name] for name in made.positiontup or ()])


def _made(clause: sa.ClauseElement) -> SQLCompiler:
    return cast(SQLCompiler, clause.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}))


_DIALECT: sa.Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy has none
"""DuckDB's SQL is that of PostgreSQL."""


class Answer:
    """The rows of a query, made while they are read; none without an engine. See `app.tables.source.Result`."""

    def __init__(self, tables: Connections | None, columns: tuple[Column, ...], timeout: float, count: bool = False):
        self.columns = columns
        self.count: int | None = 0 if count else None
        self._tables, self._cursor = tables, tables.cursor() if tables else None
        self._timeout = timeout
        self._is_busy = False
        self._read = reader(columns)
        self._nested = [index for index, column in enumerate(columns) if column.kind is Kind.OTHER]
        self._rows: list[Row] = []
        self._held: object = None

    def start(self, held: object, statements: Statements) -> None:
        """Run the statements and fetch the first rows. What is `held` stays there until the answer is closed."""
        self._held = held
        if statements.is_plain:
            self._read = _as_they_are
        try:
            self._rows = self._step(lambda cursor: self._first(cursor, statements))
        except BaseException:
            self.close()
            raise

    @property
    def is_complete(self) -> bool:
        """See Result."""
        return len(self._rows) < BATCH

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
        cursor, self._cursor, self._held = self._cursor, None, None
        if cursor is None:
            return
        cursor.interrupt()
        if not self._is_busy:  # else it is closed when its thread lets go of it, which is now soon
            offload.run(cursor.close)

    def _first(self, cursor: DuckDBPyConnection, statements: Statements) -> list[Row]:
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


def _called(
    tables: Connections, cursor: DuckDBPyConnection, work: Callable[[DuckDBPyConnection], list[Row]]
) -> list[Row]:
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
