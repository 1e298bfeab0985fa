"""Where a command's two outputs go: to the client, to files, to both, or nowhere."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Literal

from .settings import PIPE, Sinks

READ = 256 * 1024
"""Bytes read at a time; the output is sent in such pieces at most."""

_ROOM = 1024 * 1024
"""Bytes that a pipe holds: what an unprivileged process may ask for."""


class Reader:
    """The end of a pipe at which a command's output arrives, copied to files on its way."""

    def __init__(self, fd: int, files: Sequence[int], to_client: bool, buffer: int | Literal["line"]):
        self.fd, self.to_client = fd, to_client
        self._files, self._buffer = files, buffer
        self._held: list[bytes] = []
        self._size = 0

    def read(self) -> bytes | None:
        """What has come, empty at the end; None if there is nothing yet."""
        try:
            data = os.read(self.fd, READ)
        except BlockingIOError:
            return None
        for file in self._files:
            _write_all(file, data)
        return data

    def passed(self, data: bytes) -> bytes:
        """What to send to the client, now that this has come."""
        if not self.to_client:
            return b""
        if not self._buffer:
            return data
        self._held.append(data)
        self._size += len(data)
        if self._buffer == "line":
            return self._lines(data)
        return self.rest() if self._size >= self._buffer else b""

    def _lines(self, data: bytes) -> bytes:
        """All that is held up to the last line break; a line of megabytes is not waited for."""
        end = data.rfind(b"\n") + 1
        if not end:
            return self.rest() if self._size >= _ROOM else b""
        self._held[-1] = data[:end]
        whole, left = self.rest(), data[end:]
        self._held, self._size = [left], len(left)
        return whole

    def rest(self) -> bytes:
        """What was held back."""
        held, self._held, self._size = b"".join(self._held), [], 0
        return held


class Outputs:
    """The outputs of one run. `stdout` and `stderr` are for `Popen`.

    Outputs that go to the same places share one pipe or one open file, so that what is written to them stays in order.
    A file is overwritten. Raises the OSError of opening one.
    """

    def __init__(self, stdout: Sinks, stderr: Sinks, buffer: int | Literal["line"]):
        self.readers: list[Reader] = []
        self._buffer = buffer
        self._files: dict[Path, int] = {}
        self._pipes: list[int] = []
        try:
            self.stdout = self._opened(stdout)
            self.stderr = self.stdout if set(stderr) == set(stdout) else self._opened(stderr)
        except BaseException:
            self.close()
            raise

    def _opened(self, sinks: Sinks) -> int:
        files = [self._file(sink) for sink in sinks if isinstance(sink, Path)]
        if not sinks:
            return subprocess.DEVNULL
        if len(files) == len(sinks) == 1:
            return files[0]  # the command writes to it without us
        reading, writing = os.pipe()
        self._pipes.append(writing)
        self.readers.append(Reader(reading, files, PIPE in sinks, self._buffer))
        os.set_blocking(reading, False)
        with suppress(PermissionError):  # the user's pipes have taken up what they may
            fcntl(reading, F_SETPIPE_SZ, _ROOM)
        return writing

    def _file(self, path: Path) -> int:
        if path not in self._files:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._files[path] = os.open(path, flags, 0o644)
        return self._files[path]

    def started(self) -> None:
        """The command has its ends of the pipes now; ours would keep them from ending."""
        for fd in self._pipes:
            os.close(fd)
        self._pipes.clear()

    def drop(self, reader: Reader) -> None:
        """Close an output that has ended."""
        self.readers.remove(reader)
        os.close(reader.fd)

    def rest(self) -> Iterator[bytes]:
        """What was held back of each output."""
        return (held for held in (reader.rest() for reader in self.readers) if held)

    def close(self) -> None:
        """Close everything. Once is enough, twice does no harm."""
        for fd in (*self._pipes, *self._files.values(), *(reader.fd for reader in self.readers)):
            os.close(fd)
        self._pipes.clear()
        self._files.clear()
        self.readers.clear()


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
