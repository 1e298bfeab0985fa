"""Unpacking of compressed files: gzip and Zstandard, up to a bound."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from app.tables.files.copies import Damaged
from app.tables.limits import LIMITS

_PIECE = 1 << 20

_ZST_PIECE = 2048
"""Bytes that are unpacked at once. Zstandard makes up to 32,000 times as many of them, all in memory."""


def unpack(packed: Path, kind: str) -> Path:
    """The file without its compression, one of `KINDS`, in place of what it was. Raises `Damaged`."""
    target = packed.with_name("unpacked")
    left = LIMITS.unpacked
    with packed.open("rb") as source, target.open("wb") as written:
        for piece in KINDS[kind](source):
            left -= len(piece)
            if left < 0:
                raise Damaged(f"has more than {LIMITS.unpacked} bytes when it is unpacked")
            written.write(piece)
    packed.unlink()
    return target


def _gzip(source: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.open(source) as pieces:
            while piece := pieces.read(_PIECE):
                yield piece
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Damaged(str(error)) from error


def _zst(source: IO[bytes]) -> Iterator[bytes]:
    from zstandard import ZstdDecompressor, ZstdError

    frame, is_complete = ZstdDecompressor().decompressobj(), False
    try:
        while piece := source.read(_ZST_PIECE):
            while piece:
                if frame.eof:
                    frame = ZstdDecompressor().decompressobj()
                yield frame.decompress(piece)
                piece, is_complete = frame.unused_data, frame.eof
    except ZstdError as error:
        raise Damaged(str(error)) from error
    if not is_complete:
        raise Damaged("ends in the midst of compressed data")


KINDS: Mapping[str, Callable[[IO[bytes]], Iterator[bytes]]] = {"gz": _gzip, "zst": _zst}
"""By the last extension of a file's name."""
