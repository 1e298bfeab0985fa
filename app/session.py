"""Sessions, and who is signed in.

A session is read when something asks for it, made when something is first put into it, and written once, after the
view, with the keys that changed. Its cookie holds a signed random id; the values stay on the server::

    app:
      session:
        type: sqlite        # or memory, json, redis, or a URL as postgresql://user@host/db
        expiry: 31          # days

    from app.session import current_user, sign_in, sign_out

Flask's `session` is the same object.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Flask, Request, Response, current_app, request
from flask.globals import request_ctx
from flask.sessions import SessionInterface, SessionMixin

from app import problems, tokens
from app.handler.attrdict import AttrDict, deep
from app.json_provider import dumps
from app.sections import SessionSettings
from app.signing import BadSignature, Signer
from app.state.database import Unavailable
from app.state.sessions import DAY, Record, Store
from app.state.sessions.store import hashed
from app.state.sessions.tracked import Tracked

log = logging.getLogger("skerry")

USER = "user"
SESSION, CALLER = "skerry.session", "skerry.user"
"""Where a session that was read, and the user of a token, are found in the WSGI environment: for the log."""

_BROWSER_SESSION = DAY
"""Seconds that the store keeps a session whose cookie ends with the browser (reference: gramex.md §5)."""

_ENDS, _INACTIVE, _SEEN = "_t", "_i", "_l"
"""Keys of a session that ends when it is not used: its end in any case, after how many seconds, when it was seen."""


class Session(SessionMixin):
    """The session of a request: a mapping of text to what JSON can hold, which may be changed in place.

    `session["id"]` is its id. Reading it raises Unavailable while the store is down.
    """

    id = ""
    expires = 0.0
    """When it ends in any case, in seconds since 1970; 0 for one that is not kept yet."""
    lifetime: float | None
    """Seconds that one which is new is kept; None until the browser ends."""
    replaces = ""
    """The id of the session that this one takes the place of."""
    used = False
    """Whether the answer may depend on who asks."""
    closed = False
    """Whether the answer has begun, so that nothing more can be kept."""
    https = False
    _tracked: Tracked | None = None
    _down: Unavailable | None = None
    _done = False
    """Whether it was written, and not asked for since."""
    _failed = False
    """Whether it could not be written."""

    def __init__(self, sessions: "Sessions", request: Request):
        self._sessions, self._request = sessions, request
        self.lifetime = sessions.lifetime

    @property
    def _values(self) -> Tracked:
        self.used, self._done = True, False
        return self._load() if self._tracked is None else self._tracked

    def _load(self) -> Tracked:
        if self._down:
            raise self._down  # a store that does not answer keeps a request waiting only once
        try:
            self.id, found = self._sessions.find(self._request)
        except Unavailable as error:
            self._down = error
            raise
        self._tracked = Tracked(found.values if found else {})
        if found:
            self.expires = found.values.get(_ENDS, found.expires)
        self.https, self._request.environ[SESSION] = self._request.is_secure, self
        del self._request  # or the two would keep each other in memory
        return self._tracked

    @property
    def known(self) -> Mapping[str, Any]:
        """The values if they have been read, and without reading them: for those who only look on, as the log."""
        return self._tracked or {}

    def __getitem__(self, key: str) -> Any:
        return self._ensure_id() if key == "id" else self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._must_be_open(key)
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        self._must_be_open(key)
        del self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values or key == "id" and bool(self.id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def to_dict(self) -> dict[str, Any]:
        """A copy, as which JSON has it."""
        return dict(self)

    def _must_be_open(self, key: str) -> None:
        if self.closed:
            raise RuntimeError(f"session[{key!r}] is changed too late to be kept: the answer has begun")

    def _ensure_id(self) -> str:
        if self._values is not None and not self.id:
            self.id = secrets.token_urlsafe(24)
        return self.id

    def renew(self, lifetime: float | None = None) -> None:
        """Make it an empty one with another id; what the old id named ends with this request.

        An id that somebody knew before a sign-in must not be worth more after it.
        """
        self._must_be_open(USER)
        if self._values is not None and self.expires:
            self.replaces = self.id
        self._tracked = Tracked({})
        self.id, self.expires, self.lifetime = "", 0.0, lifetime

    def save(self, response: Response) -> None:
        """Write what changed, and give a new session's cookie to the client.

        Raises Unavailable, and TypeError or ValueError for what cannot be kept; it then tries no second time.
        """
        if self._tracked is None or self._done or self._failed:
            return
        try:
            self._write(self._tracked, response)
            if self.replaces:
                self._end_replaced(response)
        except BaseException:
            self._failed = True
            raise
        self._done = True

    def _write(self, values: Tracked, response: Response) -> None:
        new = not self.expires
        if _INACTIVE in values and time.time() - values.get(_SEEN, 0) > _grace(values):
            values[_SEEN] = time.time()
        change = values.change()
        if change.put or change.removed or new and self.id:
            now = time.time()
            self._sessions.check_size(values)
            self.expires = self.expires or values.get(_ENDS, now + (self.lifetime or _BROWSER_SESSION))
            until = min(self.expires, now + values[_INACTIVE] + _grace(values)) if _INACTIVE in values else self.expires
            self._sessions.store.write(self._ensure_id(), change, until, owner_of(values.get(USER)), new)
            values.settle(change)
            if new:
                self._sessions.set_cookie(response, self)
            self._sessions.purge()

    def _end_replaced(self, response: Response) -> None:
        self._sessions.store.delete(self.replaces)
        self.replaces = ""
        if not self.expires:
            self._sessions.clear_cookie(response, self)


def _grace(values: Mapping[str, Any]) -> float:
    """Seconds by which the note of a session's last use may be late: it is not written at each request."""
    return min(float(values[_INACTIVE]) / 10, 60.0)


def _keep_private(response: Response) -> None:
    """Say that the answer is for who asked. werkzeug's properties take 20 µs for what mostly are two new headers."""
    present = {name.lower() for name, _ in response.headers}
    if "vary" in present:
        response.vary.add("Cookie")
    else:
        response.headers.add("Vary", "Cookie")
    if "cache-control" not in present:
        response.headers.add("Cache-Control", "private")
    elif not response.cache_control.public and not response.cache_control.no_store:
        response.cache_control.private = True


def _cookies(header: str, name: str) -> Iterator[str]:
    """The values of a cookie: several, if there are others of another path. werkzeug takes 11 µs to parse them all."""
    for part in header.split(";"):
        found, _, value = part.partition("=")
        if found.strip() == name:
            yield value.strip().strip('"')


class Sessions(SessionInterface):
    """The sessions of a site, as Flask asks for them.

    `open_session` alone is enough to read one, as for a WebSocket; it reads what is kept at that moment.
    """

    def __init__(self, settings: SessionSettings, store: Store, signer: Signer):
        self.settings, self.store, self._signer = settings, store, signer
        self.lifetime = settings.expiry * DAY if settings.expiry else None
        self._purged = 0.0

    def open_session(self, app: Flask, request: Request) -> Session:
        """The session of a request; nothing is read yet."""
        return Session(self, request)

    def find(self, request: Request) -> tuple[str, Record | None]:
        """The id of the request's session and what is kept of it; an empty id if there is none."""
        for cookie in _cookies(request.environ.get("HTTP_COOKIE", ""), self.settings.cookie):
            id = self._id_of(cookie)
            if id:
                record = self.store.read(id)
                return (id, record) if record else ("", None)
        return "", None

    def _id_of(self, cookie: str) -> str:
        """The id in a cookie that we have signed; empty for any other."""
        try:
            return self._signer.unsign(self.settings.cookie, cookie).decode()
        except BadSignature:
            return ""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write what guards have changed after the view (`Application.process_response` has written before them).

        The answer is nobody else's if it may depend on who asks: no cache may give it to others.
        """
        own = cast(Session, session)
        if own.used:
            self._save(own, response)
            _keep_private(response)
        own.closed = True

    def _save(self, session: Session, response: Response) -> None:
        try:
            session.save(response)
        except Unavailable as error:
            failure = problems.answer(error)
            response.status, response.headers, response.response = failure.status, failure.headers, failure.response

    def check_size(self, values: Tracked) -> None:
        """Raise ValueError for more than a session should have: each request that uses it reads all of it."""
        size, most = values.size, self.settings.max_size
        if size > most:
            largest = max(values, key=lambda key: len(dumps(values[key])))
            raise ValueError(
                f"the session has {size:,} bytes, most of them in session[{largest!r}]: keep that elsewhere,"
                f" or raise app.session.max_size, which is {most:,}"
            )

    def set_cookie(self, response: Response, session: Session) -> None:
        """Give the client the session's id, which the browser keeps for its lifetime, or until it ends."""
        cookie = self._signer.sign(self.settings.cookie, session.id)
        max_age = None if session.lifetime is None else int(session.lifetime)
        response.set_cookie(self.settings.cookie, cookie, max_age, **self._scope(session))

    def clear_cookie(self, response: Response, session: Session) -> None:
        """Have the client forget its id."""
        response.delete_cookie(self.settings.cookie, **self._scope(session))

    def _scope(self, session: Session) -> dict[str, Any]:
        settings = self.settings
        return {
            "path": settings.cookiepath,
            "domain": settings.domain,
            "secure": session.https if settings.secure is None else settings.secure,
            "httponly": settings.httponly,
            "samesite": settings.samesite,
        }

    def purge(self) -> None:
        """Have ended sessions removed, now and then, beside the request. By one worker: the store sees to it."""
        now = time.monotonic()
        if not self._purged or now - self._purged > self.settings.purge:
            self._purged = now
            threading.Thread(target=self._purge, name="skerry-purge", daemon=True).start()

    def _purge(self) -> None:
        try:
            self.store.purge(self.settings.purge)
        except Unavailable as error:
            log.warning("sessions that have ended are not removed: %s", error.reason)


def current() -> Session:
    """The session of the request that is being answered."""
    return cast(Session, request_ctx.session)


def current_user() -> AttrDict | None:
    """Who makes the request: the user of its token, or else who is signed in; None for nobody."""
    session, user = current(), tokens.caller()
    if user is None:
        return cast(AttrDict | None, session.get(USER))
    session.used, request.environ[CALLER] = True, user
    return user


def known_user(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """The user, if the request has asked who makes it; for the log, which does not ask."""
    session = environ.get(SESSION)
    user = environ.get(CALLER) or session and session.known.get(USER)
    return user if isinstance(user, Mapping) else {}


def known_id(environ: Mapping[str, Any]) -> str:
    """What the store knows the session by, if the request has used one. With the id itself one could go on with it."""
    session = environ.get(SESSION)
    return hashed(session.id) if session and session.id else ""


def sign_in(
    user: Mapping[str, Any], *, key: str = USER, expiry: float | None = None, inactive: float | None = None
) -> AttrDict:
    """Sign a user in, in a new session; returns the user.

    `user["id"]` names the user. `key` is the session's key for it: what is not `user` is no `current_user`. `expiry`
    and `inactive` are in days: when the session ends, and when it ends if it is not used.
    """
    session, now = current(), time.time()
    session.renew(session.lifetime if expiry is None else expiry * DAY or None)
    session[key] = deep(user)
    if inactive:
        session[_INACTIVE], session[_SEEN] = inactive * DAY, now
        session[_ENDS] = now + (session.lifetime or _BROWSER_SESSION)
    return cast(AttrDict, session[key])


def sign_out(key: str = USER) -> None:
    """Sign the user out: the session ends, and the browser forgets it. Another key than `user` is only removed."""
    session = current()
    if key == USER and key in session:
        session.renew(session.lifetime)
    else:
        session.pop(key, None)


def sign_out_everywhere(user_id: str, but_here: bool = False) -> int:
    """End all sessions of a user, or all but this one; returns how many there were."""
    sessions = cast(Sessions, current_app.session_interface)
    return sessions.store.delete_of(owner_of({"id": user_id}), current()["id"] if but_here else "")


def ensure_single_session(handler: object = None) -> None:
    """End all other sessions of who is signed in (reference: gramex.md §19); the handler is there for expressions."""
    owner = owner_of(current().get(USER))
    if owner:
        sign_out_everywhere(owner, but_here=True)


def owner_of(user: Any) -> str:
    """What the store notes of a user: the id, or nothing."""
    return str(user.get("id") or "")[:255] if isinstance(user, Mapping) else ""
