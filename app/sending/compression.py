"""Content codings: which one a client prefers (RFC 9110 §12.5.3), and gzip that never holds the worker up."""

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from app import offload

if TYPE_CHECKING:  # work modules of features may import this one, and know no Flask
    from flask import Request, Response

SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}  # best first; the suffix of a file compressed beforehand
MINIMUM = 1024  # bytes; below it, header and checksum eat the gain
INLINE = 64 * 1024  # bytes that are compressed in under 2 ms; more would be felt by the worker's other clients

_LEVEL = 5
_GZIP = 16 + zlib.MAX_WBITS
_COMPRESSIBLE = re.compile(
    r"text/(?!event-stream).+ | .+\+(?:json|xml|yaml) | font/(?:ttf|otf) | image/(?:bmp|x-icon|vnd\.microsoft\.icon)"
    r"| application/(?:json|javascript|x-javascript|xml|x-ndjson|yaml|x-yaml|toml|sql|rtf|wasm|vnd\.ms-fontobject)",
    re.VERBOSE,
)


@lru_cache(maxsize=512)
def codings(accept_encoding: str | None) -> tuple[str, ...]:
    """The codings that the client wants rather than plain bytes, best first; then `identity`, unless it is refused."""
    quality = _qualities(accept_encoding or "identity")
    other = quality.get("*", 0.0)
    plain = quality.get("identity", 0.0)
    usable = [name for name in SUFFIXES if quality.get(name, other) > 0 and quality.get(name, other) >= plain]
    usable.sort(key=lambda name: -quality.get(name, other))
    refused = quality.get("identity", quality.get("*", 1.0)) == 0
    return tuple(usable) if refused else (*usable, "identity")


def _qualities(header: str) -> dict[str, float]:
    found = {}
    for item in header.lower().split(","):
        name, _, parameter = item.partition(";")
        found[name.strip().removeprefix("x-")] = _quality(parameter)  # x-gzip is gzip (RFC 9110 §8.4.1.3)
    return found


def _quality(parameter: str) -> float:
    value = parameter.strip().removeprefix("q=")
    return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value) else float(not value)


@lru_cache(maxsize=512)
def compressible(content_type: str) -> bool:
    """Whether bytes of this type get much smaller; pictures, archives and films are compressed already."""
    return _COMPRESSIBLE.fullmatch(content_type.partition(";")[0].strip().lower()) is not None


def worthwhile(content_type: str, size: int) -> bool:
    return size >= MINIMUM and compressible(content_type)


def gzipped(data: bytes) -> bytes:
    """The same bytes for the same data every time: no name, no date."""
    if len(data) <= INLINE:
        return zlib.compress(data, _LEVEL, _GZIP)
    return offload.run(zlib.compress, data, _LEVEL, _GZIP)


def gzip_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress a stream at constant memory, letting other greenlets run after every chunk."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for chunk in chunks:
        if packed := compressor.compress(chunk):
            yield packed
        offload.pause()
    yield compressor.flush()


def compress(request: "Request", response: "Response") -> "Response":
    """Compress an answer that is held in memory, if that is worthwhile and the client accepts it.

    Meant for an `after_request` hook. Streams, partial answers and those that have a coding are left alone, and so are
    the answers of `sending`, which have chosen theirs. A strong entity tag is made weak: the bytes are others now, and
    a weak one still answers If-None-Match.
    """
    body = response.response
    headers = response.headers
    if type(body) is not list or len(body) != 1 or not worthwhile(headers.get("Content-Type", ""), len(body[0])):
        return response
    if response.status_code != 200 or "Content-Encoding" in headers or "Accept-Ranges" in headers:
        return response
    response.vary.add("Accept-Encoding")
    if "gzip" in codings(request.environ.get("HTTP_ACCEPT_ENCODING")):
        _pack(response)
    return response


def _pack(response: "Response") -> None:
    response.set_data(gzipped(response.get_data()))
    response.headers["Content-Encoding"] = "gzip"
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        response.headers["ETag"] = f"W/{etag}"
