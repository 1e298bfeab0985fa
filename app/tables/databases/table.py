"""A table or view of a database, by any URL of SQLAlchemy.

    sales = Table("postgresql://user@host/name", "sales")

Drivers that wait cooperatively (psycopg, PyMySQL) are called directly; SQLite and others in threads, but for what
SQLite finds at once. A query that takes too long, or whose caller went away, is stopped in the database itself.
"""

import time
from abc import ABC, abstractmethod
from pathlib import Path

import sqlalchemy as sa

from app.tables.columns import BadValue, Column, Value
from app.tables.databases import at_once, engines
from app.tables.databases.answer import Answer
from app.tables.databases.reflection import Reflected, reflect
from app.tables.query import PATTERNS, Filter, Having, Query
from app.tables.source import Missing, Result
from app.tables.sql.binding import Statement
from app.tables.sql.statements import Plan, Plans, Written, values

AT_ONCE = 10_000
"""An answer of so many rows at most is fetched without a cursor in the server, which costs three more messages."""

REMEMBERED = 10.0
"""Seconds after which the columns are asked for again, in case somebody has added one."""


class Known:
    """What is known of a table, and since when."""

    def __init__(self) -> None:
        self.plans: Plans | None = None
        self.until = 0.0

    def learn(self, reflected: Reflected, name: str, written: Written) -> Plans:
        """Keep what the database said. The statements that there are serve on if it said the same as before."""
        if self.plans is None or not self.plans.reflected.is_like(reflected):
            self.plans = Plans(reflected, name, written)
        self.until = time.monotonic() + REMEMBERED
        return self.plans


class Look:
    """A question about the columns, and whether anybody still waits for its answer."""

    def __init__(self) -> None:
        self._running: engines.Running | None = None
        self._given_up = False

    def begin(self, running: engines.Running) -> None:
        """Note what runs for it."""
        self._running = running
        running.given_up = self._given_up

    def give_up(self) -> None:
        """Have what runs for it stop."""
        self._given_up = True
        if self._running is not None:
            self._running.given_up = True


class Relation(ABC):
    """What can be read of a database like a table. See `app.tables.source.Source`."""

    def __init__(self, url: str, folder: Path, known: Known):
        self.url = engines.located(url, folder)
        """With the path of a file made absolute. Read only."""
        self._engine = engines.connect(self.url)
        self._at_once = at_once.reads(self._engine)
        self._known = known
        self._values: tuple[Value, ...] = ()
        """Values of its own, after those of a query."""

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        return self._plans().reflected.columns

    def state(self) -> str | None:
        """See Source. Only SQLite has one: the times and sizes of its files."""
        return self._engine.state()

    def run(self, query: Query, timeout: float) -> Result:
        """See Source."""
        try:
            return self._run(query, self._plan(query), timeout)
        except engines.TooWide:
            return self._run(query, self._plans().widened(query), timeout)

    def _run(self, query: Query, plan: Plan, timeout: float) -> Result:
        given = [*values(query), *self._values]
        ready = self._at_once.run(plan, given) if self._at_once else None
        return ready or self._answer(query, plan, given, timeout)

    def forget(self) -> None:
        """Ask the database for the columns before the next query: somebody knows that they have changed."""
        self._known.until = 0.0

    def _plan(self, query: Query) -> Plan:
        try:
            return self._plans().plan(query)
        except KeyError as error:
            self._known.plans = None
            raise Missing(f"there is no column {error} any more") from error
        except sa.exc.CompileError as error:
            raise ValueError(f"this database cannot answer that: {error}") from error

    def _answer(self, query: Query, plan: Plan, given: list[Value], timeout: float) -> Answer:
        streaming = query.limit is None or query.limit > AT_ONCE
        running = engines.Running(self._engine, self._connect(), timeout, streaming)
        answer = Answer(self._engine, running, plan)
        try:
            answer.start(given)
        except engines.BadPattern as error:
            raise _bad_pattern(query, error) from error
        except Missing:
            self._known.plans = None
            raise
        return answer

    def _plans(self) -> Plans:
        known = self._known
        if known.plans is None or time.monotonic() > known.until:
            reflected = self._looked(self._connect())
            return known.learn(reflected, self._engine.dialect, self._writer(reflected))
        return known.plans

    def _looked(self, connection: sa.Connection) -> Reflected:
        """What the database says."""
        look = Look()
        try:
            with self._engine.our_errors():
                found = self._engine.call(lambda: self._reflect(connection, look))
        except Exception:  # of the database, which has ended
            connection.close()
            raise
        except BaseException:  # this greenlet is killed: the connection is its thread's alone, and ends with that
            look.give_up()
            connection.detach()
            raise
        connection.close()
        return found

    @abstractmethod
    def _reflect(self, connection: sa.Connection, look: "Look") -> Reflected:
        """What the database says on a connection."""

    def _writer(self, reflected: Reflected) -> Written:
        """What writes SELECTs as the driver takes them."""
        dialect = self._engine.sql.dialect
        return lambda select: Statement(select.compile(dialect=dialect), dialect)

    def _connect(self) -> sa.Connection:
        with self._engine.our_errors():
            return self._engine.connection()


class Table(Relation):
    """A table or view of a database."""

    def __init__(self, url: str, table: str, schema: str | None = None, folder: Path = Path()):
        """A relative path in a URL of SQLite starts at the folder."""
        super().__init__(url, folder, Known())
        self.name, self.schema = table, schema
        """Read only, as `url` is."""

    def _reflect(self, connection: sa.Connection, look: "Look") -> Reflected:
        return reflect(connection, self.name, self.schema)


def _bad_pattern(query: Query, error: Exception) -> BadValue:
    """The first of the regular expressions is the suspect: the database does not say which."""
    conditions: list[tuple[str, Filter | Having]] = [(each.column, each) for each in query.filters]
    conditions += [(each.aggregate.name, each) for each in query.having]
    name, suspect = next((name, each) for name, each in conditions if each.op in PATTERNS)
    return BadValue(name, str(suspect.values[0]), f"a regular expression here: {error}")
