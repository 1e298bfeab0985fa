"""`cache:` beside `kwargs` keeps answers to GET and gives them again.

::

    cache:                            # at the top of the YAML; both exist without it
      memory: {type: memory, size: 100_000_000}
      shared: {type: disk, path: var/cache, size: 1_000_000_000}

    url:
      report:
        pattern: /report
        handler: Function
        cache: {key: [request.uri, headers.Accept], store: shared, expiry: {duration: 60}}

`memory` belongs to one worker and ends with a reload; `disk` is shared by all workers and survives a restart. The store
is looked into after the other guards let the request pass. An answer that sets a cookie, says `no-store` or `private`,
varies by a header that is not in `key`, or is streamed, is not kept; nor is one whose maker asked for the session or
the user, unless `key` has a `user.X` or `cookies.X`. Without `key`, a mount with `auth:` keeps answers for each user.
"""

import hashlib
from collections.abc import Callable, Mapping, Set
from typing import Any, Literal

from flask import Blueprint, Response, g, request
from flask.blueprints import BlueprintSetupState
from pydantic import Field, PrivateAttr, field_validator, model_validator

from app import session
from app import settings as base
from app.caching import DiskCache, Entry, MemoryCache
from app.json_provider import dumps
from app.membership import attribute
from app.mounts import Mount
from app.sending import compression

TEN_YEARS = 10 * 365 * 86400

KEYS: dict[str, Callable[[str], Any]] = {
    "request": lambda name: request.full_path if name == "uri" else getattr(request, name, ""),
    "headers": lambda name: request.headers.get(name, ""),
    "cookies": lambda name: request.cookies.get(name, ""),
    "args": lambda name: request.args.getlist(name),
    "user": lambda name: attribute(session.current_user(), name),
}

_OF_ONE_USER = ("user", "cookies")

_NOT_KEPT = frozenset(("date", "server", "content-length", "connection", "transfer-encoding"))
"""Headers that belong to one answer, not to its content."""

_PARTS = frozenset((206, 304))
"""Answers without the whole content. What is kept answers them by itself, so 304 in `status` says nothing more."""


class Store(base.Settings):
    """One entry of the top-level `cache:`."""

    type: Literal["memory", "disk"] = Field("memory", description="Of one worker, or shared by all")
    size: int = Field(100_000_000, gt=0, description="Bytes it may hold; what was used longest ago goes first")
    path: base.SitePath | None = Field(None, description="Folder of a disk store; var/cache unless set")
    default: bool = Field(False, description="Used by mounts that name no store")


class Expiry(base.Settings):
    """How long an answer is kept."""

    duration: float = Field(TEN_YEARS, gt=0, description="Seconds")


class Settings(base.Settings):
    """`true` keeps every 200 by its URI."""

    key: base.Words = Field(("request.uri",), description="What tells answers apart: request.X, headers.X, args.X ...")
    store: str | None = Field(None, description="Name of a store in the top-level `cache:`")
    expiry: Expiry = Field(default_factory=Expiry, description="How long to keep")
    status: tuple[int, ...] = Field((200, 304), description="Which answers to keep")
    _store: tuple[str, Store] = PrivateAttr(("memory", Store()))

    @model_validator(mode="before")
    @classmethod
    def _true_is_all(cls, value: Any) -> Any:
        return {} if value is True else value

    @field_validator("key")
    @classmethod
    def _known(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            family, _, name = key.partition(".")
            if family not in KEYS or not name:
                raise ValueError(f"{key!r} tells no answers apart: use {', '.join(f'{known}.NAME' for known in KEYS)}")
        return keys

    def with_store(self, stores: Mapping[str, Store]) -> "Settings":
        """These settings with the store that they name; ValueError if there is none of the name."""
        known = {"memory": Store(), "disk": Store(type="disk"), **stores}
        default = next((name for name, store in stores.items() if store.default), next(iter(stores), "memory"))
        name = self.store or default
        if name not in known:
            raise ValueError(f"there is no store {name!r}: there are {', '.join(known)}")
        self._store = (name, known[name])
        return self


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Answer from the cache before the view, and keep what the view answers."""
    guard = _Guard(settings, mount)
    bp.record_once(guard.open_store)
    bp.before_request(guard.answer)
    bp.after_request(guard.keep)


class _Guard:
    """The cache of a mount."""

    _cache: MemoryCache | DiskCache

    def __init__(self, settings: Settings, mount: Mount):
        self._settings, self._mount = settings, mount
        split = [key.partition(".")[::2] for key in settings.key]
        self._parts = [(KEYS[family], part) for family, part in split]
        self._by_user = any(family in _OF_ONE_USER for family, _ in split)
        if "auth" in mount.guards and "key" not in settings.model_fields_set:
            self._parts, self._by_user = [*self._parts, (_whole_user, "")], True
        self._headers = {part.lower() for family, part in split if family == "headers"}

    def open_store(self, state: BlueprintSetupState) -> None:
        name, store = self._settings._store
        stores = state.app.extensions.setdefault("skerry.caches", {})
        self._cache = stores.setdefault(name, _open(name, store, self._mount))

    def answer(self) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return None
        key = self._key()
        entry = self._cache.get(key)
        if entry is not None:
            return _conditional(Response(entry.body, entry.status, entry.headers))
        g.cache_miss = key, session.current().used
        session.current().used = False  # from here on it is the view that asks who it is for, and not a guard
        return None

    def keep(self, response: Response) -> Response:
        if "cache_miss" not in g:
            return response  # a guard has refused the request, or the cache has answered it
        key, by_guards = g.cache_miss
        personal = session.current().used and not self._by_user
        session.current().used |= by_guards
        if personal or request.method != "GET" or not _may_keep(response, self._settings.status, self._headers):
            return response
        headers = [(name, value) for name, value in response.headers if name.lower() not in _NOT_KEPT]
        entry = Entry(response.status_code, headers, response.get_data())
        self._cache.put(key, entry, self._settings.expiry.duration)
        return _conditional(response)

    def _key(self) -> bytes:
        # The mount and the path belong to every key: mounts that share a store never answer for each other. So does
        # the coding that the client accepts, as the view may have chosen by it.
        accepted = compression.codings(request.environ.get("HTTP_ACCEPT_ENCODING"))
        values = [self._mount.name, request.path, accepted, *[value(part) for value, part in self._parts]]
        return hashlib.blake2b(repr(values).encode(errors="surrogatepass"), digest_size=20).digest()


def _whole_user(_name: str) -> bytes:
    """All that is known of the user: what a view shows may depend on a role as well as on the name."""
    return dumps(session.current_user())


def _open(name: str, store: Store, mount: Mount) -> MemoryCache | DiskCache:
    if store.type == "memory":
        return MemoryCache(store.size)
    return DiskCache((store.path or mount.state / "cache") / f"{name}.sqlite", store.size)


def _conditional(response: Response) -> Response:
    """With an entity tag, and 304 for a client that has this answer already."""
    response.add_etag()
    response.make_conditional(request)
    return response


def _may_keep(response: Response, status: tuple[int, ...], named: Set[str]) -> bool:
    control, varies = response.cache_control, {name.lower() for name in response.vary}
    return (
        response.status_code in status
        and response.status_code not in _PARTS
        and not response.is_streamed
        and not response.direct_passthrough
        and "Set-Cookie" not in response.headers
        and not control.no_store
        and not control.private
        and varies <= {"accept-encoding", *named}
    )
