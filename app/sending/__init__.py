"""Answers made of files and bytes: conditional, in ranges, compressed, at the speed of the kernel.

Both entries answer the request that is passed in, and need no more of Flask than its `Request` and `Response`::

    return sending.send_file(request, "/srv/site/report.csv", precompressed=True, headers={"Cache-Control": "no-cache"})
    return sending.send_bytes(request, page.encode(), mimetype="text/html")
"""

import hashlib
import mimetypes
import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from flask import Request, Response
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.http import http_date
from werkzeug.utils import get_content_type
from werkzeug.wsgi import ClosingIterator

from app import offload
from app.sending.bodies import File, FileBody, GzipBody, Opener, Piece, open_file, raw_socket
from app.sending.compression import INLINE, SUFFIXES, codings, gzipped, worthwhile
from app.sending.preconditions import Validators, verdict
from app.sending.ranges import wanted

IN_MEMORY = 16 * 1024  # bytes up to which reading costs no more than handing the file to the kernel (measured)

_ARCHIVES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}

Content = File | bytes
_NONE: Mapping[str, str] = {}


class FileResponse(Response):
    """An answer whose body is a `FileBody` or `GzipBody`.

    The way to the socket is chosen when the server asks for the body, so that a hook that reads the response gets bytes
    and nothing is sent ahead of the headers.
    """

    def __init__(self, body: FileBody | GzipBody, status: int, headers: list[tuple[str, str]]):
        super().__init__(body, status, headers, direct_passthrough=True)

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        body = super().get_app_iter(environ)
        if body is not self.response:  # HEAD, 304: nothing to send
            return body
        sock = raw_socket(environ)
        items = body.through(sock) if sock is not None and isinstance(body, FileBody) else body
        return ClosingIterator(items, self.close)


class Representation(NamedTuple):
    """What was selected to answer with (RFC 9110 §3.2): the subject of validators, ranges and codings."""

    content_type: str
    validators: Validators
    coding: str | None = None  # its Content-Encoding
    packing: bool = False  # gzip has yet to be applied, so its size is unknown and it has no ranges
    varies: bool = False  # another Accept-Encoding could have selected another one


def send_file(
    request: Request,
    path: str | os.PathLike[str],
    *,
    mimetype: str | None = None,
    headers: Mapping[str, str] = _NONE,
    precompressed: bool = False,
    compress: bool = True,
    opener: Opener = open_file,
) -> Response:
    """Answer with a regular file: Range, ETag, Last-Modified, conditions, HEAD and codings as RFC 9110 says.

    `headers` are added to the answer, and replace those of the same name. With `precompressed`, `name.br`, `name.zst`
    or `name.gz` next to the file is sent instead if the client accepts it and it is not older. With `compress`, text is
    gzipped while it is sent. `opener` opens the file and its siblings, so that one rule decides for all of them
    what may be read; it should use `bodies.OPEN_FLAGS`.

    Raises FileNotFoundError, PermissionError (a FIFO or device too), IsADirectoryError and other OSErrors of opening or
    reading; werkzeug's PreconditionFailed (412) and RequestedRangeNotSatisfiable (416).
    """
    path = os.fspath(path)
    content_type = _content_type(mimetype) if mimetype else _content_type_of(os.path.basename(path))
    encoded = any(name.lower() == "content-encoding" for name in headers)
    with File(path, opener) as file:
        plain = Representation(content_type, _validators(file.stat), varies=precompressed)
        if precompressed and not encoded and (found := _sibling(request, file, opener)):
            coding, sibling = found
            with sibling:
                packed = plain._replace(validators=_validators(sibling.stat, f"-{coding}"), coding=coding)
                return _answer(request, packed, sibling, headers)
        selected = _packed(request, plain, len(file)) if compress and not encoded else plain
        return _answer(request, selected, file, headers)


def send_bytes(
    request: Request,
    body: bytes,
    *,
    mimetype: str,
    etag: str | None = None,
    last_modified: float | None = None,
    headers: Mapping[str, str] = _NONE,
    compress: bool = True,
) -> Response:
    """Answer with bytes that are in memory, by the same rules as `send_file`.

    `etag` is the opaque part of a strong entity tag, without quotes; by default it is made from the bytes.
    `last_modified` is in seconds since 1970. Raises PreconditionFailed (412) and RequestedRangeNotSatisfiable (416).
    """
    modified = None if last_modified is None else int(last_modified)
    validators = Validators(f'"{etag or _digest(body)}"', modified)
    plain = Representation(_content_type(mimetype), validators)
    encoded = any(name.lower() == "content-encoding" for name in headers)
    selected = _packed(request, plain, len(body)) if compress and not encoded else plain
    return _answer(request, selected, body, headers)


def _digest(body: bytes) -> str:
    blake2b = hashlib.blake2b
    large = len(body) > 1024 * 1024  # about 1 ms
    return (offload.run(blake2b, body, digest_size=12) if large else blake2b(body, digest_size=12)).hexdigest()


@lru_cache(maxsize=512)
def _content_type(mimetype: str) -> str:
    return mimetype if ";" in mimetype else get_content_type(mimetype, "utf-8")


@lru_cache(maxsize=512)
def _content_type_of(name: str) -> str:
    mimetype, archive = mimetypes.guess_type(name)
    if archive:  # a .tar.gz is sent as the archive that it is, not as a tar file that the browser unpacks
        return _ARCHIVES.get(archive, "application/octet-stream")
    return _content_type(mimetype or "application/octet-stream")


def _validators(stat: os.stat_result, variant: str = "") -> Validators:
    """An entity tag for this content of this file, and a date that is never in the future (RFC 9110 §8.8.2.1)."""
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}-{stat.st_ino:x}{variant}"'
    return Validators(etag, min(stat.st_mtime_ns // 1_000_000_000, int(time.time())))


def _sibling(request: Request, file: File, opener: Opener) -> tuple[str, File] | None:
    """The file compressed beforehand that this client likes best, and its coding."""
    for coding in codings(request.environ.get("HTTP_ACCEPT_ENCODING")):
        if coding in SUFFIXES and (sibling := _opened_if_fresh(file, file.path + SUFFIXES[coding], opener)):
            return coding, sibling
    return None


def _opened_if_fresh(file: File, path: str, opener: Opener) -> File | None:
    try:
        sibling = File(path, opener)
    except OSError:  # missing, unreadable, a folder, outside of what the opener allows: there is no such sibling
        return None
    # No coding makes something empty: such a file is still being written.
    if len(sibling) and sibling.stat.st_mtime_ns >= file.stat.st_mtime_ns:
        return sibling
    sibling.close()
    return None


def _packed(request: Request, plain: Representation, size: int) -> Representation:
    """The representation to be gzipped while it is sent, if that helps and no range is asked; else the plain one."""
    environ = request.environ
    worth = worthwhile(plain.content_type, size)
    accepted = codings(environ.get("HTTP_ACCEPT_ENCODING"))
    ranged = "HTTP_RANGE" in environ and request.method == "GET"
    if "gzip" in accepted and (worth or "identity" not in accepted) and not ranged:
        etag, modified = plain.validators
        variant = Validators(f'{etag[:-1]}-gzip"', modified)
        return plain._replace(validators=variant, coding="gzip", packing=True, varies=True)
    return plain._replace(varies=True) if worth else plain


def _answer(request: Request, selected: Representation, content: Content, headers: Mapping[str, str]) -> Response:
    """Evaluate the conditions, then the ranges, then build the answer: the order of RFC 9110 §13.2.2.

    Only for reading: the conditions of a POST were to be checked before what it did.
    """
    reading = request.method in ("GET", "HEAD")
    status = verdict(request.method, request.environ, selected.validators) if reading else 200
    if status == 412:
        raise PreconditionFailed
    if status == 304:
        return _response(304, selected, headers, [])
    if selected.packing:
        return _response(200, selected, headers, _gzip_body(content))
    spans = wanted(request.method, request.environ, len(content), selected.validators)
    if spans is None:
        return _response(200, selected, headers, _body(content, [range(len(content))]), len(content))
    return _partial(selected, content, spans, headers)


def _partial(selected: Representation, content: Content, spans: list[range], headers: Mapping[str, str]) -> Response:
    size = len(content)
    if not spans:
        raise RequestedRangeNotSatisfiable(size)
    if len(spans) == 1:
        span = spans[0]
        answer = _response(206, selected, headers, _body(content, spans), len(span))
        answer.headers["Content-Range"] = _content_range(span, size)
        return answer
    boundary = secrets.token_hex(12)
    pieces = _multipart(spans, size, selected.content_type, boundary)
    selected = selected._replace(content_type=f"multipart/byteranges; boundary={boundary}")
    return _response(206, selected, headers, _body(content, pieces), sum(map(len, pieces)))


def _multipart(spans: list[range], size: int, content_type: str, boundary: str) -> list[Piece]:
    """The parts of a multipart/byteranges body (RFC 9110 §14.6)."""
    pieces: list[Piece] = []
    for span in spans:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {_content_range(span, size)}\r\n\r\n"
        )
        pieces += [head.encode("latin-1"), span]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode()]


def _content_range(span: range, size: int) -> str:
    return f"bytes {span.start}-{span.stop - 1}/{size}"


def _body(content: Content, pieces: Sequence[Piece]) -> list[bytes] | FileBody:
    if isinstance(content, bytes):
        return [b"".join(piece if isinstance(piece, bytes) else content[piece.start : piece.stop] for piece in pieces)]
    if sum(map(len, pieces)) <= IN_MEMORY:
        return [content.read(pieces)]
    return FileBody(content, pieces)


def _gzip_body(content: Content) -> list[bytes] | GzipBody:
    if isinstance(content, bytes):
        return [gzipped(content)]
    if len(content) <= INLINE:
        return [gzipped(content.read([range(len(content))]))]
    return GzipBody(content)


def _response(
    status: int,
    selected: Representation,
    headers: Mapping[str, str],
    body: list[bytes] | FileBody | GzipBody,
    length: int | None = None,
) -> Response:
    fields = [("Content-Type", selected.content_type), ("ETag", selected.validators.etag)]
    if selected.validators.last_modified is not None:
        fields.append(("Last-Modified", _http_date(selected.validators.last_modified)))
    if length is not None:
        fields += [("Accept-Ranges", "bytes"), ("Content-Length", str(length))]
    if selected.coding:
        fields.append(("Content-Encoding", selected.coding))
    answer = Response(body, status, fields) if isinstance(body, list) else FileResponse(body, status, fields)
    for name, value in headers.items():
        answer.headers[name] = value
    if selected.varies:
        _vary(answer)
    return answer


def _vary(answer: Response) -> None:
    others = answer.headers.get("Vary")
    answer.headers["Vary"] = f"{others}, Accept-Encoding" if others else "Accept-Encoding"


@lru_cache(maxsize=2048)
def _http_date(seconds: int) -> str:
    return http_date(seconds)
