"""A request -> a call of the function -> a response, or the page of its form."""

import logging
import sys
from collections.abc import Iterator, Mapping
from errno import ECONNRESET
from itertools import chain
from typing import Any

from flask import Response, abort, current_app, make_response, render_template, request, stream_with_context
from werkzeug import Response as BaseResponse

from app import offload, problems
from app.accept import prefers_page
from app.handler import Handler, of_request
from app.mounts import Mount
from app.signatures.binding import FORM, Wrong, arguments
from blueprints.functions import form
from blueprints.functions.calls import Clock, Function
from blueprints.functions.results import HTML, content_type, to_bytes

log = logging.getLogger("skerry")


class FunctionView:
    """Calls the function for each request; made once for a mount."""

    def __init__(self, mount: Mount):
        self.mount = mount
        self.function = Function(mount.settings)  # type: ignore[arg-type]  # a mount's settings are its feature's

    def __call__(self, /, **groups: Any) -> Response:
        """The function's result as a response."""
        try:
            return self._respond(of_request(self.mount, groups))
        except SystemExit as error:  # of code made for the command line: gunicorn would leave the client waiting
            raise RuntimeError(f"the function called sys.exit({error.code!r})") from error
        except offload.Deadline as error:
            log.error("%s: url.%s: %s", self.mount.place, self.mount.name, error)
            abort(504, _too_long(self.function.timeout))

    def _respond(self, handler: Handler) -> Response:
        clock = Clock(self.function.timeout)
        return self._answer(handler, self.function(handler, clock), clock)

    def _answer(self, handler: Handler, result: Any, clock: Clock) -> Response:
        if isinstance(result, BaseResponse):
            return handler.apply_to(make_response(result))
        if isinstance(result, Iterator):
            return self._stream(handler, result, clock)
        written = b"".join(map(to_bytes, handler.written))
        kind = HTML if written else content_type(result)
        body = written if handler.finished else written + to_bytes(result)
        return handler.apply_to(Response(body, content_type=kind))

    def _stream(self, handler: Handler, results: Iterator[Any], clock: Clock) -> Response:
        """The first result is awaited before the headers go out, so that the function can set them, or fail."""
        each = self.function.each(results, clock)
        first = next(each, None)
        chunks = _chunks(handler, chain([first], each), results)
        return handler.apply_to(Response(stream_with_context(chunks), content_type=HTML))


class FormView(FunctionView):
    """Shows browsers the function's form, and below it the result; programs get the result alone."""

    def _respond(self, handler: Handler) -> Response:
        response = self._result_on_page(handler) if prefers_page() else super()._respond(handler)
        response.vary.add("Accept")
        return response

    def _result_on_page(self, handler: Handler) -> Response:
        if request.method in ("GET", "HEAD") and not request.query_string:
            return self._page({}, {}, 200)
        clock = Clock(self.function.timeout)
        try:
            result = self.function(handler, clock)
        except Wrong as error:
            problems.note(error)
            return self._page(arguments(), error.errors, 400)
        if handler.finished or isinstance(result, BaseResponse | Iterator):
            return self._answer(handler, result, clock)
        shown = form.shown(result, b"".join(map(to_bytes, handler.written)))
        handler.written = []
        return handler.apply_to(self._page(arguments(), {}, 200, shown))

    def _page(
        self, given: Mapping[str, Any], errors: Mapping[str, str], status: int, result: form.Shown | None = None
    ) -> Response:
        """The page. A field that is not in a form that was sent is one that nobody ticked."""
        signature = self.function.signature
        assert signature is not None  # the set-up has seen to it
        texts = {name: [str(text) for text in _listed(value)] for name, value in given.items()}
        if FORM in given:
            texts = {parameter.name: [] for parameter in signature.arguments} | texts
        fields = form.fields(signature, texts, errors)
        names = {field.name for field in fields}
        others = [f"{name} {error}" for name, error in errors.items() if name not in names]
        body = render_template(
            "function.html",
            signature=signature,
            fields=fields,
            others=others,
            result=result,
            method="get" if "POST" not in (self.mount.methods or ("POST",)) else "post",
            marker=FORM,
        )
        return Response(body, status, content_type=HTML)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _too_long(seconds: float | None) -> str:
    return f"the function took longer than {seconds:g} s" if seconds else "a part of the function took too long"


def _chunks(handler: Handler, each: Iterator[Any], results: Iterator[Any]) -> Iterator[bytes]:
    """Each result after what the function has written before it.

    A failure comes too late for another status. It is logged, and the connection is cut, as the client would
    otherwise take what it has for the whole.
    """
    try:
        for result in each:
            written, handler.written = handler.written, []
            if handler.finished:
                yield b"".join(map(to_bytes, written))
                return
            yield b"".join(map(to_bytes, [*written, result]))
        yield b"".join(map(to_bytes, handler.written))
    except (Exception, SystemExit) as error:
        current_app.log_exception(sys.exc_info())
        raise ConnectionResetError(ECONNRESET, "the function failed after its first result") from error
    finally:
        if hasattr(results, "close"):
            results.close()
