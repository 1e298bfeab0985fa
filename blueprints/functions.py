"""Call a Python function, and answer with what it returns.

::

    url:
      total:
        pattern: /total/(\\d+)
        handler: Function
        kwargs:
          function: sales.total(handler, year=handler.path_args[0])
          headers: {Cache-Control: max-age=60}

Text is sent as HTML, bytes as they are, numbers, lists, dicts, dates and DataFrames as JSON, and what a generator or
another iterator yields one by one as it comes (reference: gramex.md §6). JSON is labelled `application/json`, where the
original left it `text/html`.
"""

import sys
from collections.abc import Generator, Iterator
from errno import ECONNRESET
from itertools import chain
from typing import Any

from flask import Blueprint, Response, current_app, make_response, stream_with_context
from pydantic import Field
from werkzeug import Response as BaseResponse

from app.expressions import Call
from app.handler import Handler
from app.json_provider import dumps
from app.mounts import ALL_METHODS, Mount

REDIRECTS = True
"""After success, `redirect:` applies."""

HTML = "text/html; charset=utf-8"
JSON = "application/json"


class Settings(Call):
    """The function; the variable `handler` is the request."""

    function: str = Field(description="A dotted name, a call, or a Python expression over `handler`")


def to_bytes(value: Any) -> bytes:
    """What a function returned or yielded, as bytes; None is nothing. Raises TypeError for what has no form."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return b"" if value is None else dumps(value)


def content_type(value: Any) -> str:
    """The Content-Type of what a function returned."""
    return HTML if value is None or isinstance(value, str | bytes) else JSON


class FunctionView:
    """Calls the function for each request; made once for a mount."""

    def __init__(self, mount: Mount):
        self.mount = mount
        self.call: Any = mount.settings

    def __call__(self, /, **groups: Any) -> Response:
        """The function's result as a response."""
        try:
            return self._answer(Handler(self.mount, groups))
        except SystemExit as error:  # of code made for the command line: gunicorn would leave the client waiting
            raise RuntimeError(f"the function called sys.exit({error.code!r})") from error

    def _answer(self, handler: Handler) -> Response:
        result = self.call(handler=handler)
        if isinstance(result, BaseResponse):
            return handler.finish(make_response(result))
        if isinstance(result, Iterator):
            return _stream(handler, result)
        written = b"".join(map(to_bytes, handler.written))
        kind = HTML if written else content_type(result)
        return handler.finish(Response(written + to_bytes(result), content_type=kind))


def _stream(handler: Handler, results: Iterator[Any]) -> Response:
    """The first result is awaited before the headers go out, so that the function can set them, or fail."""
    first = next(results, None)
    return handler.finish(Response(stream_with_context(_chunks(handler, first, results)), content_type=HTML))


def _chunks(handler: Handler, first: Any, results: Iterator[Any]) -> Iterator[bytes]:
    """Each result after what the function has written before it.

    A failure comes too late for another status. It is logged, and the connection is cut, as the client would
    otherwise take what it has for the whole.
    """
    try:
        for result in chain([first], results):
            written, handler.written = handler.written, []
            yield b"".join(map(to_bytes, [*written, result]))
        yield b"".join(map(to_bytes, handler.written))
    except (Exception, SystemExit) as error:
        current_app.log_exception(sys.exc_info())
        raise ConnectionResetError(ECONNRESET, "the function failed after its first result") from error
    finally:
        if isinstance(results, Generator):
            results.close()


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint. OPTIONS is the function's too, unless `cors:` answers it."""
    bp = mount.blueprint()
    methods = [method for method in ALL_METHODS if method != "OPTIONS" or "cors" not in mount.guards]
    mount.route(bp, FunctionView(mount), methods)
    return bp
