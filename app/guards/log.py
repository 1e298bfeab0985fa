"""One line in the log for every request, with its request id.

::

    log:                        # at the top of the YAML
      format: json              # or csv
      keys: [datetime, request_id, ip, method, uri, status, duration, mount]
      path: var/requests.log    # the standard output unless set

    kwargs: {log: false}        # beside a mount's settings: no lines for it
    kwargs: {log: {keys: [time, uri, args.q]}}

Keys (reference: gramex.md §4): name, class, time, datetime, method, uri, ip, status, duration, port, user, session,
error, browser, and args.X, request.X, headers.X, cookies.X, env.X; ours besides: mount, request_id, size.
"""

import csv
import io
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from flask import Blueprint, Flask, Request, Response, request
from pydantic import AfterValidator, Field, model_validator

from app import membership, request_id, session, tokens
from app import settings as base
from app.mistakes import did_you_mean
from app.mounts import Mount

complaints = logging.getLogger("skerry")

JSON_KEYS = ("datetime", "request_id", "ip", "method", "uri", "status", "duration", "mount", "error")
CSV_KEYS = ("time", "ip", "user.id", "status", "duration", "method", "uri", "error")

MOUNT, HANDLER, LINE = "skerry.mount", "skerry.handler", "skerry.log_line"
"""What is known of a request, beside it in the WSGI environment."""

Value = Callable[[Request, Response], Any]

VALUES: dict[str, Value] = {
    "name": lambda request, _: request.environ.get(MOUNT, ""),
    "mount": lambda request, _: request.environ.get(MOUNT, ""),
    "class": lambda request, _: request.environ.get(HANDLER, ""),
    "time": lambda _request, _: int(time.time() * 1000),
    "datetime": lambda _request, _: datetime.now(UTC).isoformat(timespec="milliseconds"),
    "request_id": lambda request, _: request_id.of(request.environ),
    "method": lambda request, _: request.environ["REQUEST_METHOD"],
    "uri": lambda request, _: tokens.masked(request.environ.get("RAW_URI") or request.full_path.rstrip("?")),
    "ip": lambda request, _: request.environ.get("REMOTE_ADDR", ""),
    "status": lambda _, response: response.status_code,
    "duration": lambda request, _: round(request_id.elapsed(request.environ) * 1000, 2),
    "size": lambda _, response: response.content_length,
    "port": lambda request, _: request.environ.get("SERVER_PORT"),
    "user": lambda request, _: _of_user(request, "id"),
    "session": lambda request, _: session.known_id(request.environ),
    "error": lambda request, _: request.environ.get(request_id.ERROR, ""),
    "browser": lambda request, _: request.environ.get("HTTP_USER_AGENT", ""),
}
"""The values of keys without a dot; `duration` is in milliseconds.

Of user and session is written what the request has found out: the log itself asks for neither, which would cost every
request a look into the store. `session` is what the store knows it by, as the id itself would be worth something.
"""

FAMILIES: dict[str, Callable[[str], Value]] = {
    "args": lambda key: lambda request, _: request.args.get(key, ""),
    "request": lambda key: lambda request, _: tokens.masked(str(getattr(request, key, ""))),
    "headers": lambda key: lambda request, _: request.headers.get(key, ""),
    "cookies": lambda key: lambda request, _: request.cookies.get(key, ""),
    "user": lambda key: lambda request, _: _of_user(request, key),
    "env": lambda key: lambda _request, _: os.environ.get(key, ""),
}


def _of_user(request: Request, key: str) -> Any:
    found = membership.attribute(session.known_user(request.environ), key)
    return "" if found is None else found


def _known(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        family, dot, _ = key.partition(".")
        if key not in VALUES and not (dot and family in FAMILIES):
            raise ValueError(f"there is no key {key!r}{did_you_mean(key, VALUES)}")
    return keys


Keys = Annotated[base.Words, AfterValidator(_known)]


class Settings(base.Settings):
    """What a line consists of. Of a mount: `false` writes none for it."""

    format: Literal["json", "csv"] = Field("json", description="One JSON object or one row of CSV a line")
    keys: Keys = Field((), description="What to write, in this order; the format has a default")
    enabled: bool = Field(True, description="Write lines at all")

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class OriginalKeys(base.Settings):
    """The original's `log.handlers.requests`."""

    keys: Keys = Field((), description="Columns of the CSV")


class OriginalHandlers(base.Settings):
    """The original's `log.handlers`."""

    requests: OriginalKeys = Field(default_factory=OriginalKeys, description="The request log")


class SiteSettings(Settings):
    """The `log:` of the whole site: also where the lines go."""

    path: base.SitePath | None = Field(None, description="File to append to; the standard output unless set")
    handlers: OriginalHandlers = Field(
        default_factory=OriginalHandlers, description="Where existing sites have their keys, which are for CSV"
    )

    def line(self) -> Settings:
        """What a line consists of; the original's keys win, as an existing site has no others."""
        keys = self.handlers.requests.keys
        return Settings(format="csv", keys=keys, enabled=self.enabled) if keys else self


Line = Callable[[Request, Response], bytes]


def compile_line(settings: Settings) -> Line | None:
    """The settings as a function that makes the line of a request; None where no lines are wanted."""
    if not settings.enabled:
        return None
    keys = settings.keys or (JSON_KEYS if settings.format == "json" else CSV_KEYS)
    values = [(key, _value(key)) for key in keys]
    if settings.format == "csv":
        return lambda request, response: _csv([value(request, response) for _, value in values])
    return lambda request, response: _json({key: value(request, response) for key, value in values})


def _value(key: str) -> Value:
    if key in VALUES:
        return VALUES[key]
    family, _, name = key.partition(".")
    return FAMILIES[family](name)


def _json(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a file name that is not UTF-8, in the text of an error
        return json.dumps(row, default=str).encode() + b"\n"


def _csv(row: Sequence[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row)
    # A line break inside a quoted value would let a client write lines of its own.
    return out.getvalue().replace("\r", "\\r").replace("\n", "\\n").encode(errors="backslashreplace") + b"\n"


class Log:
    """Where lines go: the standard output, or a file that may be moved away at any time.

    A line is one write, so that those of several workers never mix. This costs 2 µs where `logging` costs 15.
    """

    LOOK = 1.0
    """Seconds between two looks at whether the file has been moved away, as logrotate does."""

    def __init__(self, path: Path | None):
        self.path, self._fd, self._looked = path, 1, 0.0
        self._inode: tuple[int, int] | None = None
        self._complained = False

    def write(self, line: bytes) -> None:
        """Append a line that ends in a line break. A line that cannot be written fails no request."""
        try:
            now = time.monotonic()
            if self.path is not None and now - self._looked > self.LOOK:
                self._reopen(self.path)
                self._looked = now
            os.write(self._fd, line)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say once, not for every request, that there is no log."""
        if not self._complained:
            self._complained = True
            complaints.error("the request log %s cannot be written: %s", self.path or "(standard output)", error)

    def _reopen(self, path: Path) -> None:
        try:
            found = path.stat()
        except FileNotFoundError:
            found = None
        if found is not None and self._inode == (found.st_dev, found.st_ino):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        previous, self._fd = self._fd, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        opened = os.fstat(self._fd)
        self._inode = (opened.st_dev, opened.st_ino)
        if previous != 1:
            os.close(previous)

    def __del__(self) -> None:
        if self._fd != 1:  # the standard output stays open
            os.close(self._fd)


def install(app: Flask, settings: SiteSettings, mounts: Mapping[str, Mount]) -> None:
    """Write a line for every request of the app; `mounts` are found by their blueprint's name."""
    default, out = compile_line(settings.line()), Log(settings.path)

    @app.after_request
    def log_request(response: Response) -> Response:
        # Proxies are convenient and cost 0.5 µs at each use; a line has a dozen of them.
        current: Request = request._get_current_object()  # type: ignore[attr-defined]
        environ = current.environ
        mount = mounts.get(current.blueprint or "")
        if mount is not None:
            environ[MOUNT], environ[HANDLER] = mount.name, mount.handler
        line = environ.get(LINE, default)
        if line is None:
            return response
        if response.is_streamed:  # written down at its end, so that the duration is that of the whole
            if type(response) is Response:
                response.direct_passthrough = False  # or werkzeug would not tell the end: flask.send_file sets it
            response.call_on_close(lambda: out.write(line(current, response)))
        else:
            out.write(line(current, response))
        return response


def attach(bp: Blueprint, settings: Settings, _mount: Mount) -> None:
    """Write this mount's lines by its own settings."""
    line = compile_line(settings)

    @bp.before_request
    def use_line() -> None:
        request.environ[LINE] = line
