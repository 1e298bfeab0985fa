"""Response bodies that come from a file: small ones in memory, large ones by the kernel, the rest in chunks."""

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from app import offload
from app.sending import compression

# Without O_NONBLOCK, opening a FIFO waits for a writer, perhaps for ever.
OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
CHUNK = 256 * 1024  # bytes read at a time where the kernel cannot send by itself
BURST = 1024 * 1024  # bytes that one sendfile call may copy, about 0.2 ms, before other greenlets get their turn
STALLED = 60.0  # seconds in which a client must take something; gunicorn sets no limit on sending

log = logging.getLogger(__name__)

Opener = Callable[[str], int]
Piece = bytes | range  # bytes as they are, or a range of the file


def open_file(path: str) -> int:
    """Open for reading and return the descriptor: never waits, and is not inherited by child processes."""
    return os.open(path, OPEN_FLAGS)


class File:
    """A regular file, opened once; size and times are those of what was opened, whatever its name means later.

    Raises the OSError of opening it, IsADirectoryError, or PermissionError for a FIFO, socket or device.
    Closes itself at the end of a `with`, unless a body took the descriptor over.
    """

    __slots__ = ("path", "fd", "stat")

    def __init__(self, path: str, opener: Opener = open_file):
        self.fd = -1
        self.path = path
        self.fd = _opened(path, opener)
        try:
            self.stat = os.fstat(self.fd)
            _refuse_irregular(self.stat.st_mode, path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.stat.st_size

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()  # an answer that a hook replaced by another is dropped, and nobody closes it

    def moved(self) -> "File":
        """The same open file for a new owner; this one has nothing to close any more."""
        twin = object.__new__(File)
        twin.path, twin.fd, twin.stat = self.path, self.fd, self.stat
        self.fd = -1
        return twin

    def read(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(piece if isinstance(piece, bytes) else b"".join(self.chunks(piece)) for piece in pieces)

    def chunks(self, span: range, size: int = CHUNK) -> Iterator[bytes]:
        """Raises ConnectionResetError when the file has become too short for what the headers promised."""
        position = span.start
        while position < span.stop:
            chunk = os.pread(self.fd, min(size, span.stop - position), position)
            if not chunk:
                raise self.shrank()
            yield chunk
            position += len(chunk)

    def shrank(self) -> ConnectionResetError:
        """Closing the connection is the only way left to tell the client; every server does it for this error."""
        log.warning("%s: became shorter while it was sent", self.path)
        return ConnectionResetError(errno.ECONNRESET, "file became shorter while it was sent", self.path)


def _opened(path: str, opener: Opener) -> int:
    try:
        return opener(path)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device without a driver
            raise PermissionError(errno.EACCES, "not a regular file", path) from error
        raise


def _refuse_irregular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise PermissionError(errno.EACCES, "not a regular file", path)


class FileBody:
    """Pieces of a file, read in chunks by whoever iterates, or sent by the kernel through `through`."""

    def __init__(self, file: File, pieces: Sequence[Piece]):
        self.file = file.moved()
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces(self.file.chunks)

    def through(self, sock: Any) -> Iterator[bytes]:
        return self._pieces(lambda span: _kernel_sent(self.file, span, sock))

    def _pieces(self, transmit: Callable[[range], Iterator[bytes]]) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from transmit(piece)

    def close(self) -> None:
        self.file.close()


class GzipBody:
    """A file compressed while it is sent, in chunks small enough that nobody notices."""

    def __init__(self, file: File):
        self.file = file.moved()

    def __iter__(self) -> Iterator[bytes]:
        return compression.gzip_chunks(self.file.chunks(range(len(self.file)), compression.INLINE))

    def close(self) -> None:
        self.file.close()


def raw_socket(environ: dict[str, Any]) -> Any:
    """The client's socket if bytes put on it reach the client as they are, and waiting for it is cooperative.

    So: gunicorn's gevent worker, HTTP/1, no TLS, no framing of the body (every `FileBody` has a Content-Length).
    """
    sock = environ.get("gunicorn.socket")
    if sock is None or not offload.cooperative() or environ["SERVER_PROTOCOL"] not in ("HTTP/1.1", "HTTP/1.0"):
        return None
    from gevent.socket import socket

    return sock if type(sock) is socket else None


def _kernel_sent(file: File, span: range, sock: Any) -> Iterator[bytes]:
    """Send by os.sendfile: about a quarter of the processor time of copying through Python 8 KiB at a time.

    Raises ConnectionError when the client has gone or takes nothing for `STALLED` seconds.
    """
    yield b""  # gunicorn writes the headers now, before anything goes past it
    position = span.start
    while position < span.stop:
        try:
            # Asked for each time: after a wait the socket may be closed and its old number another client's.
            sent = os.sendfile(sock.fileno(), file.fd, position, min(BURST, span.stop - position))
        except BlockingIOError:
            _wait_until_writable(sock)
            continue
        if not sent:
            raise file.shrank()
        position += sent
        if sent == BURST:
            offload.pause()  # a fast client never makes us wait, the others should not either


def _wait_until_writable(sock: Any) -> None:
    from gevent.socket import wait_write

    limit = sock.gettimeout() or STALLED
    wait_write(sock.fileno(), limit, ConnectionResetError(errno.ECONNRESET, f"client took nothing for {limit} s"))
