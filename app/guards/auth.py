"""`auth:` lets only people who are signed in through, or only some of them.

::

    auth: true                              # everyone who is signed in
    auth:
      login_url: /login/                    # where browsers are sent; false answers 401
      methods: [POST, PUT, DELETE]          # only these; everyone may do the others
      membership:                           # one of these, each with all its keys
        - {role: [editor, admin]}
        - {team.name: sales, level: 3}
      condition: {function: rules.may_see(handler)}
      template: no-access.html              # shown to those who are refused

`app.auth` is for all mounts without `auth:`; a mount with `auth: false` is open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, request
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app import redirects, request_id, session, templating
from app import settings as base
from app.accept import prefers_page
from app.expressions import Call
from app.handler import Handler
from app.membership import Group, User, Value
from app.mistakes import KeyPath, Place, did_you_mean
from app.mounts import ALL_METHODS, Mount
from app.sections import App


def _not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is an empty list, which nobody matches: leave it out for everyone who is signed in")
    return values


def _as_call(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


class Condition(Call):
    """The function that decides; it has the variable `handler`."""


_Values = Annotated[
    tuple[Value, ...], BeforeValidator(base.as_list, Value | tuple[Value, ...]), AfterValidator(_not_empty)
]
_Keys = dict[str, _Values]
_Membership = Annotated[
    tuple[_Keys, ...], BeforeValidator(base.as_list, _Keys | tuple[_Keys, ...]), AfterValidator(_not_empty)
]
_Condition = Annotated[Condition, BeforeValidator(_as_call, Condition | str)]


class Settings(base.Settings):
    """`true` is everyone who is signed in."""

    login_url: str | Literal[False] | None = Field(
        None, description="Where browsers are sent to sign in; false answers 401; app.settings.login_url unless set"
    )
    query: str = Field("next", description="Argument of login_url that says where to come back to")
    methods: base.Upper = Field((), description="Methods that ask for it; all unless set")
    membership: _Membership | None = Field(
        None, description="What a user has to have: one of these mappings, with all of its keys"
    )
    condition: _Condition | None = Field(None, description="Expression over `handler` that has to be true")
    template: base.SitePath | None = Field(None, description="Page for those who are signed in and refused")
    _where: Callable[[KeyPath], Place] | None = PrivateAttr(None)
    _groups: tuple[Group, ...] = PrivateAttr()

    def model_post_init(self, _context: Any) -> None:
        self._groups = tuple(map(Group, self.membership or ()))

    @field_validator("template")
    @classmethod
    def _exists(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @field_validator("methods")
    @classmethod
    def _known(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            if method not in ALL_METHODS:
                raise ValueError(f"{method} is not a method{did_you_mean(method, ALL_METHODS)}")
        return methods

    @model_validator(mode="before")
    @classmethod
    def _true_is_everyone(cls, value: Any) -> Any:
        return {} if value is True else value

    def at(self, where: Callable[[KeyPath], Place]) -> "Settings":
        """These settings, which know where in the YAML a key of theirs stands."""
        self._where = cache(where)
        return self

    def place(self, path: KeyPath = ()) -> Place | None:
        """Where a key stands in the YAML, if that is known."""
        return self._where(path) if self._where else None

    def asks(self, method: str) -> bool:
        """Whether requests by this method have to be signed in."""
        return not self.methods or method in self.methods or method == "HEAD" and "GET" in self.methods


App.model_rebuild(_types_namespace={"Auth": Settings})  # `app.auth` has these settings too


class Facts(NamedTuple):
    """What of a request decides, beside its user."""

    method: str
    condition: Callable[[Condition], object]
    """Calls a condition for the request."""


@dataclass(frozen=True)
class Allowed:
    """The request may pass, for this reason."""

    rule: str
    place: Place | None = None


@dataclass(frozen=True)
class Refused:
    """The request may not pass: 401 for nobody, 403 for a user. `rule` is for the log, `told` for that user."""

    status: int
    rule: str
    place: Place | None = None
    told: str = "sign in first"


def decide(settings: Settings, facts: Facts, user: User | None) -> Allowed | Refused:
    """Whether a request may pass. What a condition raises propagates."""
    if not settings.asks(facts.method):
        return Allowed(f"{facts.method} needs no sign-in", settings.place(("methods",)))
    if user is None:
        return Refused(401, "needs someone who is signed in", settings.place())
    if settings.condition and not facts.condition(settings.condition):
        rule = f"condition {settings.condition.function!r} is not true"
        return Refused(403, rule, settings.place(("condition",)), "your account does not meet its condition")
    if settings.membership is not None:
        return _by_membership(settings, user)
    if settings.condition:
        return Allowed(f"condition {settings.condition.function!r} is true", settings.place(("condition",)))
    return Allowed("is signed in", settings.place())


def _by_membership(settings: Settings, user: User) -> Allowed | Refused:
    groups = settings._groups
    for number, group in enumerate(groups):
        if group.includes(user):
            return Allowed(f"has {group.shown}", settings.place(("membership", number)))
    rule, told = ", or ".join(group.shown for group in groups), ", or ".join(group.told for group in groups)
    return Refused(403, f"needs {rule}", settings.place(("membership",)), f"This needs {told}")


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Let pass whom the settings let pass; send browsers to sign in.

    As the user is asked for, the session marks the answer as this user's: `Cache-Control: private`, `Vary: Cookie`.
    """
    cors = mount.guards.get("cors")
    open_to_preflights = bool(cors and cors.auth)

    @bp.before_request
    def authorize() -> Response | None:
        found = facts(mount)
        if found.method == "OPTIONS" and open_to_preflights or not settings.asks(found.method):
            return None
        decision = decide(settings, found, session.current_user())
        return _refuse(decision, settings, mount) if isinstance(decision, Refused) else None


def facts(mount: Mount) -> Facts:
    """What decides of the current request, which the mount answers."""

    def call(condition: Condition) -> object:
        return condition(handler=Handler(mount, request.view_args))

    return Facts(request.method, call)


def _refuse(refused: Refused, settings: Settings, mount: Mount) -> Response:
    """Answer a refusal; the rule and its place are for the log alone."""
    where = f" ({refused.place})" if refused.place else ""
    request.environ.setdefault(request_id.ERROR, f"auth: {refused.rule}{where}")
    if refused.status == 401:
        return _to_sign_in(refused, settings, mount)
    if settings.template is None:
        raise Forbidden(refused.told)
    handler = Handler(mount, request.view_args)
    seen = {"handler": handler, "request": handler.request}
    body = templating.render(settings.template, seen, tornado=mount.gramex)
    return handler.apply_to(Response(body, 403, content_type="text/html; charset=utf-8"))


def _to_sign_in(refused: Refused, settings: Settings, mount: Mount) -> Response:
    url = redirects.login_url() if settings.login_url is None else settings.login_url
    if not url or not _navigates(mount) or urlsplit(url).path == request.path:  # the last would never end
        raise Unauthorized(refused.told, www_authenticate=WWWAuthenticate("bearer"))
    back = f"{settings.query}={quote(redirects.here(), safe='')}"
    response = Response(status=302)
    response.location = f"{url}{'&' if '?' in url else '?'}{back}"
    response.vary.add("Accept")
    return response


def _navigates(mount: Mount) -> bool:
    """Whether a browser asks for a page to show; scripts, sockets and programs could not show the one to sign in.

    In the original, all who do not say that they are a script are sent there.
    """
    headers = request.headers
    if request.method not in ("GET", "HEAD") or "Upgrade" in headers:
        return False
    by_script = headers.get("X-Requested-With", "").lower() == "xmlhttprequest"
    by_page = headers.get("Sec-Fetch-Mode", "navigate") != "navigate"  # for itself, as an image or by fetch
    return not by_script and not by_page and (mount.gramex or prefers_page())
