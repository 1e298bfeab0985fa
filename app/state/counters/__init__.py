"""Counters that workers share, with places in them that are taken before the work and given back if it fails.

::

    app:
      ratelimit: {type: sqlite}                                # var/ratelimit.db, for all workers of this host
      ratelimit: {type: redis, path: redis://10.0.0.5:6379/0}  # for all hosts
      ratelimit: {type: memory}                                # for each worker alone

A limit is exact, and yet only successes count, because a request takes its place at once: no two requests get the last
one. It is given back if the request fails. What cannot be given back stays counted, as that of a request that was at
work when its worker was killed: a limit never lets more pass than it says. (A claim that the worker renews could free
such places, at twice the cost for every request.)

Both are also storages of the `limits` package, which flask-limiter stands on: `sqlite` registers the scheme `sqlite-shared://`,
so that a site's own code can count in the same file through either of them.
"""

import secrets
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from app.state.sessions import redis_url

if TYPE_CHECKING:
    from app.sections import RatelimitSettings

FILE = "ratelimit.db"


def now() -> float:
    """Seconds since 1970: the clock of all limits."""
    return time.time()


class Want(NamedTuple):
    """A place that is wanted in a counter: if `limit` are taken there is none. A new counter ends at `expires`."""

    key: str
    limit: int
    expires: float


class Count(NamedTuple):
    """How many places of a counter are taken, and when it begins anew."""

    used: int
    expires: float


class Place(NamedTuple):
    """A place that was taken; `epoch` tells the counter from those before and after it under the same key."""

    key: str
    epoch: int


def new_epoch() -> int:
    """What a counter is told by while it lasts."""
    return secrets.randbits(63)


class Taken(NamedTuple):
    """The counters as they were found, and a place in each of them; no places if one of them was full."""

    counts: list[Count]
    places: list[Place]


class Counters(Protocol):
    """Where counters are. Every method raises Unavailable while that is down."""

    def take(self, wants: Sequence[Want], at: float) -> Taken:
        """Take a place in each counter, or in none of them.

        `at` is the time when the wants were made: they have to end after it. No key may be wanted twice.
        """

    def give_back(self, places: Sequence[Place]) -> None:
        """Free places that were taken. Those of a counter that has begun anew are no longer counted anyway."""

    def put(self, key: str, used: int) -> Place | None:
        """Begin a counter anew with so many places taken; None if there is no such counter, else the last of them."""


def check_redis(path: str) -> None:
    """Raise ValueError unless this is a URL of Redis, or its `host:port:db`. Its password is not quoted."""
    from redis import Redis

    try:
        Redis.from_url(redis_url(path)).close()
    except ValueError:
        raise ValueError("should be the URL of Redis, as redis://localhost:6379/0") from None


def connect(settings: "RatelimitSettings", site: Path) -> Counters:
    """The counters that the settings name, the same for every caller of this worker; nothing is opened yet."""
    if settings.type == "redis":
        return _redis(redis_url(settings.path or "redis://localhost:6379/0"))
    if settings.type == "memory":
        return _sqlite("sqlite-shared://", settings.purge, site)
    own = settings.path if settings.type == "sqlite" else None  # that of the original's stores is a file of theirs
    return _sqlite(f"sqlite-shared:///{site / (own or f'var/{FILE}')}", settings.purge, site)


@cache
def _sqlite(url: str, purge: float, _site: Path) -> Counters:
    from app.state.counters.sqlite import SharedSQLite

    return SharedSQLite(url, purge=purge)


@cache
def _redis(url: str) -> Counters:
    from app.state.counters.redis import SharedRedis

    return SharedRedis(url)
