"""What a function answers besides its result: status, headers, cookies and text."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.http import dump_cookie, http_date

from app.json_provider import dumps
from app.settings import sendable

JSON = "application/json; charset=UTF-8"
_COOKIE = "set-cookie"


class HTTPError(HTTPException):
    """An answer of any status; `description` reaches the reader. Werkzeug has no exception for many codes."""

    def __init__(self, code: int, description: str | None = None):
        super().__init__(description)
        self.code = _status(code)


class Answer:
    """Gathers what goes into the response. The names are Tornado's."""

    status: int | None = None
    reason: str | None = None
    response_headers: Headers | None = None
    finished = False
    """Whether the function has said that what it wrote is all."""

    written: list[str | bytes]

    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """The status of the response, 200 unless set, and the words after it."""
        if reason is not None:
            sendable("reason", reason)
        self.status, self.reason = _status(status_code), reason

    def set_header(self, name: str, value: Any) -> None:
        """Set a header of the response, in place of others of the same name."""
        self._headers().set(*sendable(name, _as_header(value)))

    def add_header(self, name: str, value: Any) -> None:
        """Add a header to the response, beside others of the same name."""
        self._headers().add(*sendable(name, _as_header(value)))

    def clear_header(self, name: str) -> None:
        """Take back a header that was set."""
        if self.response_headers is not None:
            self.response_headers.remove(name)

    def _headers(self) -> Headers:
        if self.response_headers is None:
            self.response_headers = Headers()
        return self.response_headers

    def set_cookie(
        self,
        name: str,
        value: str | bytes,
        domain: str | None = None,
        expires: datetime | float | None = None,
        path: str = "/",
        expires_days: float | None = None,
        *,
        max_age: int | None = None,
        httponly: bool = False,
        secure: bool = False,
        samesite: str | None = None,
    ) -> None:
        """Set a cookie. `expires` is a time, `expires_days` counts from now, `max_age` is in seconds."""
        if expires_days is not None and expires is None:
            expires = datetime.now(UTC) + timedelta(days=expires_days)
        text = value.decode() if isinstance(value, bytes) else str(value)
        cookie = dump_cookie(
            name, text, max_age, expires, path, domain, secure=secure, httponly=httponly, samesite=samesite
        )
        self.add_header("Set-Cookie", cookie)

    def clear_cookie(self, name: str, path: str = "/", domain: str | None = None) -> None:
        """Have the browser forget a cookie; path and domain are those with which it was set."""
        self.set_cookie(name, "", domain, expires=0, path=path, max_age=0)

    def write(self, chunk: str | bytes | Mapping[str, Any]) -> None:
        """Add text to the body, before what the function returns. A dict is sent as JSON.

        Raises TypeError for anything else, and RuntimeError after `finish`.
        """
        if self.finished:
            raise RuntimeError("the answer is finished: write before finish, render and redirect")
        if isinstance(chunk, Mapping):
            chunk = dumps(chunk)
            self.set_header("Content-Type", JSON)
        if not isinstance(chunk, str | bytes):
            raise TypeError(f"write takes text, bytes or a dict, not {type(chunk).__name__}: return it instead")
        self.written.append(chunk)

    def flush(self, include_footers: bool = False) -> None:
        """Leave what was written to go out with the next part: a generator's parts are sent at each `yield`."""

    def finish(self, chunk: str | bytes | Mapping[str, Any] | None = None) -> None:
        """Add text to the body, which is then all: what the function returns is not sent."""
        if chunk is not None:
            self.write(chunk)
        self.finished = True

    def send_error(self, status_code: int = 500, reason: str | None = None) -> None:
        """Refuse the request with this status; raises HTTPError."""
        raise HTTPError(status_code, reason)

    def apply_to(self, response: Response) -> Response:
        """Put the status and headers that were set onto a response, and after `finish` the body that was written."""
        if self.status is not None:
            response.status_code = self.status
            if self.reason:
                response.status = f"{self.status} {self.reason}"
        if self.response_headers is not None:
            for name in self.response_headers.keys():
                if name.lower() != _COOKIE:
                    response.headers.remove(name)
            response.headers.extend(self.response_headers)
        if self.finished and not response.is_streamed:
            response.set_data(b"".join(part.encode() if isinstance(part, str) else part for part in self.written))
        return response


def _status(code: int) -> int:
    if not 200 <= int(code) <= 599:
        raise ValueError(f"{code} is not the status of an answer: 200 to 599")
    return int(code)


def _as_header(value: Any) -> str:
    if isinstance(value, datetime):
        return http_date(value)
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
