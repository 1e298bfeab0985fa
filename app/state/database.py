"""Tables by plain SQL with `:named` values, in SQLite by the standard library or in any database of SQLAlchemy.

The SQL is what SQLite, PostgreSQL and MariaDB have in common. Text that is a key is VARCHAR(255), as MariaDB wants it;
times are DOUBLE PRECISION, in seconds since 1970.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from app import offload
from app.extras import need
from app.state import files

T = TypeVar("T")
Row = Mapping[str, Any]
BUSY = 10.0
"""Seconds that a write waits for those of other processes."""

RETRY = 5
"""Seconds after which a client may try again while a store is down."""


class Conflict(Exception):
    """A row with this key is there already."""


class Unavailable(ServiceUnavailable):
    """A store is down. What needs it answers 503, and everything else goes on."""

    def __init__(self, what: str, error: BaseException):
        super().__init__("what this needs is down for the moment: try again soon", retry_after=RETRY)
        self.__cause__ = error
        self.reason = f"{what}: {error}"


class Execute(Protocol):
    """Runs one statement of a transaction: `execute(sql, name=value)` -> rows, and how many rows it changed."""

    def __call__(self, sql: str, /, **values: Any) -> "Result": ...


class Result:
    """The rows of a statement, all of them, and the number of rows that it changed."""

    def __init__(self, rows: Sequence[Row], changed: int):
        self.rows, self.changed = rows, changed

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def first(self) -> Row | None:
        """The first row, if there is one."""
        return self.rows[0] if self.rows else None


class Database(Protocol):
    """One database. Every method raises Unavailable while it is down."""

    for_update: str
    """Ends a SELECT whose rows the transaction is going to change: they stay locked until then."""

    def read(self, sql: str, /, **values: Any) -> Sequence[Row]:
        """The rows of a short indexed query."""

    def write(self, work: Callable[[Execute], T]) -> T:
        """What `work(execute)` returns; its statements are one transaction, durable when this returns.

        An exception undoes them and is raised. Conflict: a row with this key is there. SQLite's runs in a thread; where
        a database undoes it for the sake of another transaction, `work` is called again.
        """


def execute(database: Database, sql: str, /, **values: Any) -> Result:
    """One statement as a transaction of its own."""
    return database.write(lambda run: run(sql, **values))


class SQLite:
    """A file. Reads run inline, at about 6 µs; what may have to wait for the disk or for others runs in a thread."""

    for_update = ""  # a writing transaction has the whole file to itself

    def __init__(self, path: Path, synchronous: str = "FULL"):
        self._path, self._synchronous = path, synchronous
        self._readers: list[sqlite3.Connection] = []
        """Idle connections that give up at once where they would have to wait."""
        self._writer: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self._errors = _Errors(path)

    def read(self, sql: str, /, **values: Any) -> Sequence[Row]:
        """See Database."""
        with self._errors:
            try:
                return self._read(self._readers.pop(), sql, values)
            except IndexError:
                return offload.run(self._read_patiently, sql, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                return offload.run(self._read_patiently, sql, values)

    def _read(self, reader: sqlite3.Connection, sql: str, values: Mapping[str, Any]) -> list[Row]:
        try:
            rows = reader.execute(sql, values).fetchall()
        except BaseException:
            reader.close()
            raise
        self._readers.append(reader)
        return rows

    def _read_patiently(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        reader = self._connect()
        try:
            rows = reader.execute(sql, values).fetchall()
            reader.execute("PRAGMA busy_timeout=0")
        except BaseException:
            reader.close()
            raise
        self._readers.append(reader)  # only now: from here on it may be in another thread's hands
        return rows

    def write(self, work: Callable[[Execute], T]) -> T:
        """See Database."""
        with self._errors:
            if offload.in_thread():  # SQLite's own wait will do; one of greenlets' locks might not wake a thread
                return self._transaction(work)
            # There is one writer at a time: the others of this worker wait here, and not in all threads of its pool.
            if not self._turn.acquire(timeout=BUSY):
                raise sqlite3.OperationalError("too many are waiting to write")
            try:
                done: T = offload.run(self._transaction, work)
            finally:
                self._turn.release()
        return done

    def _transaction(self, work: Callable[[Execute], T]) -> T:
        connection, self._writer = self._writer or self._connect(), None
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(lambda sql, /, **values: _result(connection.execute(sql, values)))
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            connection.close()
            raise
        except BaseException:
            connection.rollback()
            self._writer = connection
            raise
        self._writer = connection
        return result

    def _connect(self) -> sqlite3.Connection:
        # SQLite would let everybody read it. A file that is there is never opened here: to close it would take away the
        # locks of this process's other connections (POSIX; sqlite.org/howtocorrupt.html §2.2).
        if not self._path.exists():
            files.create(self._path, b"")
        connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        _into_wal(connection)
        return connection


class _Errors:
    """Gives what SQLite raises in a `with` our names."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            raise Conflict(str(error)) from error
        if isinstance(error, sqlite3.OperationalError | OSError) or type(error) is sqlite3.DatabaseError:
            raise Unavailable(str(self._path), error) from error


def _into_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. For this step SQLite does not wait for others who are at it too."""
    deadline = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _result(cursor: sqlite3.Cursor) -> Result:
    return Result(cursor.fetchall(), cursor.rowcount)


class Engine:
    """A database of SQLAlchemy. Its drivers for PostgreSQL and MariaDB let other greenlets go on while they wait."""

    for_update = " FOR UPDATE"

    def __init__(self, url: str):
        import sqlalchemy

        self._sql = sqlalchemy
        # READ COMMITTED, as MariaDB would lock the gaps between rows, in which two that insert wait for each other.
        options = {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 8, "pool_timeout": BUSY}
        self._engine = sqlalchemy.create_engine(
            url, isolation_level="READ COMMITTED", hide_parameters=True, connect_args=patience(url), **options
        )
        self._name = self._engine.url.render_as_string(hide_password=True)
        self._cooperates = self._engine.driver in COOPERATIVE

    def read(self, sql: str, /, **values: Any) -> Sequence[Row]:
        """See Database."""
        return self.write(lambda execute: execute(sql, **values)).rows

    def write(self, work: Callable[[Execute], T]) -> T:
        """See Database."""
        errors = self._sql.exc
        try:
            return self._transaction(work) if self._cooperates else offload.run(self._transaction, work)
        except errors.IntegrityError as error:
            raise Conflict(str(error.orig)) from error
        except errors.DataError:
            raise
        except errors.SQLAlchemyError as error:
            raise Unavailable(self._name, getattr(error, "orig", None) or error) from error

    def _transaction(self, work: Callable[[Execute], T], attempts: int = 5) -> T:
        try:
            with self._engine.begin() as connection:
                return work(lambda sql, /, **values: self._execute(connection, sql, values))
        except self._sql.exc.OperationalError as error:
            if attempts == 1 or not _lost_to_another(error.orig):
                raise
        return self._transaction(work, attempts - 1)

    def _execute(self, connection: Any, sql: str, values: Mapping[str, Any]) -> Result:
        cursor = connection.execute(self._sql.text(sql), values)
        return Result(cursor.mappings().all() if cursor.returns_rows else [], cursor.rowcount)


COOPERATIVE = ("psycopg", "pymysql")
"""Drivers whose waiting is gevent's; the C code of others stops a worker, so they run in threads."""

_DEADLOCKS = ("40001", "40P01", 1205, 1213)
"""How PostgreSQL and MariaDB say that a transaction was undone for the sake of another one."""


def _lost_to_another(error: BaseException | None) -> bool:
    code = getattr(error, "sqlstate", None) or next(iter(getattr(error, "args", ())), None)
    return code in _DEADLOCKS


def patience(url: str) -> dict[str, int]:
    """How long a driver tries to reach a host that does not answer; by itself it would for minutes."""
    return {"connect_timeout": 5} if url.partition("://")[0].endswith(COOPERATIVE) else {}


_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS = {"postgresql": ("postgresql", "psycopg", "psycopg"), "mysql": ("mysql", "pymysql", "PyMySQL")}
_EXTRAS |= {"postgres": _EXTRAS["postgresql"], "mariadb": _EXTRAS["mysql"]}
"""By what a URL begins with: the extra, the module of its driver and the package."""

_lock = threading.Lock()


def connect(url: str, folder: Path) -> Database:
    """The database at a URL of SQLAlchemy; `sqlite:///` paths that are relative start at the folder.

    The same for every caller of this worker. Raises ModuleNotFoundError where its driver is not installed.
    """
    if url.startswith("sqlite:///"):
        return sqlite(folder / url.removeprefix("sqlite:///").partition("?")[0])
    with _lock:
        return _engine(with_driver(url))


def check(url: str) -> str:
    """The URL of a database whose driver is there. Raises ValueError, which does not quote the password."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        if not url.removeprefix("sqlite://").strip("/"):
            raise ValueError(_NO_URL)
        return url
    extra, module, package = _EXTRAS.get(scheme, ("sql", "sqlalchemy", "SQLAlchemy"))
    need({"sqlalchemy": "SQLAlchemy", module: package}, extra, f"a database of {scheme}")
    _dialect(with_driver(url))
    return url


_NO_URL = "should be the URL of a database: postgresql://user@host/name, sqlite:///file ..."


def _dialect(url: str) -> None:
    """Raise ValueError for a URL that SQLAlchemy does not take, or whose driver is not there."""
    from sqlalchemy import exc, make_url

    try:
        make_url(url).get_dialect().import_dbapi()
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ValueError(f"cannot be used as a database: {error}") from None
    except (exc.ArgumentError, ValueError):
        raise ValueError(_NO_URL) from None


def with_driver(url: str) -> str:
    """The URL with the driver that cooperates with gevent, where it names none."""
    scheme, colon, rest = url.partition("://")
    return _DRIVERS.get(scheme, scheme) + colon + rest


@cache
def sqlite(path: Path, synchronous: str = "FULL") -> SQLite:
    """The SQLite database in a file; FULL is durable through a power loss, OFF is for what may be lost."""
    return SQLite(path, synchronous)


@cache
def _engine(url: str) -> Engine:
    return Engine(url)
