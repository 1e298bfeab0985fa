"""The worker's own DuckDB, in memory, and the data files that are loaded in it.

A file is loaded when it is first asked for, once for all who ask at that time, and again when it has changed. The
tables used longest ago make room for others. SQL that runs here can read and write no file but those of a folder of
ours, into which a file is copied before it is read: so it is also the same file from its first byte to its last.
"""

import itertools
import shutil
import stat
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import DuckDBPyConnection

from app import offload
from app.tables.columns import Column
from app.tables.files import readers, spool
from app.tables.files.copies import Options, literal
from app.tables.limits import LIMITS
from app.tables.source import Down, Missing, TooLong, Unreadable

_SETTLED = 0.02
"""Seconds after which a further write gives a file another time than the last: the clock of file systems is coarse."""

_PATIENCE = 1.0
"""Seconds to wait for somebody to finish writing a file."""


class Stamp(NamedTuple):
    """What changes when a file does."""

    mtime: int
    size: int
    inode: int


class Loaded:
    """A table in DuckDB, there as long as anybody refers to this. A file without columns has none."""

    def __init__(self, table: str, columns: tuple[Column, ...]):
        self.table, self.columns = table, columns


class _Slot:
    """What is known of a file in one of its states: its table, or what is wrong with it."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.known: tuple[Stamp | None, Loaded | str] = (None, "")


class Engine:
    """A DuckDB and its tables, which may take up to `limit` bytes. All methods may be called from any thread."""

    def __init__(self, limit: int | None = None):
        self._limit = limit or LIMITS.memory
        self._slots: OrderedDict[tuple[Path, Options], _Slot] = OrderedDict()
        self._lock = offload.lock()
        self._db: DuckDBPyConnection | None = None
        self._folder: Path | None = None
        self._numbers = itertools.count(1)
        self._calls: set[DuckDBPyConnection] = set()
        self._unused: deque[str] = deque()
        """Tables that nobody refers to any more. They are dropped by the next load, as this may come at any moment."""

    def loaded(self, path: Path, options: Options, timeout: float) -> Loaded:
        """The table of a file as it is now. Raises Missing, Down, Unreadable.

        Loading takes as long as it takes, as a file that needs longer than `timeout` would otherwise never be
        there; only those who wait for somebody else's loading give up after so many seconds, with TooLong.
        """
        stamp = stamp_of(path)
        slot = self._slot((path, options))
        known, found = slot.known
        if known != stamp:
            found = self._load_in_turn(slot, path, options, timeout)
        if isinstance(found, Loaded):
            return found
        raise Unreadable(found)

    def made(self, fill: Callable[[DuckDBPyConnection, str], tuple[Column, ...]]) -> Loaded:
        """A table that `fill(connection, name)` makes in a thread; it returns the columns. Raises Down."""
        try:
            return offload.run(self._filled, fill)
        except duckdb.Error as error:  # no memory, or no disk
            raise Down(str(error).partition("\n")[0]) from error

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own for one query."""
        return self._connected().cursor()

    @contextmanager
    def call(self, cursor: DuckDBPyConnection) -> Iterator[None]:
        """Around calls of DuckDB in their thread: the process does not end before they do."""
        self._calls.add(cursor)
        try:
            yield
        finally:
            self._calls.discard(cursor)

    def _slot(self, key: tuple[Path, Options]) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
        return slot

    def _load_in_turn(self, slot: _Slot, path: Path, options: Options, timeout: float) -> Loaded | str:
        if not slot.turn.acquire(timeout=timeout):
            raise TooLong(f"{path.name} took longer than {timeout} s to load")
        try:
            if slot.known[0] != stamp_of(path):
                slot.known = offload.run(self._load, path, options)
            return slot.known[1]
        finally:
            slot.turn.release()

    def _load(self, path: Path, options: Options) -> tuple[Stamp, Loaded | str]:
        until = time.monotonic() + _PATIENCE
        while True:
            stamp = settled(path, until)
            try:
                return stamp, self._made(path, options, stamp)
            except Changed:
                if time.monotonic() > until:
                    raise Down(f"{path.name}: is being written") from None
            except Unreadable as error:
                # Somebody may be in the midst of writing it.
                if time.time() - stamp.mtime / 1e9 > _PATIENCE or time.monotonic() > until:
                    return stamp, str(error)
                time.sleep(_SETTLED)

    def _made(self, path: Path, options: Options, stamp: Stamp) -> Loaded:
        with self.folder() as folder:
            copy = copied(path, folder, stamp)
            return self._filled(lambda db, table: readers.create(db, copy, path.name, table, options))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder that SQL may read, for as long as this takes."""
        folder = self._spool() / f"files{next(self._numbers)}"
        try:
            folder.mkdir(parents=True)  # as what cleans up old files may have taken the one above it
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _filled(self, fill: Callable[[DuckDBPyConnection, str], tuple[Column, ...]]) -> Loaded:
        db = self.cursor()
        name = f"table{next(self._numbers)}"
        try:
            with self.call(db):
                loaded = Loaded(name, fill(db, name))
                weakref.finalize(loaded, self._unused.append, name).atexit = False
                self._make_room(db)
        except BaseException:
            self._unused.append(name)
            raise
        finally:
            db.close()
        return loaded

    def _make_room(self, db: DuckDBPyConnection) -> None:
        self._drop_unused(db)
        while len(self._slots) > 1 and _size(db) > self._limit:
            with self._lock:
                self._slots.popitem(last=False)
            self._drop_unused(db)

    def _drop_unused(self, db: DuckDBPyConnection) -> None:
        with suppress(IndexError):
            while True:
                db.execute(f"DROP TABLE IF EXISTS {self._unused.popleft()}")

    def _connected(self) -> DuckDBPyConnection:
        with self._lock:
            if self._db is None:
                self._db = _connect(self._made_folder(), self._limit)
        return self._db

    def _spool(self) -> Path:
        with self._lock:
            return self._made_folder()

    def _made_folder(self) -> Path:
        if self._folder is None:
            made = spool.make()
            weakref.finalize(self, _end, self._calls, made)
            self._folder = made.path
        return self._folder


def _end(calls: set[DuckDBPyConnection], folder: spool.Spool) -> None:
    """Stop what still runs when the process ends. Python ends threads in a way that is fatal in the midst of C++."""
    until = time.monotonic() + _PATIENCE
    while calls and time.monotonic() < until:
        for cursor in tuple(calls):
            cursor.interrupt()
        time.sleep(0.005)
    folder.remove()


@cache
def engine() -> Engine:
    """That of this worker."""
    return Engine()


def stamp_of(path: Path) -> Stamp:
    """The state of a file. Raises Missing, Down."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(f"{path.name}: there is no such file") from None
    except OSError as error:
        raise Down(f"{path.name}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise Missing(f"{path.name}: is no file")
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino)


class Changed(Exception):
    """A file was written while it was copied."""


def settled(path: Path, until: float) -> Stamp:
    """The state of a file that nobody has written to in the last moment, so that a later write shows in it."""
    while True:
        stamp = stamp_of(path)
        if not 0 <= time.time() - stamp.mtime / 1e9 < _SETTLED:
            return stamp
        if time.monotonic() > until:
            raise Down(f"{path.name}: is being written")
        time.sleep(_SETTLED)


def copied(path: Path, folder: Path, stamp: Stamp) -> Path:
    """A copy of the file as it was at the stamp. Raises `Changed`, Missing, Down."""
    copy = folder / f"copy{path.suffix}"
    try:
        shutil.copyfile(path, copy)
    except OSError as error:
        raise Down(f"{path.name}: {error.strerror}") from error
    if stamp_of(path) != stamp:
        raise Changed
    return copy


def _connect(folder: Path, limit: int) -> DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": LIMITS.threads,
        "async_threads": 1,
        "memory_limit": f"{limit + LIMITS.working}B",
        "temp_directory": str(folder / "spilled"),
        "max_temp_directory_size": f"{LIMITS.spilled}B",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    db = duckdb.connect(":memory:", config=settings)
    allowed = f"allowed_directories=[{literal(folder)}]"
    for setting in ("TimeZone='UTC'", allowed, "enable_external_access=false", "lock_configuration=true"):
        db.execute(f"SET {setting}")
    return db


def _size(db: DuckDBPyConnection) -> int:
    sizes = "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"
    found: int = (db.execute(sizes).fetchone() or (0,))[0]
    return found
