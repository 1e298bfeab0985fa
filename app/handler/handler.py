"""`Handler`: the request as a function of the site sees it, and what to answer besides the function's result."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

from flask import request
from werkzeug.exceptions import BadRequest
from werkzeug.urls import iri_to_uri

from app import templating
from app.handler import arguments
from app.handler.attrdict import AttrDict, deep
from app.handler.incoming import HandlerRequest
from app.handler.person import Person
from app.patterns import is_positional

if TYPE_CHECKING:
    from app.mounts import Mount

_confs: WeakKeyDictionary["Mount", AttrDict] = WeakKeyDictionary()


class Handler(Person):
    """One request as a function sees it; made anew for each request.

    The names are those of the systems that Skerry continues (reference: gramex.md §3, §4). Nothing is read of the
    request before it is asked for.
    """

    def __init__(self, mount: "Mount", groups: Mapping[str, Any] | None = None):
        self.mount = mount
        self.name = mount.name
        self.written = []
        self._groups = groups or {}

    @cached_property
    def request(self) -> HandlerRequest:
        """The request, with Tornado's names and with Flask's."""
        return HandlerRequest(request._get_current_object())  # type: ignore[attr-defined]  # a werkzeug proxy

    @property
    def conf(self) -> AttrDict:
        """The mount as the YAML has it: pattern, handler, kwargs ...; with the defaults of `handlers:`."""
        return _conf(self.mount)

    @property
    def kwargs(self) -> "Kwargs":
        """The mount's settings."""
        return Kwargs(self.mount, self.conf)

    @property
    def path_args(self) -> list[Any]:
        """The pattern's positional groups; None for one that did not take part in the match."""
        return [value for name, value in self._groups.items() if is_positional(name)]

    @property
    def path_kwargs(self) -> dict[str, Any]:
        """The pattern's named groups."""
        return {name: value for name, value in self._groups.items() if not is_positional(name)}

    @property
    def xrequest_uri(self) -> str:
        """The path and query that the client asked a proxy for: X-Request-URI, or else those of the request."""
        return request.headers.get("X-Request-URI") or self.request.uri

    @property
    def xrequest_full_url(self) -> str:
        """`xrequest_uri` with protocol and host."""
        return urljoin(self.request.full_url(), self.xrequest_uri)

    @property
    def xredirect_uri(self) -> str:
        """The address from which redirects that are relative start: `xrequest_full_url`."""
        return self.xrequest_full_url

    @cached_property
    def _query(self) -> dict[str, list[str]]:
        return arguments.as_text(arguments.of_query(request), request.environ)

    @cached_property
    def _body(self) -> dict[str, list[str]]:
        return arguments.as_text(arguments.of_body(request), request.environ) if arguments.has_body(request) else {}

    @cached_property
    def args(self) -> dict[str, list[str]]:
        """The arguments of the query, then of a form body; each name with all its values, stripped.

        One that is not UTF-8 is not there.
        """
        found = arguments.merged([self._query, self._body])
        return {name: [value.strip() for value in values] for name, values in found.items()}

    def get_arg(self, name: str, default: Any = ..., first: bool = False) -> Any:
        """The last value of an argument (or the first); without it the default, or 400 if there is none."""
        return _one(self.args.get(name), name, default, 0 if first else -1)

    def get_argument(self, name: str, default: Any = ..., strip: bool = True) -> Any:
        """The last value of an argument of the query or the form; without it the default, or 400 if there is none."""
        return _one(self.get_arguments(name, strip), name, default)

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """All values of an argument; an empty list without it."""
        return [*self.get_query_arguments(name, strip), *self.get_body_arguments(name, strip)]

    def get_query_argument(self, name: str, default: Any = ..., strip: bool = True) -> Any:
        """As `get_argument`, of the query only."""
        return _one(self.get_query_arguments(name, strip), name, default)

    def get_query_arguments(self, name: str, strip: bool = True) -> list[str]:
        """As `get_arguments`, of the query only."""
        return _stripped(self._query.get(name, []), strip)

    def get_body_argument(self, name: str, default: Any = ..., strip: bool = True) -> Any:
        """As `get_argument`, of the form only."""
        return _one(self.get_body_arguments(name, strip), name, default)

    def get_body_arguments(self, name: str, strip: bool = True) -> list[str]:
        """As `get_arguments`, of the form only."""
        return _stripped(self._body.get(name, []), strip)

    def argparse(self, *names: Any, **specs: Mapping[str, Any]) -> AttrDict:
        """The arguments that names and specs ask for: `argparse("x", limit={"type": int, "default": 10})`.

        See `arguments.argparse` for the options; what is missing or wrong is 400.
        """
        return arguments.argparse(self.args, *names, **specs)

    def get_cookie(self, name: str, default: Any = None) -> Any:
        """The value of a cookie that the client sent."""
        return request.cookies.get(name, default)

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """Send the client to another address, relative to that of the request: 302, or 301 if permanent."""
        code = status or (301 if permanent else 302)
        if not 300 <= code <= 399:
            raise ValueError(f"{code} is not the status of a redirect: 300 to 399")
        self.set_status(code)
        here = "/" + self.request.uri.lstrip("/")  # a path of two slashes would be taken for a host
        self.set_header("Location", iri_to_uri(urljoin(here, url)))
        self.finish()

    def render(self, template_name: str, **variables: Any) -> None:
        """Answer with a template of the site's folder; it sees `handler`, `request`, `current_user` and these."""
        self.finish(self.render_string(template_name, **variables))

    def render_string(self, template_name: str, **variables: Any) -> bytes:
        """What `render` would answer, in bytes as Tornado gives it."""
        seen = {"handler": self, "request": self.request, **variables}
        path = self.mount.folder / template_name
        return templating.render(path, seen, tornado=self.mount.gramex).encode()


class Kwargs(AttrDict):
    """The `kwargs` of a mount as the YAML has them; as an attribute, a setting that is not there has its default."""

    def __init__(self, mount: "Mount", conf: AttrDict):
        super().__init__(conf.get("kwargs") or {})
        object.__setattr__(self, "_settings", mount.settings)

    def __getattr__(self, name: str) -> Any:
        if name not in self and name in type(self._settings).model_fields:
            return getattr(self._settings, name)
        return super().__getattr__(name)


def _one(values: list[str] | None, name: str, default: Any, index: int = -1) -> Any:
    if values:
        return values[index]
    if default is ...:
        raise BadRequest(f"missing argument {name!r}: add ?{name}=…")
    return default


def _stripped(values: list[str], strip: bool) -> list[str]:
    return [value.strip() for value in values] if strip else list(values)


def _conf(mount: "Mount") -> AttrDict:
    """The entry of a mount, in a copy that is made once."""
    if mount not in _confs:
        _confs[mount] = deep(mount.conf)
    return _confs[mount]
