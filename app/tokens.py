"""One-time passwords, API keys and signed users: who makes a request by what the request itself brings.

::

    X-Gramex-OTP: 5f0c...              one use, then the browser is signed in      ?gramex-otp=, in a form too
    X-Gramex-Key: 9a1b...              as often as wanted, for this request only   ?gramex-key=, in a form too
    Authorization: Bearer 9a1b...      the same
    X-Gramex-User: 2|1:0|10:17...      a user as JSON, signed with the secret of the site

Each of them also with `Skerry` for `Gramex` (reference: gramex.md §5).
"""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_plus

import orjson
from flask import Request, Response, after_this_request, current_app, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, Unauthorized

from app import request_id
from app.handler import arguments
from app.handler.attrdict import AttrDict, deep
from app.settings import split_words
from app.state.database import Unavailable
from app.state.tables import located
from app.state.tokens import API_KEY, COLUMNS, DAY, OURS, Scope, Token, Tokens

if TYPE_CHECKING:
    from app.application import Application

log = logging.getLogger("skerry")

OTP, KEY = "OTP", API_KEY
"""Types of tokens (reference: gramex.md §5)."""

_TOUCH = 60.0
"""Seconds between two notes that a key was used: a write for each request would cost more than the request."""

_WRONG_KEY = "the API key is wrong, revoked or expired"
_MEMO = "skerry.caller"
_STORE = "skerry.tokens"
_BRANDS = ("GRAMEX", "SKERRY")
_ARGUMENTS = {"OTP": ("gramex-otp", "skerry-otp"), "KEY": ("gramex-key", "skerry-key")}
_FORM = "application/x-www-form-urlencoded"
_ANY_HEADER = {
    "HTTP_AUTHORIZATION",
    *(f"HTTP_X_{brand}_{name}" for brand in _BRANDS for name in ("USER", "OTP", "KEY")),
}
_SECRET = re.compile(r"passw|secret|token|credential|(gramex|skerry)-(otp|key)|api[_-]?key|^forgot$")
_HINTS = ("passw", "secret", "token", "credential", "gramex", "skerry", "api", "forgot", "%")
"""Without one of these there is no secret: the pattern takes 6 µs where looking for them takes 0.4."""


def caller() -> AttrDict | None:
    """The user of the request's token; None if it has none.

    Raises BadRequest for one that is wrong, used or expired, Unauthorized if it came as Bearer, and Forbidden for an
    API key outside its scope; Unavailable while the tokens' database is down. Whoever asks after that, as the page of
    the failure does, sees nobody.
    """
    environ = request.environ
    if _MEMO in environ:
        return cast(AttrDict | None, environ[_MEMO])
    environ[_MEMO] = None
    if _may_bring_one(environ):
        environ[_MEMO] = _caller(request._get_current_object())  # type: ignore[attr-defined]  # a werkzeug proxy
    if environ[_MEMO] is not None:
        after_this_request(_private)
    return cast(AttrDict | None, environ[_MEMO])


def issue(
    user: str | Mapping[str, Any] | None,
    expire: float,
    *,
    type: str = OTP,
    size: int | None = None,
    reset: bool = False,
    scope: Scope | None = None,
    note: str = "",
    extra: Mapping[str, Any] | None = None,
) -> str:
    """A new token for a user, an id or a mapping, which ends in `expire` seconds.

    `extra` values go into the columns that the site added, and all others to the user's attributes. `reset` ends the
    user's others of this type. Raises Unauthorized without a user.
    """
    if not user:
        raise Unauthorized("a token needs a user: sign in first")
    extra, own = extra or {}, store().extra
    columns = {key: value for key, value in extra.items() if key in own}
    attributes = {key: value for key, value in extra.items() if key not in own and value is not None}
    if attributes:
        user = {**(user if isinstance(user, Mapping) else {"id": user}), **attributes}
    token = Token(user, type, time.time() + expire, columns, scope or Scope(), note)
    return store().add(token, size, reset)


def take(token: str) -> AttrDict | None:
    """What was issued as this token, which ends: `user`, `type`, `expire`, `token`, and the site's columns.

    None for one that is wrong or expired. Of several who take it at once, one gets it.
    """
    return _as_original(store().take(token), token)


def find(token: str) -> AttrDict | None:
    """What was issued as this token, which goes on; as `take`."""
    return _as_original(store().find(token), token)


def _as_original(found: Token | None, text: str) -> AttrDict | None:
    """As the original gives it: a user that is a mapping has the other values too."""
    if found is None:
        return None
    user = deep(found.attributes()) if isinstance(found.user, Mapping) else found.user
    return AttrDict({**found.extra}, user=user, type=found.type, expire=found.expire, token=text)


def scope(mounts: str | Sequence[str] = (), methods: str | Sequence[str] = ()) -> Scope:
    """Where a key may be used: names of mounts, with wildcards, and methods in a list or as words."""
    names = (mounts,) if isinstance(mounts, str) else tuple(mounts)
    return Scope(names, tuple(method.upper() for method in split_words(methods)))  # type: ignore[attr-defined]  # words


def revoke_of(user_id: str) -> int:
    """End all tokens of a user; returns how many there were."""
    return store().remove_of(user_id)


def store() -> Tokens:
    """The tokens of the site that is being served."""
    found: Tokens | None = current_app.extensions.get(_STORE)
    if found is None:
        found = current_app.extensions[_STORE] = Tokens(located("otp", COLUMNS | OURS))
    return found


def _application() -> "Application":
    return cast("Application", current_app)


def masked(uri: str) -> str:
    """The address without the values of arguments that are secrets, for logs."""
    path, mark, query = uri.partition("?")
    lower = query.lower()
    if not any(hint in lower for hint in _HINTS):
        return uri
    return path + mark + "&".join(map(_masked, query.split("&")))


def _masked(argument: str) -> str:
    name, _, value = argument.partition("=")
    return f"{name}=***" if value and _SECRET.search(unquote_plus(name).lower()) else argument


def _may_bring_one(environ: Mapping[str, Any]) -> bool:
    """Whether it is worth looking closer: a few microseconds less for all the requests that bring no token."""
    return (
        not environ.keys().isdisjoint(_ANY_HEADER)
        or _may_have_token(environ.get("QUERY_STRING", ""))
        or environ.get("CONTENT_TYPE", "").startswith(_FORM)
    )


def _caller(request: Request) -> AttrDict | None:
    signed = _header(request, "USER")
    if signed:
        return _signed(signed)
    given = _arguments(request)
    otp = _header(request, "OTP") or _argument(given, "OTP")
    if otp:
        return _signed_in(otp)
    key = _header(request, "KEY") or _argument(given, "KEY")
    if key:
        return _user_of_key(key, request, _refused)
    scheme, _, bearer = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return _user_of_key(bearer.strip().encode("latin-1"), request, _bearer_refused)
    return None


def _private(response: Response) -> Response:
    """Keep the answer out of caches: what they tell users apart by, as a cookie, says nothing of tokens."""
    response.cache_control.private = True
    return response


def _header(request: Request, name: str) -> bytes:
    for brand in _BRANDS:
        value: str = request.environ.get(f"HTTP_X_{brand}_{name}", "").strip()
        if value:
            return value.encode("latin-1")
    return b""


def _arguments(request: Request) -> arguments.Raw:
    """The arguments, unless none of them can be a token.

    Of forms only those without files are read: a proxy or an upload may want the body of the others as a stream.
    """
    environ = request.environ
    found = arguments.of_query(request) if _may_have_token(environ.get("QUERY_STRING", "")) else {}
    if _is_short_form(request) and _may_have_token(request.get_data().decode("latin-1")):
        found = arguments.merged([found, arguments.of_body(request)])
    return found


def _is_short_form(request: Request) -> bool:
    """Whether there is a form of a size that is worth keeping in memory to find out who sends it."""
    if not request.environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return False
    return 0 < (request.content_length or 0) <= (request.max_form_memory_size or 0)


def _may_have_token(text: str) -> bool:
    return "gramex-" in text or "skerry-" in text


def _argument(given: arguments.Raw, name: str) -> bytes:
    values = [value for argument in _ARGUMENTS[name] for value in given.get(argument, ())]
    return values[-1].strip() if values else b""


def _signed(text: bytes) -> AttrDict:
    """The user that a program with the secret of the site has signed."""
    app = _application()
    days = app.site.app.session.expiry or 1  # as sessions that end with the browser
    try:
        user = orjson.loads(app.signer.unsign("user", text.decode("latin-1"), days * DAY))
    except ValueError:  # which BadSignature is, too
        user = None
    if not isinstance(user, dict):
        raise BadRequest("the signed user of this request was not signed here, or too long ago")
    return cast(AttrDict, deep(user))


def _signed_in(otp: bytes) -> AttrDict:
    """The user of a one-time password, who is signed in from here on."""
    from app import userlog  # which asks us what to mask
    from app.session import sign_in  # which asks us who makes a request

    found = store().find(otp)
    token = store().take(otp) if found and found.type != KEY else None
    if token is None:
        raise BadRequest("the one-time password is wrong, used or expired: ask for another one")
    user = sign_in(token.attributes())
    userlog.write("login", user)
    return user


def _user_of_key(key: bytes, request: Request, refused: Callable[[], HTTPException]) -> AttrDict:
    """The user of an API key, for this request."""
    token = store().find(key)
    if token is None or token.type != KEY:
        raise refused()
    mount = _application().mounts.get(request.blueprint or "")
    refusal = token.scope.refusal(mount.name if mount else "", request.method)
    if refusal:
        raise Forbidden(refusal)
    _touch(token)
    return cast(AttrDict, deep(token.attributes()))


def _touch(token: Token) -> None:
    try:
        store().touch(token, _TOUCH)
    except Unavailable as error:  # the key itself is good
        log.warning("%s: the use of an API key was not noted: %s", request_id.of(request.environ), error.reason)


def _refused() -> BadRequest:
    return BadRequest(_WRONG_KEY)


def _bearer_refused() -> Unauthorized:
    """RFC 6750 §3.1."""
    return Unauthorized(_WRONG_KEY, www_authenticate=WWWAuthenticate("bearer", {"error": "invalid_token"}))
