"""What a failed request is answered: a page for browsers, `application/problem+json` (RFC 9457) for programs.

Every answer carries its request id; the reason of a 500 is in the log under that id, and in the body only where
`app.settings.debug` is on.
"""

import logging
import traceback
from http import HTTPStatus

import orjson
from flask import Flask, Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException, default_exceptions

from app import request_id
from app.accept import prefers_page
from app.state.database import Unavailable

log = logging.getLogger("skerry")

_DETAILS = {
    403: "This may not be seen from here.",
    404: "There is nothing at this address.",
    405: "This address does not answer this method.",
    413: "That is more than this address takes.",
}
"""What is said where the code says nothing of its own."""


def install(app: Flask) -> None:
    """Answer every failure that no mount has its own page for."""
    app.register_error_handler(HTTPException, answer)


def answer(error: HTTPException) -> Response:
    """The response for a failure."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # a response that the code aborted with
    note(error)
    status = error.code or 500
    problem = {
        "title": _title(status, error),
        "status": status,
        "detail": _detail(status, error),
        "request_id": request_id.of(request.environ),
    }
    trace = _trace(error) if current_app.debug else None
    response = _page_or_json(problem, trace)
    response.headers.extend(headers(error))
    response.vary.add("Accept")
    return response


def note(error: HTTPException) -> None:
    """Note a failure for the log line of the request, unless what caused it is noted."""
    why = error.reason if isinstance(error, Unavailable) else error.description
    request.environ.setdefault(request_id.ERROR, f"{type(error).__name__}: {why}")


def headers(error: HTTPException) -> list[tuple[str, str]]:
    """What the answer to a failure says in headers: the methods allowed instead, when to try again ..."""
    return [(name, value) for name, value in error.get_headers() if name != "Content-Type"]


def _title(status: int, error: HTTPException) -> str:
    known = status in HTTPStatus._value2member_map_
    return HTTPStatus(status).phrase if known else error.name


def _detail(status: int, error: HTTPException) -> str:
    """What the code said of it. The reason of a 500 may tell of the site's inside, so it stays in the log."""
    if status == 500 and not current_app.debug:
        return "Something went wrong on our side. The log has the details under this request id."
    default = getattr(default_exceptions.get(status), "description", None)
    return _DETAILS.get(status, default or "") if error.description in (None, default) else error.description or ""


def _trace(error: HTTPException) -> str | None:
    original = getattr(error, "original_exception", None)
    return "".join(traceback.format_exception(original)) if original else None


def _page_or_json(problem: dict[str, object], trace: str | None) -> Response:
    if prefers_page():
        try:
            return _page(problem, trace)
        except Exception:  # a template of the page, or what it needs, is broken: the failure is answered all the same
            log.exception("%s: the page for %s failed", problem["request_id"], problem["status"])
    return _json(problem, trace)


def _page(problem: dict[str, object], trace: str | None) -> Response:
    body = render_template(
        "error.html",
        status=problem["status"],
        title=problem["title"],
        message=problem["detail"],
        request_id=problem["request_id"],
        trace=trace,
    )
    return Response(body, int(str(problem["status"])), content_type="text/html; charset=utf-8")


def _json(problem: dict[str, object], trace: str | None) -> Response:
    body = orjson.dumps(problem | ({"trace": trace} if trace else {}), option=orjson.OPT_INDENT_2)
    return Response(body + b"\n", int(str(problem["status"])), content_type="application/problem+json")
