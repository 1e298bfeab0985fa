"""Files that one edits at a time, and how the new state takes the place of the old one.

The lock is on the folder (flock), so it holds between workers and between sites, leaves no other file, and stays what
it is when somebody puts another file in the place of the one that is edited. It does not keep out who does not ask for
it, as people with an editor: a file that they change meanwhile is not replaced.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from app.state import files
from app.tables.edits.transactions import Full, Refused
from app.tables.source import Down, Missing

PATIENCE = 10.0
"""Seconds to wait for the others who edit the file."""

_POLL = 0.005


class Changed(Exception):
    """Somebody has changed the file meanwhile."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else who asks for this lock edits files of its folder meanwhile, in whatever process.

    Raises Down, Missing.
    """
    until = time.monotonic() + PATIENCE
    turn = _turn(path.parent)
    if not turn.acquire(timeout=PATIENCE):  # of this worker, who need not ask the kernel again and again
        raise Down(f"{path.name}: too many are waiting to edit it")
    try:
        fd = _acquired(path, until)
        try:
            yield
        finally:
            os.close(fd)
    finally:
        turn.release()


@cache
def _turn(folder: Path) -> threading.Lock:
    return threading.Lock()


def _acquired(path: Path, until: float) -> int:
    """A descriptor that holds the lock. A wait in the kernel would hold a thread, so we ask again and again."""
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Missing(f"{path.name}: {error.strerror}") from error
    try:
        while not _is_locked(fd):
            if time.monotonic() > until:
                raise Down(f"{path.name}: somebody else is editing it")
            time.sleep(_POLL)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace(path: Path, write: Callable[[Path], None], check: Callable[[], None]) -> None:
    """Put what `write(path)` writes in place of the file, safe on disk, with its owner and permissions.

    `check()` is called at the last moment, and raises if the file shall stay. Raises Full, Refused and Down, and
    leaves the file as it is. To be called with the lock.
    """
    beside = path.with_name(f".{path.name}.new")
    with _our_errors(path):
        try:
            beside.unlink(missing_ok=True)  # of one that was killed
            os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            write(beside)
            _settle(beside, path)
            check()
            os.replace(beside, path) if path.exists() else _link(beside, path)
            files.sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def _settle(beside: Path, path: Path) -> None:
    """Give the new file what the old one had, and bring it to the disk."""
    try:
        found = path.stat()
        with suppress(PermissionError):  # it belongs to somebody else, who lets us write all the same
            os.chown(beside, found.st_uid, found.st_gid)
        beside.chmod(found.st_mode & 0o777)
    except FileNotFoundError:
        beside.chmod(0o666 & ~files.umask())
    files.sync(beside)


def _link(beside: Path, path: Path) -> None:
    """Make the file, unless somebody else has made it meanwhile."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise Changed from None


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Full(f"{path.name}: {error.strerror}: it is as it was") from error
        if error.errno in _FORBIDDEN:
            raise Refused(f"{path.name}: cannot be written: {error.strerror}") from error
        raise Down(f"{path.name}: {error.strerror}") from error
