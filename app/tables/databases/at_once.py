"""Reads of SQLite that are done sooner than a thread would have begun: at once, or not at all.

A thread costs 31 µs and the wait for its turn; ten rows by a key cost 10 µs. Nobody can tell beforehand which query is
quick, so it gets a millisecond of the processor. If that does not suffice, the query runs again in a thread, and
others of its shape are not tried here for a while. No other greenlet runs meanwhile.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from time import monotonic, thread_time

from app.tables.columns import Value
from app.tables.databases.answer import BATCH, Ready
from app.tables.databases.engines import Engine, SQLite
from app.tables.sql.statements import Plan

BUDGET = 0.001
"""Seconds of the processor that a query has: those in which others had it are nobody's fault."""

PATIENCE = 0.02
"""Seconds that it has by the clock, in case a disk is slow."""

STEPS = 1000
"""Steps of SQLite's machine between two looks at the clock: some 50 µs."""

AGAIN, AT_LAST = 1.0, 64.0
"""Seconds after which queries of a shape that was too slow are tried again; twice as many each time, up to so many."""

_BLAMELESS = (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY)
"""Failures after which a connection is as good as before."""


class AtOnce:
    """The connections to one file. They never wait for who has locked it."""

    def __init__(self, engine: SQLite):
        self._engine = engine
        self._idle: list[_Reader] = []

    def run(self, plan: Plan, values: Sequence[Value]) -> Ready | None:
        """The answer, or None if it takes longer, is longer than a batch, or fails. Raises Missing, Down."""
        now, file = monotonic(), self._engine.found()
        if now < plan.slow_until:
            return None
        reader = self._reader(file)
        answer, is_fit = reader.answer(plan, values)
        if is_fit:
            self._idle.append(reader)
        if answer is None:
            plan.slow_for = min(plan.slow_for * 2 or AGAIN, AT_LAST)
            plan.slow_until = now + plan.slow_for
        else:
            plan.slow_for = 0.0
        return answer

    def _reader(self, file: tuple[int, int]) -> "_Reader":
        while self._idle:
            reader = self._idle.pop()
            if reader.file == file:
                return reader
        return _Reader(self._engine.opened(), file)


@cache
def reads(engine: Engine) -> AtOnce | None:
    """Those of a database, if it is SQLite."""
    return AtOnce(engine) if isinstance(engine, SQLite) else None


class _Reader:
    """A connection with a clock."""

    def __init__(self, connection: sqlite3.Connection, file: tuple[int, int]):
        self.file = file
        self._connection = connection
        self._begun: tuple[float, float] | None = None
        """The clocks at the first look: most queries end before it, and need none."""
        connection.set_progress_handler(self._is_late, STEPS)

    def _is_late(self) -> bool:
        if self._begun is None:
            self._begun = thread_time(), monotonic()
            return False
        used, begun = self._begun
        return thread_time() > used + BUDGET or monotonic() > begun + PATIENCE

    def answer(self, plan: Plan, values: Sequence[Value]) -> tuple[Ready | None, bool]:
        """The answer, and whether the connection can be used again."""
        self._begun = None
        try:
            return self._read(plan, values), True
        except sqlite3.Error as error:
            return None, getattr(error, "sqlite_errorcode", 0) & 0xFF in _BLAMELESS

    def _read(self, plan: Plan, values: Sequence[Value]) -> Ready | None:
        count = None
        if plan.counted:
            (count,) = self._connection.execute(plan.counted.sql, plan.counted.parameters(values)).fetchone()
        cursor = self._connection.execute(plan.select.sql, plan.select.parameters(values))
        rows = cursor.fetchmany(BATCH + 1)
        if len(rows) > BATCH:
            cursor.close()
            return None
        return Ready(plan.columns, plan.read(rows), count)
