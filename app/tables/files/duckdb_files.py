"""Tables, views and queries of a DuckDB file.

    source = Table(Path("sales.duckdb"), "orders")
    source = Select(Path("sales.duckdb"), "SELECT * FROM orders WHERE city = :city", {"city": "Oslo"})

A copy of the file is read, so that its owner can go on writing: while one process writes to a file, DuckDB lets no
other read it. A file that is too large to copy is opened itself, read-only, for as long as queries run; it is down
while somebody writes. SQL that runs here can read and write no other file.
"""

import atexit
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import sqlalchemy as sa
from duckdb import DuckDBPyConnection

from app import offload
from app.tables.columns import BadValue, Column
from app.tables.files import spool
from app.tables.files.copies import described, kept, kind_of, quoted, selected
from app.tables.files.duckdb_answer import Answer, statements, written
from app.tables.files.loading import Changed, Stamp, copied, engine, stamp_of
from app.tables.limits import LIMITS
from app.tables.query import Query
from app.tables.source import Down, Missing, Unreadable
from app.tables.sql import sqltext

EXTENSIONS = (".duckdb", ".ddb")

COPIED = 1 << 30
"""Bytes of the largest file that is copied."""

_OPEN = 16
"""Copies that a worker keeps."""

_PATIENCE = 1.0
"""Seconds to wait for somebody to finish writing a file."""


class Select:
    """What a SELECT gives; its `:names` are bound to the values, lists for `IN :name`. See Source."""

    _order = "row_number() OVER ()"

    def __init__(self, path: Path, sql: str, values: Mapping[str, Any] | None = None):
        """Raises ValueError for what is no single SELECT, BadValue for a value that is missing."""
        self.path = path
        self._given = _given(sqltext.scan(sql).names, values or {})
        self._values = dict(pair for name, value in self._given.items() for pair in _listed(name, value).items())
        self._from = f"({sqltext.scan(sql).written(self._placed, _plain)}\n) AS q"

    def _placed(self, name: str) -> str:
        value = self._given[name]
        keys = ", ".join(f":{key}" for key in _listed(name, value))
        return f"({keys or 'NULL'})" if isinstance(value, list | tuple) else keys

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        return _columns(self._described()[1])

    def state(self) -> str | None:
        """See Source; that of the file and of its log; None while it is not there."""
        try:
            return "-".join(f"{part:x}" for stamp in _stamps(self.path) for part in stamp)
        except (Missing, Down):
            return None

    def run(self, query: Query, timeout: float) -> Answer:
        """See Source."""
        database, types = self._described()
        columns = _columns(types)
        try:
            made = statements(query, self._table(query, types), columns)
        except KeyError as error:
            raise Missing(f"{self.path.name}: has no column {error} any more") from error
        answer = Answer(database, made.columns, timeout)
        try:
            answer.start(database, made)
        except Down as error:
            raise self._at_fault(error.__cause__) or error from error
        return answer

    def _at_fault(self, error: BaseException | None) -> BadValue | None:
        """What to say if the error may be that of a value."""
        if not self._given or not isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException):
            return None
        shown = ", ".join(str(value) for value in self._given.values())
        return BadValue(", ".join(self._given), shown, f"what the query takes: {str(error).partition(chr(10))[0]}")

    def _table(self, query: Query, types: Mapping[str, str]) -> sa.FromClause:
        """The rows in the types that we keep, and their order if the query asks for it: it has a price."""
        is_ordered = bool(query.sort or query.distinct or query.by is not None) and "rowid" not in map(str.lower, types)
        order = f", {self._order} AS rowid" if is_ordered else ""
        text = self._text(f"SELECT {_plain(selected(types))}{order} FROM {self._from}")
        return text.columns(*(sa.column(name) for name in types)).subquery("q")

    def _text(self, sql: str) -> sa.TextClause:
        return sa.text(sql).bindparams(**self._values)

    def _described(self) -> "tuple[_Database, dict[str, str]]":
        """The file, and the types of the columns in it."""
        database = databases().opened(self.path)
        key = repr((self._from, self._values))
        types = database.described.get(key)
        if types is None:
            types = database.described[key] = offload.run(self._types, database)
        return database, types

    def _types(self, database: "_Database") -> dict[str, str]:
        made = written(self._text(f"SELECT * FROM {self._from}"))
        try:
            with database.cursor() as cursor, database.call(cursor):
                return described(cursor, f"({made.sql})", made.values)
        except duckdb.CatalogException as error:
            raise Missing(_said(self.path, error)) from error
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise Down(_said(self.path, error)) from error
        except duckdb.Error as error:  # a value, or the SQL itself
            raise self._at_fault(error) or Unreadable(_said(self.path, error)) from error


class Table(Select):
    """A table or view of a DuckDB file, `schema.table` too. See `app.tables.source.Source`."""

    def __init__(self, path: Path, table: str):
        super().__init__(path, "SELECT 1")
        self._from = _plain(".".join(map(quoted, table.split("."))))


def _columns(types: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, kind_of(kept(kind))) for name, kind in types.items())


def _given(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    for name in names:
        if name not in values:
            raise BadValue(name, "", "left out: the query needs a value for it")
    return {name: values[name] for name in names}


def _listed(name: str, value: Any) -> dict[str, Any]:
    """The names in SQL of a value, or of those of a list."""
    if isinstance(value, list | tuple):
        return {f"{name}__{number}": each for number, each in enumerate(value)}
    return {name: value}


def _plain(sql: str) -> str:
    """SQL of ours in a text of SQLAlchemy, in which a colon begins the name of a value."""
    return sql.replace(":", "\\:")


class _Database:
    """A DuckDB file that is open, until nobody refers to this any more."""

    def __init__(self, file: Path, folder: Path):
        """What is in the folder is removed with it. Raises the errors of DuckDB."""
        self.described: dict[str, dict[str, str]] = {}
        try:
            self._db = _connected(file, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(self, _closed, self._db, folder)

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own for one query."""
        return self._db.cursor()

    @contextmanager
    def call(self, cursor: DuckDBPyConnection) -> Iterator[None]:
        """Around calls of DuckDB in their thread: the process does not end before they do."""
        with engine().call(cursor):
            yield


def _closed(db: DuckDBPyConnection, folder: Path) -> None:
    db.close()
    shutil.rmtree(folder, ignore_errors=True)


def _connected(file: Path, folder: Path) -> DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": LIMITS.threads,
        "async_threads": 1,
        "memory_limit": f"{LIMITS.working}B",
        "max_temp_directory_size": f"{LIMITS.spilled}B",
        "temp_directory": str(folder / "spilled"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    db = duckdb.connect(file, read_only=True, config=settings)
    for setting in ("TimeZone='UTC'", "enable_external_access=false", "lock_configuration=true"):
        db.execute(f"SET {setting}")
    return db


class _Kept(NamedTuple):
    stamps: tuple[Stamp, ...]
    database: _Database


class Databases:
    """The DuckDB files that a worker has open. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._copies: OrderedDict[Path, _Kept] = OrderedDict()
        self._turns: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def opened(self, path: Path) -> _Database:
        """The file as it is now. Raises Missing, Down, Unreadable."""
        stamps = _stamps(path)
        if stamps[0].size > COPIED:
            return offload.run(_opened, path, path, _made_folder())
        found = self._known(path, stamps) or self._in_turn(path)
        with suppress(KeyError):  # others have made room meanwhile
            self._copies.move_to_end(path)
        return found

    def _known(self, path: Path, stamps: tuple[Stamp, ...]) -> _Database | None:
        found = self._copies.get(path)
        return found.database if found and found.stamps == stamps else None

    def _in_turn(self, path: Path) -> _Database:
        """The copy that somebody else has just made, or else a new one."""
        with self._turns[path]:
            known = self._known(path, _stamps(path))
            if known is None:
                self._copies[path] = found = offload.run(_copied, path)
                known = found.database
            while len(self._copies) > _OPEN:
                self._copies.popitem(last=False)
        return known


@cache
def databases() -> Databases:
    """Those of this worker."""
    return Databases()


def _log(path: Path) -> Path:
    """Where DuckDB writes what is not in the file yet."""
    return path.with_name(f"{path.name}.wal")


def _stamps(path: Path) -> tuple[Stamp, ...]:
    """Those of the file and of its log, if there is one. Raises Missing, Down."""
    try:
        return stamp_of(path), stamp_of(_log(path))
    except Missing:
        return (stamp_of(path),)


def _made_folder() -> Path:
    return Path(tempfile.mkdtemp(dir=_spool().path))


@cache
def _spool() -> spool.Spool:
    """The folder of this process."""
    made = spool.make()
    atexit.register(made.remove)
    return made


def _copied(path: Path) -> _Kept:
    """A copy of the file with its log, both of one moment. Raises Missing, Down, Unreadable."""
    until = time.monotonic() + _PATIENCE
    while True:
        folder, stamps = _made_folder(), _stamps(path)
        try:
            file = copied(path, folder, stamps[0])
            if len(stamps) > 1:
                copied(_log(path), folder, stamps[1]).rename(_log(file))
            if _stamps(path) == stamps:
                return _Kept(stamps, _opened(path, file, folder))
        except Changed:
            pass  # and once more
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > until:
            raise Down(f"{path.name}: is being written")


def _opened(path: Path, file: Path, folder: Path) -> _Database:
    try:
        return _Database(file, folder)
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise Down(f"{path.name}: is open for writing by another process") from error
        raise Unreadable(f"{path.name}: no DuckDB file that can be read") from error
    except duckdb.Error as error:
        raise Unreadable(_said(path, error)) from error


def _said(path: Path, error: Exception) -> str:
    return f"{path.name}: {str(error).partition(chr(10))[0]}"
