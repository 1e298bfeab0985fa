"""Where answers are kept: in the worker's memory, or on disk for all workers. Both hold a bounded number of bytes."""

import fcntl
import itertools
import json
import logging
import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from app import offload

log = logging.getLogger("skerry")


class Entry(NamedTuple):
    """One kept answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def size(self) -> int:
        """Bytes it takes, about."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers) + 100


class MemoryCache:
    """The answers that this worker used last."""

    def __init__(self, limit: int):
        self._limit, self._size = limit, 0
        self._entries: OrderedDict[bytes, tuple[float, Entry]] = OrderedDict()
        self._lock = offload.lock()

    def get(self, key: bytes) -> Entry | None:
        """The entry, if it is there and has not expired."""
        with self._lock:
            expires, entry = self._entries.get(key, (0.0, None))
            if entry is not None and expires < time.monotonic():
                self._remove(key)
                return None
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: bytes, entry: Entry, duration: float) -> None:
        """Keep an entry for `duration` seconds; those used longest ago make room for it."""
        with self._lock:
            self._remove(key)
            if entry.size > self._limit:
                return
            self._entries[key] = (time.monotonic() + duration, entry)
            self._size += entry.size
            while self._size > self._limit:
                self._remove(next(iter(self._entries)))

    def _remove(self, key: bytes) -> None:
        _, entry = self._entries.pop(key, (0.0, None))
        self._size -= entry.size if entry is not None else 0


_ROOM_EVERY = 16
"""Making room reads the whole index, so it is done once in so many writes."""

_USED_EVERY = 60
"""Seconds in which reading an entry notes once that it was used: otherwise every read would be a write."""

_SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS answer (
    key BLOB PRIMARY KEY, expires REAL, used REAL, size INTEGER, status INTEGER, headers TEXT, body BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_used ON answer (used);
"""


class DiskCache:
    """Answers in an SQLite file that all workers of a host share.

    It is a cache: a lost write loses nothing, and while the file cannot be used there are no entries.
    """

    def __init__(self, file: Path, limit: int):
        self._limit, self._file = limit, file
        self._puts = itertools.count()
        self._prepared = False

    def get(self, key: bytes) -> Entry | None:
        """The entry, if it is there and has not expired."""
        return offload.run(self._attempt, self._get, key)

    def put(self, key: bytes, entry: Entry, duration: float) -> None:
        """Keep an entry for `duration` seconds; those used longest ago make room for it."""
        if entry.size <= self._limit:
            offload.run(self._attempt, self._put, key, entry, duration)

    def _attempt(self, work: Callable[..., Entry | None], *args: Any) -> Entry | None:
        try:
            with closing(self._connection()) as db:
                return work(db, *args)
        except (sqlite3.Error, OSError) as error:
            log.warning("the cache %s cannot be used: %s", self._file, error)
            return None

    def _connection(self) -> sqlite3.Connection:
        if not self._prepared:
            self._prepare()
        db = sqlite3.connect(self._file, timeout=5, isolation_level=None)
        db.execute("PRAGMA synchronous=OFF")
        return db

    def _prepare(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # SQLite does not wait when two connections change the journal's mode
            with closing(sqlite3.connect(self._file, timeout=5, isolation_level=None)) as db:
                db.executescript(_SCHEMA)
        finally:
            os.close(folder)
        self._prepared = True

    def _get(self, db: sqlite3.Connection, key: bytes) -> Entry | None:
        now = time.time()
        query = "SELECT used, status, headers, body FROM answer WHERE key = ? AND expires > ?"
        used, status, headers, body = db.execute(query, (key, now)).fetchone() or (now, 0, "[]", b"")
        if now - used > _USED_EVERY:
            db.execute("UPDATE answer SET used = ? WHERE key = ?", (now, key))
        return Entry(status, [(name, value) for name, value in json.loads(headers)], body) if status else None

    def _put(self, db: sqlite3.Connection, key: bytes, entry: Entry, duration: float) -> None:
        now = time.time()
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, now + duration, now, entry.size, entry.status, json.dumps(entry.headers), entry.body),
        )
        if next(self._puts) % _ROOM_EVERY == 0:
            self._make_room(db, now)
        db.execute("COMMIT")

    def _make_room(self, db: sqlite3.Connection, now: float) -> None:
        db.execute("DELETE FROM answer WHERE expires < ?", (now,))
        db.execute(
            "DELETE FROM answer WHERE key IN ("
            " SELECT key FROM (SELECT key, sum(size) OVER (ORDER BY used DESC, key) AS total FROM answer)"
            " WHERE total > ?)",
            (self._limit,),
        )
