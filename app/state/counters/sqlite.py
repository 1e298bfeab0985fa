"""Counters in an SQLite file that all workers of a host share.

A transaction takes about 10 µs and runs inline: a hop into a thread and back takes three times as long. It does not
wait for the disk (`synchronous=NORMAL`: only moving the log into the file does, once in some thousand requests). No
count is lost when a worker is killed; the last ones may be when the machine loses power. While another process writes,
the greenlet sleeps for a moment and the others go on.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from limits.storage import Storage

from app import offload
from app.state import counters
from app.state.counters import Count, Place, Taken, Want
from app.state.database import Unavailable

T = TypeVar("T")
P = ParamSpec("P")
Connection = sqlite3.Connection

BUSY = 5.0
"""Seconds that a transaction waits for those of other processes."""

_LATER = 0.0005, 0.005
"""Seconds until the next try: at random between these, so that no two processes keep step."""

_PURGED_AT_ONCE = 200
"""Counters of the past that one request removes; those after it remove the others."""

_SCHEMA = """
PRAGMA page_size=1024;
PRAGMA synchronous=NORMAL;
PRAGMA journal_mode=WAL;
PRAGMA wal_autocheckpoint=8000;
CREATE TABLE IF NOT EXISTS counters
    (key TEXT PRIMARY KEY, expires REAL NOT NULL, used INTEGER NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counters_expires ON counters (expires)
"""

_TAKE = (
    "UPDATE counters SET used = used + 1 WHERE key = ? AND used < ? AND expires > ? RETURNING used - 1, expires, epoch"
)
_GIVE_BACK = "UPDATE counters SET used = max(0, used - 1) WHERE key = ? AND epoch = ?"
_BEGIN = "REPLACE INTO counters (key, expires, used, epoch) VALUES (?, ?, ?, ?)"


class SharedSQLite(Storage):
    """`sqlite-shared:///folder/file.db`, or `sqlite-shared://` for the memory of this process.

    As a storage of `limits` it has fixed windows. Every method raises Unavailable while the file cannot be used.
    """

    STORAGE_SCHEME = ["sqlite-shared"]

    def __init__(self, uri: str, wrap_exceptions: bool = False, purge: float = 3600, **options: float | str | bool):
        Storage.__init__(self, uri, wrap_exceptions, **options)
        self._path = uri.removeprefix("sqlite-shared:///") if "///" in uri else ":memory:"
        self._db: Connection | None = None
        self._lock = offload.lock()
        self._purge, self._purge_at = purge, 0.0

    def take(self, wants: Sequence[Want], at: float) -> Taken:
        """See Counters."""
        if at > self._purge_at:
            self._transaction(lambda db: self._remove_old(db, at))
        if len(wants) == 1:  # mostly, and mostly of a counter that is there and not full
            taken = self._run(_place, wants[0], at)
            if taken:
                return Taken([taken[0]], [taken[1]])
        return self._transaction(lambda db: _taken(db, wants, at))

    def give_back(self, places: Sequence[Place]) -> None:
        """See Counters."""
        self._transaction(lambda db: db.executemany(_GIVE_BACK, places))

    def put(self, key: str, used: int) -> Place | None:
        """See Counters."""
        place = Place(key, counters.new_epoch())
        sql, at = "UPDATE counters SET used = ?, epoch = ? WHERE key = ? AND expires > ?", counters.now()
        found = self._run(lambda db: db.execute(sql, (used, place.epoch, key, at)).rowcount > 0)
        return place if found else None

    def _remove_old(self, db: Connection, at: float) -> None:
        """Remove some of the counters that have ended; the turn is over when none is left."""
        old = "SELECT key FROM counters WHERE expires <= ? LIMIT ?"
        removed = db.execute(f"DELETE FROM counters WHERE key IN ({old})", (at, _PURGED_AT_ONCE)).rowcount
        if removed < _PURGED_AT_ONCE:
            self._purge_at = at + self._purge

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        return self._run(_in_transaction, work)

    def _run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **options: P.kwargs) -> T:
        """What `work` returns; other greenlets have their turn while other processes write."""
        give_up = 0.0
        while True:
            try:
                with self._lock:
                    self._db = self._db or self._connect()
                    return work(self._db, *args, **options)
            except (sqlite3.Error, OSError) as error:
                give_up = give_up or time.monotonic() + BUSY
                if not _is_busy(error) or time.monotonic() > give_up:
                    self._close()
                    raise Unavailable(self._path, error) from error
            time.sleep(random.uniform(*_LATER))

    def _close(self) -> None:
        """Let the next transaction try with a new connection."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _connect(self) -> Connection:
        if self._path != ":memory:":
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    # What a storage of `limits` has.

    @property
    def base_exceptions(self) -> type[Exception]:
        """What `limits` takes for a failure of the storage."""
        return Unavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, which begins anew `expiry` seconds after it has begun; returns its value."""
        return self._transaction(lambda db: self._added(db, Want(key, 0, counters.now() + expiry), amount))

    def _added(self, db: Connection, want: Want, amount: int) -> int:
        used, expires = _count(db, want, counters.now())
        db.execute(_BEGIN, (want.key, expires, used + amount, counters.new_epoch()))
        return used + amount

    def get(self, key: str) -> int:
        """The value of a counter."""
        return self._found(key).used

    def get_expiry(self, key: str) -> float:
        """When a counter begins anew, in seconds since 1970; now, if there is none."""
        return self._found(key).expires

    def _found(self, key: str) -> Count:
        at = counters.now()
        return self._transaction(lambda db: _count(db, Want(key, 0, at), at))

    def check(self) -> bool:
        """Whether the file can be used."""
        try:
            return self._transaction(lambda db: True)
        except Unavailable:
            return False

    def reset(self) -> int:
        """Remove all counters; returns how many they were."""
        return self._transaction(lambda db: db.execute("DELETE FROM counters").rowcount)

    def clear(self, key: str) -> None:
        """Remove a counter."""
        self._transaction(lambda db: db.execute("DELETE FROM counters WHERE key = ?", (key,)))


def _place(db: Connection, want: Want, at: float) -> tuple[Count, Place] | None:
    """A place in a counter, and the counter before it; None if it is full, or not there."""
    rows = db.execute(_TAKE, (want.key, want.limit, at)).fetchall()
    if not rows:
        return None
    used, expires, epoch = rows[0]
    return Count(used, expires), Place(want.key, epoch)


def _taken(db: Connection, wants: Sequence[Want], at: float) -> Taken:
    found = [_count(db, want, at) for want in wants]
    if any([count.used >= want.limit for want, count in zip(wants, found, strict=True)]):
        return Taken(found, [])
    for want, count in zip(wants, found, strict=True):
        if not count.used:
            db.execute(_BEGIN, (want.key, count.expires, 0, counters.new_epoch()))
    places = [_place(db, want, at) for want in wants]
    return Taken(found, [taken[1] for taken in places if taken])


def _count(db: Connection, want: Want, at: float) -> Count:
    row = db.execute("SELECT used, expires FROM counters WHERE key = ?", (want.key,)).fetchone()
    return Count(*row) if row and row[1] > at else Count(0, want.expires)


def _in_transaction(db: Connection, work: Callable[[Connection], T]) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def _is_busy(error: Exception) -> bool:
    """Whether another process is writing; a part of SQLite's codes says in which way."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
