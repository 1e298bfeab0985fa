"""Bodies that are whole before their first byte can be sent: written to a temporary file, and sent from there."""

import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO

_PIECE = 1 << 16


def spooled(write: Callable[[IO[bytes]], None]) -> Iterator[bytes]:
    """What a function writes to a file, in pieces. The file is gone when they were taken, or nobody wants them."""
    file = tempfile.TemporaryFile(prefix="skerry-format-")
    try:
        write(file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _Pieces(file)


class _Pieces:
    """The pieces of a file. A generator that nobody has begun, as for HEAD, would not close it."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.close = weakref.finalize(self, file.close)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = b"" if self._file.closed else self._file.read(_PIECE)
        if not piece:
            self.close()
            raise StopIteration
        return piece
