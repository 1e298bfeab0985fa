"""How each database is connected to, limits the time of a statement, stops one, and says what went wrong."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa

from app import offload
from app.state.database import COOPERATIVE, patience, with_driver
from app.tables.databases import sqlite_functions
from app.tables.source import Down, Missing, TooLong

T = TypeVar("T")
log = logging.getLogger("skerry")
BUSY = 5.0
"""Seconds that a read waits for who has locked a SQLite file, or for a free connection."""

PROBE = 20_000
"""Steps of SQLite's machine between two looks at the clock: below a millisecond."""


SETTLED = 20_000_000
"""Nanoseconds after which a further write gives a file another time than the last: the clock of files is coarse."""

FRESH = 0.001
"""Seconds between two looks at which file of SQLite is there: a system call may cost as much as a short query."""


class BadPattern(Exception):
    """The database does not take a regular expression."""


class TooWide(Down):
    """A sum has more than 64 bits, which the database cannot compute."""


class Engine:
    """A database whose driver waits in C code, which runs in threads. How to stop it is not known."""

    def __init__(self, url: sa.URL, **options: Any):
        options = {"pool_pre_ping": True, "pool_timeout": BUSY, **options}
        self.sql = sa.create_engine(url, **{"hide_parameters": True, "pool_size": 8, "max_overflow": 8} | options)
        self._url, self._connect_args = url, options.get("connect_args", {})

    @property
    def dialect(self) -> str:
        """The name of its SQL."""
        return self.sql.dialect.name

    def call(self, work: Callable[[], T]) -> T:
        """What `work()` returns; other greenlets go on meanwhile."""
        return offload.run(work)

    def connection(self) -> sa.Connection:
        """A connection of the pool."""
        return self.call(self.sql.connect)

    def state(self) -> str | None:
        """A text that changes whenever the database may have, or None if there is no cheap one."""
        return None

    def limit(self, running: "Running") -> None:
        """Give each of the statements to come its time."""

    def begin_reading(self, running: "Running") -> None:
        """Begin a transaction that cannot write, where there is such a thing; each of its statements has its time."""
        self.limit(running)

    @contextmanager
    def step(self, running: "Running") -> Iterator[None]:
        """What is done around each of its calls."""
        yield

    def identity(self, connection: Any) -> Any:
        """What to know of a connection of the driver to stop what it runs, even after it was closed."""
        return connection

    def cancel(self, identity: Any) -> None:
        """Stop what a connection runs, from another greenlet or thread."""

    def _tell(self, statement: str) -> None:
        """Run a statement on a connection of its own: those of the pool may all be busy."""
        try:
            with self._apart().connect() as connection:
                connection.exec_driver_sql(statement)
        except sa.exc.DBAPIError:
            log.exception("a query was given up and could not be stopped")

    def _apart(self) -> sa.Engine:
        return sa.create_engine(self._url, poolclass=sa.NullPool, connect_args=self._connect_args)

    def abandon(self, running: "Running", result: sa.CursorResult[Any]) -> None:
        """Let go of rows that nobody has fetched yet."""
        result.close()

    def forget(self, result: sa.CursorResult[Any]) -> None:
        """Let go of what belongs to a connection that was dropped."""

    @contextmanager
    def our_errors(self) -> Iterator[None]:
        """Gives what the driver and SQLAlchemy raise our names; what has none of these is our mistake."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise Down(f"too many queries are waiting: {error}") from error
        except (sa.exc.DBAPIError, self._driver.Error) as error:
            said = getattr(error, "orig", None) or error
            meaning = self.meaning(said)
            if meaning is None:
                raise
            raise meaning(str(said)) from error

    @property
    def _driver(self) -> Any:
        return self.sql.dialect.dbapi

    def meaning(self, error: BaseException) -> type[Exception] | None:
        """Which of our errors one of the driver's is, if any."""
        codes = [getattr(error, "sqlstate", None), next(iter(error.args), None)]
        is_down = isinstance(error, self._driver.OperationalError | self._driver.InterfaceError)
        return next((_BY_CODE[code] for code in codes if code in _BY_CODE), Down if is_down else None)


class Running:
    """A connection with a statement that has a time limit; `given_up` says that nobody wants its answer."""

    def __init__(self, engine: Engine, connection: sa.Connection, timeout: float, streaming: bool):
        self.connection, self.timeout, self.streaming = connection, timeout, streaming
        self.driver: Any = connection.connection.driver_connection
        self.identity = engine.identity(self.driver)
        self.given_up = False


_BY_CODE: Mapping[object, type[Exception]] = MappingProxyType(
    {
        "57014": TooLong,
        "42P01": Missing,
        "42703": Missing,
        "3F000": Missing,
        "2201B": BadPattern,
        1969: TooLong,
        3024: TooLong,
        1317: TooLong,
        1146: Missing,
        1054: Missing,
        1139: BadPattern,
    }
)
"""By the SQLSTATE of PostgreSQL and the number of MariaDB and MySQL."""


def _milliseconds(timeout: float) -> int:
    return max(1, round(timeout * 1000))  # 0 would be no limit


class Other(Engine):
    """A database whose driver runs in threads. They share no pool: its locks are those of greenlets."""

    def __init__(self, url: sa.URL):
        super().__init__(url)
        self.sql = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)


class PostgreSQL(Engine):
    """PostgreSQL by psycopg. Each fetch from a cursor is a statement with a time of its own."""

    def call(self, work: Callable[[], T]) -> T:
        return work()

    def limit(self, running: Running) -> None:
        running.connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_milliseconds(running.timeout)}")

    def begin_reading(self, running: Running) -> None:
        settings = {"transaction_read_only": "on", "statement_timeout": _milliseconds(running.timeout)}
        set_all = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        running.connection.exec_driver_sql(f"SELECT {set_all}")  # in one message

    def forget(self, result: sa.CursorResult[Any]) -> None:
        result.close()  # psycopg warns of cursors that were not

    def identity(self, connection: Any) -> Any:
        return connection.info.backend_pid

    def cancel(self, identity: Any) -> None:
        self._tell(f"SELECT pg_cancel_backend({int(identity)})")


class MySQL(Engine):
    """MariaDB and MySQL by PyMySQL.

    Their own time limit also counts while a client reads the rows, and would cut long downloads off. So it holds for
    what is read at once, and a clock of ours for each batch of what is streamed.
    """

    def call(self, work: Callable[[], T]) -> T:
        return work()

    @property
    def dialect(self) -> str:
        return "mariadb" if getattr(self.sql.dialect, "is_mariadb", False) else "mysql"

    def limit(self, running: Running) -> None:
        timeout = 0.0 if running.streaming else max(0.001, running.timeout)
        setting = f"max_statement_time={timeout}"
        if self.dialect == "mysql":
            setting = f"max_execution_time={round(timeout * 1000)}"
        if running.connection.info.get("limit") != setting:
            running.connection.exec_driver_sql(f"SET SESSION {setting}")
            running.connection.info["limit"] = setting

    def begin_reading(self, running: Running) -> None:
        self.limit(running)
        running.connection.exec_driver_sql("START TRANSACTION READ ONLY")

    @contextmanager
    def step(self, running: Running) -> Iterator[None]:
        if not running.streaming:
            yield
            return
        clock = threading.Timer(running.timeout, self.cancel, [running.identity])
        clock.daemon = True
        clock.start()
        try:
            yield
        finally:
            clock.cancel()

    def abandon(self, running: Running, result: sa.CursorResult[Any]) -> None:
        if running.streaming:  # PyMySQL would read all the rows before it closes
            self.cancel(running.identity)
            with suppress(self._driver.Error):
                result.cursor.close()  # reads to the end, which has come
        result.close()

    def identity(self, connection: Any) -> Any:
        return connection.thread_id()

    def cancel(self, identity: Any) -> None:
        self._tell(f"KILL QUERY {int(identity)}")


class SQLite(Engine):
    """A file. It looks at the clock by itself, between the steps of its machine."""

    _file: tuple[int, int] | None = None
    """Which file the connections of the pool are to, by its device and inode."""

    _found_until = 0.0
    """Until when that is taken for granted."""

    def __init__(self, url: sa.URL):
        options = {"check_same_thread": False, "timeout": BUSY}
        # Without a limit: who has a connection waits for a thread, and no thread may wait for a connection then.
        pool = {"poolclass": sa.QueuePool, "max_overflow": -1, "pool_pre_ping": False}
        super().__init__(url, connect_args=options, **pool)
        sa.event.listen(self.sql, "connect", _prepare)

    def connection(self) -> sa.Connection:
        self.found()
        return self.sql.connect()

    def found(self) -> tuple[int, int]:
        """Which file is there, by its device and inode. Raises Missing if there is none: SQLite would make one.

        Connections to a file that was replaced would go on to read the old one, so those of the pool are dropped then.
        """
        if self._file is not None and time.monotonic() < self._found_until:
            return self._file
        return self._look()[:2]

    def _look(self) -> tuple[int, int, int, int]:
        """Device, inode, time and size of the file."""
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise Missing(f"there is no file {self.path}") from None
        except OSError as error:
            raise Down(f"{self.path}: {error.strerror}") from error
        before, self._file = self._file, (found.st_dev, found.st_ino)
        if before is not None and before != self._file:
            self.sql.dispose()
        return *self._file, found.st_mtime_ns, found.st_size

    @cached_property
    def path(self) -> str:
        """Of the file."""
        return str(self.sql.url.database)

    def state(self) -> str | None:
        try:
            looks = [*self._look(), *_look_at(self.path + "-wal")]
        except (Missing, Down):
            return None
        self._found_until = time.monotonic() + FRESH  # the query that follows need not look again
        if time.time_ns() - max(looks[_CHANGED::_LOOKS]) < SETTLED:
            looks.append(time.monotonic_ns())  # the next change might leave no trace
        return ".".join(map(str, looks))

    def opened(self) -> sqlite3.Connection:
        """A connection of its own, which does not wait for locks."""
        (name,), options = self.sql.dialect.create_connect_args(self.sql.url)
        ours: dict[str, Any] = {**options, "check_same_thread": False, "timeout": 0.0, "isolation_level": None}
        connection: sqlite3.Connection = sqlite3.connect(name, **ours)
        _prepare(connection, None)
        return connection

    @contextmanager
    def step(self, running: Running) -> Iterator[None]:
        deadline = time.monotonic() + running.timeout
        running.driver.set_progress_handler(lambda: running.given_up or time.monotonic() > deadline, PROBE)
        try:
            yield
        finally:
            running.driver.set_progress_handler(None, 0)

    def cancel(self, identity: Any) -> None:
        identity.interrupt()

    def meaning(self, error: BaseException) -> type[Exception] | None:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            return TooLong
        if str(error).startswith(("no such table", "no such column")):
            return Missing
        if str(error) == "integer overflow":
            return TooWide
        return None if code == sqlite3.SQLITE_ERROR else Down


_LOOKS, _CHANGED = 4, 2
"""How many numbers a look at a file gives, and which of them is the time of its last change."""


def _look_at(file: str) -> Sequence[int]:
    """Device, inode, time and size of a file that need not be there."""
    if not os.access(file, os.F_OK):  # as mostly, and quicker than an exception
        return ()
    try:
        found = os.stat(file)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    sqlite_functions.install(connection)
    connection.execute("PRAGMA query_only=ON")


def is_file(url: str) -> bool:
    """Whether it is the URL of a file of SQLite."""
    return url.partition(":")[0].partition("+")[0] == "sqlite"


@cache
def connect(url: str) -> Engine:
    """The database at a URL: the same for every caller in this worker. SQLite's paths are absolute here."""
    if is_file(url):
        return SQLite(sa.make_url(url))
    made = sa.make_url(with_driver(url))
    options: dict[str, Any] = {"connect_args": patience(with_driver(url)) | _UTC.get(made.get_backend_name(), {})}
    if made.get_driver_name() not in COOPERATIVE:
        return Other(made)
    return PostgreSQL(made, **options) if made.get_backend_name() == "postgresql" else MySQL(made, **options)


_UTC: Mapping[str, dict[str, str]] = MappingProxyType(
    {
        "postgresql": {"options": "-c timezone=UTC"},
        "mysql": {"init_command": "SET time_zone='+00:00'"},
        "mariadb": {"init_command": "SET time_zone='+00:00'"},
    }
)
"""A time without a zone means UTC, wherever the server is."""


def located(url: str, folder: Path) -> str:
    """The URL, with the path of a SQLite file that is relative to the folder made absolute."""
    if not is_file(url):
        return url
    made = sa.make_url(url)
    return made.set(database=str(folder.absolute() / (made.database or ""))).render_as_string(hide_password=False)
