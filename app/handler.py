"""The `handler` that a site's own functions receive: the request, and what to answer besides the result."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Request, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest

from app.patterns import is_positional
from app.settings import sendable

if TYPE_CHECKING:
    from app.mounts import Mount


class Handler:
    """One request as a function sees it; made anew for each request.

    The names are those of the systems that Skerry continues (reference: gramex.md §3, §4). Headers, status and
    text set here go into the response beside what the function returns.
    """

    def __init__(self, mount: "Mount", groups: Mapping[str, Any] | None = None):
        self.mount = mount
        self.name = mount.name
        self.status: int | None = None
        self.response_headers: Headers | None = None
        self.written: list[str | bytes] = []
        self._groups = groups or {}

    @property
    def request(self) -> Request:
        """Flask's request."""
        return request._get_current_object()  # type: ignore[attr-defined, no-any-return]  # a werkzeug proxy

    @property
    def kwargs(self) -> Any:
        """The mount's settings."""
        return self.mount.settings

    @property
    def path_args(self) -> list[Any]:
        """The pattern's positional groups; None for one that did not take part in the match."""
        return [value for name, value in self._groups.items() if is_positional(name)]

    @property
    def path_kwargs(self) -> dict[str, Any]:
        """The pattern's named groups."""
        return {name: value for name, value in self._groups.items() if not is_positional(name)}

    @property
    def current_user(self) -> None:
        """Nobody: there is no sign-in yet."""
        return None

    @cached_property
    def args(self) -> dict[str, list[str]]:
        """The arguments of the query, then of a form body; each name with all its values, stripped.

        Bytes that are not UTF-8 stay as they were sent, as `%FF`.
        """
        found: dict[str, list[str]] = {}
        for source in (request.args, request.form):
            for name, values in source.lists():
                found.setdefault(name, []).extend(value.strip() for value in values)
        return found

    def get_arg(self, name: str, default: Any = ..., first: bool = False) -> Any:
        """The last value of an argument (or the first); without it the default, or 400 if there is none."""
        values = self.args.get(name)
        if values:
            return values[0 if first else -1]
        if default is ...:
            raise BadRequest(f"missing argument {name!r}: add ?{name}=…")
        return default

    def get_argument(self, name: str, default: Any = ...) -> Any:
        """The last value of an argument, as `get_arg` gives it."""
        return self.get_arg(name, default)

    def get_arguments(self, name: str) -> list[str]:
        """All values of an argument; an empty list without it."""
        return self.args.get(name, [])

    def set_status(self, status: int) -> None:
        """The status of the response, 200 unless set."""
        self.status = status

    def set_header(self, name: str, value: Any) -> None:
        """Set a header of the response, in place of others of the same name."""
        self._headers().set(*sendable(name, str(value)))

    def add_header(self, name: str, value: Any) -> None:
        """Add a header to the response, beside others of the same name."""
        self._headers().add(*sendable(name, str(value)))

    def _headers(self) -> Headers:
        if self.response_headers is None:
            self.response_headers = Headers()
        return self.response_headers

    def write(self, text: str | bytes) -> None:
        """Add text to the body, before what the function returns."""
        self.written.append(text)

    def finish(self, response: Response) -> Response:
        """Put the status and headers that the function set onto a response."""
        if self.status is not None:
            response.status_code = self.status
        if self.response_headers is not None:
            for name in self.response_headers.keys():
                response.headers.remove(name)
            response.headers.extend(self.response_headers)
        return response
