"""`BaseHandler`: the class from which a site derives handlers of its own, and names them in YAML by dotted path.

::

    from app.handler import BaseHandler

    class Greeting(BaseHandler):
        @classmethod
        def setup(cls, greeting="hi", **kwargs):
            super().setup(**kwargs)
            cls.greeting = greeting

        def get(self, name):
            self.write(f"{self.greeting}, {name}")

The lifecycle and its names are Tornado's (reference: gramex.md §4, §29).
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from app.handler.attrdict import AttrDict, deep
from app.handler.handler import Handler, Kwargs

if TYPE_CHECKING:
    from app.mounts import Mount

OWN = "skerry.own_handler"
"""The key of the environ for the instance of a site's own class that answers the request."""

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
_HTML = "text/html; charset=utf-8"
_FIXED = (204, 206, 304)
"""Answers whose body nothing can be added to."""


class BaseHandler(Handler):
    """Answers requests by the methods that a subclass defines; an instance is made for each request.

    Every mount has a subclass of its own, with the class attributes `name`, `conf` and `kwargs`.
    """

    mount: "Mount"
    kwargs: ClassVar[Kwargs]  # Handler has a property, as it has no class for each mount
    answered: Response | None = None
    """The response that what is written goes around, if there is one."""

    @classmethod
    def setup(cls, **kwargs: Any) -> None:
        """Prepare the class for its mount, once, with the YAML's `kwargs`. What it raises breaks the mount."""

    def initialize(self, **kwargs: Any) -> None:
        """Prepare the instance, with the YAML's `kwargs`."""

    def set_default_headers(self) -> None:
        """Set headers before anything else happens."""

    def prepare(self) -> Any:
        """What comes before the method; if it finishes the answer, the method is not called. May be a coroutine."""

    def on_finish(self) -> None:
        """What comes after the answer was sent, a failure too."""

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        """Write the page of a failure, `kwargs["exc_info"]`; this one leaves it to the pages of the site."""
        raise kwargs["exc_info"][1]

    def get_template_namespace(self) -> dict[str, Any]:
        """The variables that every template sees, besides `current_user`, for which only those ask that use it."""
        return {"handler": self, "request": self.request}

    def render_string(self, template_name: str, **variables: Any) -> bytes:
        """What `render` would answer."""
        return super().render_string(template_name, **{**self.get_template_namespace(), **variables})

    def get_status(self) -> int:
        """The status of the answer so far."""
        return self.status or (self.answered.status_code if self.answered else 200)

    def unimplemented(self, *path_args: Any, **path_kwargs: Any) -> NoReturn:
        """Refuse a method that the class does not define: 405."""
        raise MethodNotAllowed(sorted(self.implemented()))

    get: Callable[..., Any] = unimplemented
    head: Callable[..., Any] = unimplemented
    post: Callable[..., Any] = unimplemented
    put: Callable[..., Any] = unimplemented
    delete: Callable[..., Any] = unimplemented
    patch: Callable[..., Any] = unimplemented
    options: Callable[..., Any] = unimplemented

    @classmethod
    def implemented(cls) -> list[str]:
        """The HTTP methods that the class defines."""
        return [method for method in METHODS if getattr(cls, method.lower()) is not BaseHandler.unimplemented]

    def take(self, response: Response) -> None:
        """Make a response the answer. What was written comes before its body, what is written from here on after it."""
        self.answered, self.written = _around(self.written, response, []), []

    def response(self) -> Response:
        """The answer, when all is written."""
        if self.answered is None:
            return self.apply_to(Response(b"".join(_encoded(self.written)), content_type=_HTML))
        response = _around([], self.answered, self.written)
        self.finished = False  # what was written is in the body, and is not all of it
        return self.apply_to(response)

    def start_over(self) -> None:
        """Forget the answer so far, for that of a failure."""
        self.status = self.reason = self.response_headers = self.answered = None
        self.written, self.finished = [], False


H = TypeVar("H", bound=BaseHandler)


def bound(handler: type[H], mount: "Mount") -> type[H]:
    """The subclass of a handler that answers a mount, set up. Whatever the site's `setup` raises propagates."""
    conf = deep(mount.conf)
    names = {"mount": mount, "name": mount.name, "conf": conf, "kwargs": Kwargs(mount, conf)}
    own: type[H] = type(handler.__name__, (handler,), {"__module__": handler.__module__, **names})
    own.setup(**(conf.get("kwargs") or AttrDict()))
    own.kwargs = Kwargs(own.mount, conf)  # with the defaults of a feature's settings, which are there by now
    return own


def _around(before: list[str | bytes], response: Response, after: list[str | bytes]) -> Response:
    """The response with text before and after its body."""
    if not (before or after) or response.status_code in _FIXED:
        return response
    for name in ("Content-Length", "ETag", "Last-Modified", "Accept-Ranges"):  # of the body alone
        response.headers.pop(name, None)
    if not response.is_streamed and not response.direct_passthrough:
        response.set_data(b"".join([*_encoded(before), response.get_data(), *_encoded(after)]))
        return response
    response.call_on_close(getattr(response.response, "close", lambda: None))
    response.response = chain(_encoded(before), response.iter_encoded(), _encoded(after))
    response.direct_passthrough = False
    return response


def _encoded(parts: Iterable[str | bytes]) -> Iterable[bytes]:
    return (part.encode() if isinstance(part, str) else part for part in parts)


def of_request(mount: "Mount", groups: Mapping[str, Any]) -> Handler:
    """The handler for the functions of a mount: like the instance of a site's own class where one answers the request.

    That one's attributes are there too; what the functions answer is kept apart from what the class does.
    """
    own = request.environ.get(OWN)
    if own is None or own.mount is not mount:
        return Handler(mount, groups)
    twin: BaseHandler = copy(own)
    twin.start_over()
    return twin
