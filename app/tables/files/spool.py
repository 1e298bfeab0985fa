"""Folders for copies of data files, which end with the process.

A process that is killed leaves its own behind: each is locked as long as its process lives, and the next that makes one
removes those that nobody has locked.
"""

import fcntl
import os
import posix
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

_PREFIX = "skerry-copies-"

# `posix.close`, as gevent's `os.close` waits for its hub, and this also runs in threads.

_YOUNG = 60.0
"""Seconds for which a folder is left alone: its process may not have locked it yet."""


class Spool(NamedTuple):
    """A folder, and the descriptor that keeps it locked."""

    path: Path
    lock: int

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        posix.close(self.lock)


def make() -> Spool:
    """A new folder, of this process."""
    remove_abandoned()
    path = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return Spool(path, lock)


def remove_abandoned() -> None:
    """Remove the folders of processes that are no more."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [entry for entry in entries if entry.name.startswith(_PREFIX)]
    for entry in found:
        try:
            _remove_if_abandoned(entry)
        except OSError:
            continue  # somebody lives in it, or has just removed it


def _remove_if_abandoned(entry: "os.DirEntry[str]") -> None:
    status = entry.stat(follow_symlinks=False)
    if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _YOUNG:
        return
    lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(entry.path, ignore_errors=True)
    finally:
        posix.close(lock)
