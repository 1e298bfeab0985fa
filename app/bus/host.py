"""Messages between the workers of a host: a log that all of them append to and read, and a bell for each reader.

In a folder::

    end               where the log ends, 8 bytes that all workers have in their memory
    1763740800.log    messages, one after the other; when it is full the next number begins, and the one before goes
    12345-6f3a.bell   a socket: one byte says that there is something to read

A message is there from the moment when `end` is after it, for everybody and in the same order. Who appends has the lock
of `end`, which the kernel takes from a process that dies; what such a one has written is after `end`, and overwritten.
"""

import errno
import fcntl
import mmap
import os
import socket
import struct
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from app import offload
from app.bus import Found, Message, Position
from app.state import files
from app.state.database import Unavailable

T = TypeVar("T")
SEGMENT = 32 << 20
"""Bytes of a file of the log: at least so many, and at most twice, can be read again."""

LARGEST = 16 << 20
"""Bytes of a message."""

_AT_ONCE = 1 << 20
"""Bytes that one call of `read` parses, unless the first message has more."""

_HEAD = struct.Struct("<IH")
"""What a message begins with: the bytes of its topic and data together, and those of its topic."""

_BUSY = 5.0
"""Seconds to wait for who is writing."""

_TRUSTED = 1.0
"""Seconds after which one looks for the bells of others in any case: the clock of a file system is coarse."""


class Log:
    """See Channel."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._turn = offload.lock()
        self._shared: memoryview | None = None
        self._lock = -1
        self._writer: tuple[int, int] | None = None
        """Number and descriptor of the file that was written last."""
        self._reader: tuple[int, mmap.mmap] | None = None
        self._bells = _Bells(folder)

    def append(self, topic: str, data: bytes) -> str:
        """See Channel."""
        name = topic.encode()
        record = _HEAD.pack(len(name) + len(data), len(name)) + name + data
        if len(record) > LARGEST:
            raise ValueError(f"a message of {len(record):,} bytes is too large: {LARGEST:,} are allowed")
        with _Errors(self._folder):
            place = self._alone(lambda end: self._append(end, record))
            self._bells.ring()
        return _id(place)

    def _append(self, end: memoryview, record: bytes) -> Position:
        number, offset = self._room(_place(_begun(end)[0]))
        self._write(number, record, offset)
        end[0] = _number((number, offset + len(record)))
        return number, offset + len(record)

    def end(self) -> Position:
        """See Channel."""
        with _Errors(self._folder):
            return _place(self._open()[0])

    def position(self, id: str) -> Position | None:
        """See Channel. It is looked for from the beginning of its file: an id that a client made up leads nowhere."""
        try:
            number, wanted = _place(int(id, 16))
        except ValueError:
            return None
        with _Errors(self._folder):
            stop = self._stop(number)
            if stop is None or wanted > stop:
                return None
            found, offset = self._mapped(number, stop), 0
            while offset < wanted:
                offset += _HEAD.size + _HEAD.unpack_from(found, offset)[0]
        return (number, offset) if offset == wanted else None

    def place(self, id: str) -> Position:
        """See Channel."""
        return _place(int(id, 16))

    def read(self, after: Position, wait: float = 0) -> Found:
        """See Channel."""
        if wait and after == self.end():
            with _Errors(self._folder):
                self._bells.wait(wait)
        with _Errors(self._folder):
            return self._read(after)

    def _read(self, after: Position) -> Found:
        (number, offset), last = after, _place(self._open()[0])
        stop = self._stop(number)
        if stop is None or offset > stop:
            oldest = min(self._numbers(), default=last[0])
            return Found((), (oldest, 0), lost=True)
        if offset == stop:
            return Found((), after) if number == last[0] else self._read((number + 1, 0))
        found, messages = self._mapped(number, stop), []
        until = min(stop, offset + _AT_ONCE)
        while offset < until:
            size, name = _HEAD.unpack_from(found, offset)
            start, offset = offset + _HEAD.size, offset + _HEAD.size + size
            topic, data = found[start : start + name].decode(), found[start + name : offset]
            messages.append(Message(_id((number, offset)), topic, data))
        return Found(messages, (number, offset))

    def _stop(self, number: int) -> int | None:
        """Where the messages of a file end; None if it is not there."""
        last, end = _place(self._open()[0])
        if number == last:
            return end
        with suppress(FileNotFoundError):
            return self._file(number).stat().st_size if number < last else None
        return None

    def _mapped(self, number: int, size: int) -> mmap.mmap:
        known = self._reader
        if known is None or known[0] != number or len(known[1]) < size:
            with self._file(number).open("rb") as file:
                known = self._reader = number, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return known[1]

    def _room(self, end: Position) -> Position:
        """The place for a message: here, or in a new file."""
        number, offset = end
        if offset < SEGMENT:
            return end
        os.truncate(self._file(number), offset)  # without what somebody was writing when he died
        for old in self._numbers():
            if old < number:
                self._file(old).unlink(missing_ok=True)
        return number + 1, 0

    def _write(self, number: int, record: bytes, offset: int) -> None:
        if self._writer is None or self._writer[0] != number:
            if self._writer is not None:
                os.close(self._writer[1])
            self._writer = number, files.opened(self._file(number))
        written = 0
        while written < len(record):
            written += os.pwrite(self._writer[1], record[written:], offset + written)

    def _alone(self, work: Callable[[memoryview], T]) -> T:
        """What `work` returns, while nobody else writes. The locks are held for moments: who waits sleeps without."""
        give_up = time.monotonic() + _BUSY
        while True:
            with suppress(BlockingIOError), self._turn:
                end = self._mapped_end()
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    return work(end)
                finally:
                    fcntl.flock(self._lock, fcntl.LOCK_UN)
            if time.monotonic() > give_up:
                raise BlockingIOError(errno.EAGAIN, "somebody else writes all the time")
            time.sleep(0.0005)

    def _mapped_end(self) -> memoryview:
        if self._shared is None:
            self._lock = files.opened(self._folder / "end")
            os.posix_fallocate(self._lock, 0, 8)
            self._shared = memoryview(mmap.mmap(self._lock, 8)).cast("Q")  # its items are read and written whole
        return self._shared

    def _open(self) -> memoryview:
        """Where the log ends, in shared memory."""
        end = self._shared
        return self._alone(_begun) if end is None or not end[0] else end

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("*.log")]

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.log"


class _Bells:
    """A socket of each worker that reads, to which the others send a byte."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._own: socket.socket | None = None
        self._names: list[str] = []
        self._seen = (0, 0.0)
        self._out: tuple[int, socket.socket] | None = None

    def wait(self, seconds: float) -> None:
        """Return when somebody rings, or after so many seconds."""
        if self._own is None:
            self._own = self._hung()
            return  # what came before it was hung was not heard
        self._own.settimeout(seconds)
        with suppress(TimeoutError):
            self._own.recv(1)

    def ring(self) -> None:
        """Tell all who read."""
        for name in self._others():
            self._tell(name)

    def _tell(self, name: str) -> None:
        folder, out = self._opened()
        try:
            out.sendto(b"!", f"/proc/self/fd/{folder}/{name}")
        except BlockingIOError:
            pass  # it has not yet read what it was told before
        except (ConnectionRefusedError, FileNotFoundError):  # its worker has ended
            self._seen = (0, 0.0)
            (self._folder / name).unlink(missing_ok=True)

    def _others(self) -> list[str]:
        changed, now = self._folder.stat().st_mtime_ns, time.monotonic()
        if self._seen[0] != changed or now - self._seen[1] > _TRUSTED:
            self._names = [path.name for path in self._folder.glob("*.bell")]
            self._seen = changed, now
        return self._names

    def _opened(self) -> tuple[int, socket.socket]:
        """The folder's descriptor, as the names of sockets have to be short, and a socket to send from."""
        if self._out is None:
            out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            out.setblocking(False)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, folder)
            weakref.finalize(self, out.close)
            self._out = folder, out
        return self._out

    def _hung(self) -> socket.socket:
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        weakref.finalize(self, own.close)
        own.bind(f"/proc/self/fd/{self._opened()[0]}/{os.getpid()}-{os.urandom(4).hex()}.bell")
        return own


class _Errors:
    """Gives what the system raises in a `with` our name."""

    def __init__(self, folder: Path):
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable(str(self._folder), error) from error


def _begun(end: memoryview) -> memoryview:
    if not end[0]:  # ids go on from those of a log that was removed
        end[0] = _number((int(time.time()), 0))
    return end


def _number(place: Position) -> int:
    return place[0] << 32 | place[1]


def _place(number: int) -> Position:
    return number >> 32, number & 0xFFFFFFFF


def _id(place: Position) -> str:
    return f"{_number(place):016x}"
