"""The rows of a statement that a database is running."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from app.tables.columns import Column, Value
from app.tables.databases.engines import Engine, Running
from app.tables.source import Down, Row, TooLong
from app.tables.sql.statements import Plan

T = TypeVar("T")
BATCH = 1000
"""Rows that are read at once; SQLite takes a millisecond for them."""


class Ready:
    """An answer that is complete. See `app.tables.source.Result`."""

    is_complete = True

    def __init__(self, columns: tuple[Column, ...], rows: list[Row], count: int | None):
        self.columns, self.count = columns, count
        self._rows = rows

    def batches(self) -> Iterator[list[Row]]:
        """See Result."""
        rows, self._rows = self._rows, []
        if rows:
            yield rows

    def close(self) -> None:
        """See Result: there is nothing to let go of."""


class Answer:
    """See `app.tables.source.Result`. It is closed by itself once all rows were fetched, or when an error came."""

    def __init__(self, engine: Engine, running: Running, plan: Plan):
        self.columns = plan.columns
        self.count: int | None = None
        self._engine, self._running, self._plan = engine, running, plan
        self._result: sa.CursorResult[Any] | None = None
        self._first: list[Row] = []
        self.is_complete = False
        """Whether all rows were fetched; if so before the first batch, that is the only one."""
        self._is_busy = self._is_broken = self._is_released = False

    def start(self, values: Sequence[Value]) -> None:
        """Run the plan with these values and fetch the first rows."""
        try:
            self._first = self._step(lambda: self._execute(values))
        except BaseException:
            self.close()
            raise

    def _execute(self, values: Sequence[Value]) -> list[Row]:
        connection, select, counted = self._running.connection, self._plan.select, self._plan.counted
        self._engine.begin_reading(self._running)
        if counted is not None:
            self.count = connection.exec_driver_sql(counted.sql, counted.parameters(values)).scalar_one()
        options = {"stream_results": self._running.streaming}
        self._result = connection.exec_driver_sql(select.sql, select.parameters(values), execution_options=options)
        # SQLAlchemy has looked at the first row of a stream. The others come from the driver, in half the time.
        looked_at = [tuple(row) for row in self._result.fetchmany(1)] if self._running.streaming else []
        return looked_at + self._fetch(BATCH - len(looked_at))

    def _fetch(self, count: int = BATCH) -> list[Row]:
        cursor = self._result and self._result.cursor
        rows: list[Row] = list(cursor.fetchmany(count)) if cursor else []
        self.is_complete = len(rows) < count
        return rows

    def batches(self) -> Iterator[list[Row]]:
        """See Result."""
        rows, self._first = self._first, []
        try:
            while rows:
                yield self._plan.read(rows)
                rows = [] if self.is_complete or self._running.given_up else self._step(self._fetch)
        except TooLong:
            if not self._running.given_up:  # else it was closed meanwhile
                raise
        finally:
            self.close()

    def close(self) -> None:
        """See Result."""
        self._running.given_up = True
        if not self._is_busy:
            self._release()
        elif not self._is_released:
            self._engine.cancel(self._running.identity)  # who is busy releases it then

    def _step(self, work: Callable[[], T]) -> T:
        done = self._engine.call(lambda: self._guarded(work))
        if self.is_complete:
            self._release()
        return done

    def _guarded(self, work: Callable[[], T]) -> T:
        """Do it with a time limit; in a thread, where the greenlet that asked for it may have gone meanwhile."""
        if self._is_released:
            raise TooLong("closed before it had its turn")
        self._is_busy = True
        try:
            with self._engine.our_errors(), self._engine.step(self._running):
                return work()
        except Down:
            self._is_broken = True
            raise
        except Exception:  # of the database, which has ended
            raise
        except BaseException:  # this greenlet is killed while the database goes on
            self._is_broken = True
            self._engine.cancel(self._running.identity)
            raise
        finally:
            self._is_busy = False
            if self._running.given_up:
                self._release()

    def _release(self) -> None:
        """Give the connection back, or drop it if nobody knows what it is still doing."""
        if self._is_released:
            return
        self._is_released = True
        try:
            self._let_go()
        finally:
            self._running.connection.close()

    def _let_go(self) -> None:
        if self._is_broken:
            self._running.connection.invalidate()
        if self._result is None:
            return
        if self._is_broken:
            self._engine.forget(self._result)
        elif self.is_complete:
            self._result.close()
        else:
            self._engine.abandon(self._running, self._result)
