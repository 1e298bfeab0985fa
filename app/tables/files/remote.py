"""Data files at http and https URLs: fetched into the site's var folder, and loaded from there.

    source = Remote("https://example.org/sales.csv", folder / "var" / "http")

What has been fetched is asked for again after some seconds, more if its server says so, by ETag or Last-Modified
(RFC 9110 §13.1). While the server cannot be reached, or answers with an error, what was fetched last is used.
"""

import fcntl
import gzip
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from app.state import files
from app.tables.columns import Column
from app.tables.files.copies import Options
from app.tables.files.duckdb_answer import Answer
from app.tables.files.file import File
from app.tables.files.loading import Engine
from app.tables.files.readers import check
from app.tables.query import Query
from app.tables.source import Down, Missing, Unreadable

log = logging.getLogger("skerry")

Readable: TypeAlias = http.client.HTTPResponse | gzip.GzipFile

FRESH = 10.0
"""Seconds for which a file is not asked for again, even if its server says less."""

LARGEST = 1 << 30
"""Bytes of a file."""

LONGEST = 60.0
"""Seconds that fetching a file may take."""

_WAIT = 10.0
"""Seconds to wait for the server at each step."""

KEPT = 1000
"""Files that are kept. Placeholders in a URL make many of one."""

_PIECE = 1 << 16

_AGAIN = 0.05
"""Seconds between two looks whether another worker has fetched it."""

_ABOUT = ".about.json"


class Remote:
    """A file of another server. See `app.tables.source.Source`."""

    def __init__(self, url: str, folder: Path, options: Options | None = None, tables: Engine | None = None):
        """It is fetched into a folder below this one. Raises ValueError for a format that is not known."""
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url}: has no host")
        self.url, self.options, self._tables = url, options or Options(), tables
        self._name = _safe(PurePosixPath(unquote(parts.path)).name)
        if self.options.format:
            check(self._name, self.options)
        self._shown = f"{parts.scheme}://{parts.hostname}{parts.path}"  # without what may be a secret
        self._folder = folder / hashlib.sha256(url.encode()).hexdigest()[:24]
        self._turn = threading.Lock()

    def columns(self) -> tuple[Column, ...]:
        """See Source. Raises Down if the file is not there yet and cannot be fetched."""
        return self._file().columns()

    def state(self) -> str | None:
        """See Source; that of what has been fetched, which may fetch it."""
        try:
            return self._file().state()
        except (Missing, Down):
            return None

    def run(self, query: Query, timeout: float) -> Answer:
        """See Source."""
        return self._file().run(query, timeout)

    def _file(self) -> File:
        """The file as fetched, fresh enough."""
        kept = self._kept()
        if kept is None or not kept.is_fresh:
            kept = self._in_turn(kept)
        try:
            return File(self._folder / self._name, replace(self.options, format=kept.format), self._tables)
        except ValueError as error:
            raise Unreadable(f"{self._shown}: {error}") from error

    def _in_turn(self, kept: "_Kept | None") -> "_Kept":
        """What is known once somebody has fetched it. While one does, others go on with what there was before."""
        if not self._turn.acquire(blocking=kept is None):
            return cast(_Kept, kept)
        try:
            with _locked(self._folder):
                kept = self._kept()  # somebody else may have just fetched it
                return kept if kept is not None and kept.is_fresh else self._refreshed(kept)
        except OSError as error:
            raise Down(f"{self._shown}: cannot be kept: {error.strerror}") from error
        finally:
            self._turn.release()

    def _kept(self) -> "_Kept | None":
        try:
            kept = _Kept(**json.loads((self._folder / _ABOUT).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):  # it is new, or of another version
            return None
        return kept if (self._folder / self._name).is_file() else None

    def _refreshed(self, kept: "_Kept | None") -> "_Kept":
        try:
            made = self._fetched(kept)
        except _Failed as error:
            if kept is None:
                raise Down(f"{self._shown}: {error}") from error
            log.warning("%s: %s: what was fetched before is used", self._shown, error)
            made = replace(kept, fresh_until=time.time() + FRESH)
        if kept is None:
            _make_room(self._folder.parent)
        files.replace(self._folder / _ABOUT, json.dumps(asdict(made)).encode())
        return made

    def _fetched(self, kept: "_Kept | None") -> "_Kept":
        """What is known of the file after asking for it. Raises `_Failed`."""
        request = urllib.request.Request(*_asked(self.url, kept))
        try:
            with _OPENER.open(request, timeout=_WAIT) as answer:
                self._write(answer)
                return self._of(answer.headers)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304 and kept is not None:
                return replace(kept, fresh_until=_fresh_until(error.headers))
            raise _Failed(f"its server answers {error.code}") from error
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            raise _Failed(str(getattr(error, "reason", error)) or type(error).__name__) from error

    def _of(self, headers: Message) -> "_Kept":
        format = self.options.format or _format(self._name, headers)
        return _Kept(_fresh_until(headers), headers.get("ETag"), headers.get("Last-Modified"), format)

    def _write(self, answer: http.client.HTTPResponse) -> None:
        """Put what is read in place of the file, once it is whole."""
        beside = self._folder / f".{self._name}"
        try:
            with beside.open("wb") as file:
                size = sum(map(file.write, _pieces(_decoded(answer))))
            if not _is_packed(answer.headers) and int(answer.headers.get("Content-Length") or size) != size:
                raise _Failed("its server ended in the midst of it")
            os.replace(beside, self._folder / self._name)
        finally:
            beside.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Remove the files that were fetched longest ago."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.stat().st_mtime)
    for entry in found[:-KEPT]:
        shutil.rmtree(entry, ignore_errors=True)


def _is_packed(headers: Message) -> bool:
    """Whether a server sends gzip, as some do though they were asked not to. Raises `_Failed` for anything else."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise _Failed(f"is sent as {coding}")
    return coding == "gzip"


def _decoded(answer: http.client.HTTPResponse) -> Readable:
    return gzip.GzipFile(fileobj=answer) if _is_packed(answer.headers) else answer


def _pieces(answer: Readable) -> Iterator[bytes]:
    until, left = time.monotonic() + LONGEST, LARGEST
    while piece := answer.read(_PIECE):
        left -= len(piece)
        if left < 0:
            raise _Failed(f"has more than {LARGEST} bytes")
        if time.monotonic() > until:
            raise _Failed(f"takes longer than {LONGEST:g} s")
        yield piece


@dataclass(frozen=True)
class _Kept:
    """What is known of a file that was fetched."""

    fresh_until: float
    etag: str | None
    modified: str | None
    format: str | None

    @property
    def is_fresh(self) -> bool:
        return time.time() < self.fresh_until


class _Failed(Exception):
    """The file cannot be fetched."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; the library would also follow those to ftp."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(("http://", "https://")):
            raise _Failed(f"is redirected to {newurl.partition(':')[0]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """One that knows http and https alone: no files, no ftp, and no proxy but that of the environment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()


def _asked(url: str, kept: _Kept | None) -> tuple[str, None, dict[str, str]]:
    """The URL without user and password, no body, and the headers."""
    parts = urlsplit(url)
    headers = {"User-Agent": "Skerry", "Accept-Encoding": "identity"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    if kept is not None and kept.etag:
        headers["If-None-Match"] = kept.etag
    elif kept is not None and kept.modified:
        headers["If-Modified-Since"] = kept.modified
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), None, headers


_MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})", re.IGNORECASE)


def _fresh_until(headers: Message) -> float:
    found = _MAX_AGE.search(headers.get("Cache-Control", ""))
    return time.time() + max(FRESH, float(found[1]) if found else 0)


_CONTENT_TYPES = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.file": "feather",
    "application/vnd.apache.arrow.stream": "feather",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "text/html": "html",
}


def _format(name: str, headers: Message) -> str | None:
    """The format by the type of the content, unless the name says it."""
    try:
        check(name, Options())
    except ValueError:
        return _CONTENT_TYPES.get(headers.get_content_type())
    return None


_UNSAFE = re.compile(r"[^\w.-]")


def _safe(name: str) -> str:
    """A name for the file here; its extension stays. None is that of a file of ours, which begins with a point."""
    return _UNSAFE.sub("_", name)[-100:].lstrip(".") or "file"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other workers out, that would fetch it too."""
    fd = files.opened(folder / ".lock")
    try:
        while not _taken(fd):
            time.sleep(_AGAIN)
        yield
    finally:
        os.close(fd)


def _taken(fd: int) -> bool:
    """Whether the lock is ours. To wait for it in the kernel would stop the whole worker."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
