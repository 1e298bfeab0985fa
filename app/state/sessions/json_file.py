"""Sessions in one JSON file, which may be read and edited by hand. Each write writes the whole: for small sites.

::

    {"<SHA-256 of the id>": {"expires": 1800000000.0, "owner": "ann", "values": {"user": {"id": "ann"}}}}
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from app import offload
from app.json_provider import dumps
from app.state import files
from app.state.database import BUSY, Unavailable
from app.state.sessions.store import Change, Record, hashed

Tree = dict[str, Any]


class JSONFile:
    """See Store."""

    def __init__(self, file: Path):
        self._file, self._lock = file, file.with_name(f".{file.name}.lock")
        self._mark = file.with_name(f".{file.name}.purged")
        """Its time is that of the last purge."""
        self._turn = threading.Lock()
        self._tree: Tree = {}
        self._stamp: tuple[int, ...] | None = None

    def read(self, id: str) -> Record | None:
        """See Store."""
        with self._errors():
            tree = self._tree if self._stamp == self._now() else offload.run(self._read)
            found = tree.get(hashed(id))
            if found is None or found["expires"] <= time.time():
                return None
            # What is read may be changed in place, and the tree is everybody's.
            return Record(orjson.loads(dumps(found["values"])), found["expires"])

    def _now(self) -> tuple[int, ...]:
        """What tells whether the file has changed, by us or by others."""
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> Tree:
        stamp = self._now()
        if stamp != self._stamp:
            tree = orjson.loads(self._file.read_bytes()) if stamp else {}
            if not isinstance(tree, dict):
                raise ValueError("it is not an object of JSON")
            self._tree, self._stamp = tree, stamp
        return self._tree

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """See Store."""
        key = hashed(id)

        def merge(tree: Tree) -> Tree:
            before = tree.get(key, {}).get("values", {})
            values = orjson.loads(dumps(change.applied(before)))
            return {**tree, key: {"expires": expires, "owner": owner, "values": values}}

        self._change(lambda tree: merge(tree) if new or key in tree else tree)

    def delete(self, id: str) -> None:
        """See Store."""
        self._remove(lambda tree: {hashed(id)} & tree.keys())

    def delete_of(self, owner: str, but: str = "") -> int:
        """See Store."""
        spared = hashed(but)

        def which(tree: Tree) -> Set[str]:
            return {key for key in tree if owner and tree[key].get("owner") == owner and key != spared}

        return self._remove(which)

    def purge(self, every: float) -> int:
        """See Store."""
        now = time.time()

        def ended(tree: Tree) -> Set[str]:
            return {key for key in tree if tree[key].get("expires", now) < now} if self._is_due(now, every) else set()

        return self._remove(ended)

    def _is_due(self, now: float, every: float) -> bool:
        """Whether it is time, which is noted then. Nobody else is at it, as the file is locked."""
        try:
            due = self._mark.stat().st_mtime + every <= now
        except FileNotFoundError:
            due = True
        if due:
            os.close(files.opened(self._mark))
            os.utime(self._mark, (now, now))
        return due

    def _remove(self, which: Callable[[Tree], Set[str]]) -> int:
        removed: Set[str] = set()

        def without(tree: Tree) -> Tree:
            nonlocal removed
            removed = which(tree)
            return {key: session for key, session in tree.items() if key not in removed} if removed else tree

        self._change(without)
        return len(removed)

    def _change(self, change: Callable[[Tree], Tree]) -> None:
        """Change what the file has at that moment. Others of this worker wait here, and not in all of its threads."""
        with self._errors():
            if offload.in_thread():  # the lock of the file will do; one of greenlets' might not wake a thread
                return self._replace(change)
            if not self._turn.acquire(timeout=BUSY):
                raise TimeoutError("too many are waiting to write")
            try:
                offload.run(self._replace, change)
            finally:
                self._turn.release()

    def _replace(self, change: Callable[[Tree], Tree]) -> None:
        with _locked(self._lock):
            before = self._read()
            after = change(before)
            if after is not before:
                files.replace(self._file, orjson.dumps(after, option=orjson.OPT_INDENT_2))
                self._tree, self._stamp = after, self._now()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (
            OSError,
            ValueError,
            LookupError,
            AttributeError,
        ) as error:  # an edit by hand may have left it broken: we do not mend it
            raise Unavailable(str(self._file), error) from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep other threads and processes out. The lock ends with the process, even one that is killed."""
    fd = files.opened(file)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
