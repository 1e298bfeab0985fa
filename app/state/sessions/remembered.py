"""A store of one host that remembers what it has read, for as long as nobody on this host has written.

All that happens between two requests costs SQLite its place in the processor's caches, and with it 50 µs for what takes
7 otherwise. So readers share a few bytes of memory with those who write, and read only when these have changed.
"""

import mmap
import os
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from app.json_provider import dumps
from app.state import files
from app.state.database import Unavailable
from app.state.sessions.store import Change, Record, Store

_TRUSTED = 1.0
"""Seconds after which a session is read again in any case: somebody may edit the database by hand."""

_ENTRIES, _LARGEST = 1000, 10_000
"""How many sessions are remembered, and of how many bytes."""


class _Seen(NamedTuple):
    mark: bytes
    until: float
    json: bytes
    expires: float


class Remembered:
    """See Store. `file` is what is shared with the other workers."""

    def __init__(self, store: Store, file: Path):
        self._store, self._file = store, file
        self._shared: mmap.mmap | None = None
        self._seen: dict[str, _Seen] = {}

    def read(self, id: str) -> Record | None:
        """See Store."""
        now, seen = time.time(), self._seen.get(id)
        if seen and seen.mark == self._mark()[:] and now < seen.until and now < seen.expires:
            return Record(orjson.loads(seen.json), seen.expires)
        mark = self._mark()[:]  # taken before, so that what is written meanwhile is not taken for read
        record = self._store.read(id)
        if record:
            self._remember(id, record, mark, now)
        return record

    def _remember(self, id: str, record: Record, mark: bytes, now: float) -> None:
        json = dumps(record.values)
        if len(self._seen) >= _ENTRIES:
            self._seen.clear()
        if len(json) <= _LARGEST:
            self._seen[id] = _Seen(mark, now + _TRUSTED, json, record.expires)

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """See Store."""
        self._store.write(id, change, expires, owner, new)
        self._tell()

    def delete(self, id: str) -> None:
        """See Store."""
        self._store.delete(id)
        self._tell()

    def delete_of(self, owner: str, but: str = "") -> int:
        """See Store."""
        removed = self._store.delete_of(owner, but)
        self._tell()
        return removed

    def purge(self, every: float) -> int:
        """See Store."""
        return self._store.purge(every)

    def _tell(self) -> None:
        """Have everybody read again. Any other value will do, so that nobody has to wait for anybody to count."""
        self._mark()[:] = os.urandom(_SIZE)

    def _mark(self) -> mmap.mmap:
        if self._shared is None:
            self._shared = _mapped(self._file)
        return self._shared


_SIZE = 8


def _mapped(file: Path) -> mmap.mmap:
    try:
        fd = files.opened(file)
        try:
            os.posix_fallocate(fd, 0, _SIZE)
            return mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)
    except OSError as error:
        raise Unavailable(str(file), error) from error
