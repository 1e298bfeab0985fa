"""Trailer fields: what is known only at the end of a streamed answer (RFC 9110 §6.5)."""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.wsgi import ClosingIterator

_HTTP2 = "gunicorn.http2.send_trailers"
_SOCKET = "gunicorn.socket"


class TrailerResponse(Response):
    """A stream that ends with the fields of `trailers`, called at its end, for clients that send `TE: trailers`.

    `names` are announced in the header `Trailer`. Without a length only, as HTTP/1.1 has trailers in chunked bodies
    alone. Under servers other than gunicorn nothing is announced, and nothing sent.
    """

    def __init__(self, *args: Any, names: Iterable[str], trailers: Callable[[], Mapping[str, str]], **options: Any):
        super().__init__(*args, **options)
        self._names, self._trailers = ", ".join(names), trailers

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """The headers, with the announcement."""
        headers = super().get_wsgi_headers(environ)
        if "Content-Length" not in headers and _takes_trailers(environ):
            headers["Trailer"] = self._names
        return headers

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """The body, and after it the fields. It is asked for last, so compression lies within it."""
        body = super().get_app_iter(environ)
        if "Content-Length" in self.headers or not _takes_trailers(environ):
            return body
        return ClosingIterator(self._with_trailers(body, environ), getattr(body, "close", None))

    def _with_trailers(self, body: Iterable[bytes], environ: dict[str, Any]) -> Iterator[bytes]:
        yield from body
        fields = list(self._trailers().items())
        if _HTTP2 in environ:
            environ[_HTTP2](fields)
            return
        # gunicorn would end the body itself, without them (RFC 9112 §7.1.2). So this ends it, and the connection too.
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        environ[_SOCKET].sendall(f"0\r\n{lines}\r\n".encode("latin-1"))
        raise ConnectionResetError(errno.ECONNRESET, "the connection ends with the trailer")


def _takes_trailers(environ: Mapping[str, Any]) -> bool:
    """Whether the client wants them, and the server lets us send them."""
    wanted = [word.partition(";")[0].strip().lower() for word in environ.get("HTTP_TE", "").split(",")]
    chunked = _SOCKET in environ and environ["SERVER_PROTOCOL"] == "HTTP/1.1" and environ["REQUEST_METHOD"] != "HEAD"
    return "trailers" in wanted and (_HTTP2 in environ or chunked)
