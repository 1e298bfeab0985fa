"""What a request has used of its limits, and setting counts anew; the guard `ratelimit` does the counting.

::

    handler.get_ratelimit()                                  # {limit: 1000, usage: 7, remaining: 992, expiry: 3600}
    handler.reset_ratelimit("sales", ["2026-11-21", "ann"])  # the pool's name, and the values of its keys
"""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import orjson
from flask import current_app, request
from flask.sansio.app import App

from app.handler.attrdict import AttrDict
from app.state import counters
from app.state.counters import Count, Counters, Taken, Want

_USED = "skerry.ratelimit"
"""Where the use that a request makes of its limits is, in the WSGI environment: `flask.g` costs more."""


class Usage(NamedTuple):
    """Of one limit: how many requests it allows, and its counter as this request has found it."""

    want: Want
    found: Count

    def at(self, used: int) -> "Usage":
        """The same with the counter there."""
        return self._replace(found=self.found._replace(used=used))

    @property
    def left(self) -> int:
        """How many requests it allows, this one included; negative where the limit has been lowered."""
        return self.want.limit - self.found.used

    @property
    def remaining(self) -> int:
        """How many requests it allows after this one."""
        return max(0, self.left - 1)

    @property
    def expiry(self) -> int:
        """Seconds until it begins anew."""
        return max(0, math.ceil(self.found.expires - counters.now()))

    def headers(self) -> list[tuple[str, str]]:
        """What the client is told."""
        return [
            ("X-Ratelimit-Limit", str(self.want.limit)),
            ("X-Ratelimit-Remaining", str(self.remaining)),
            ("X-Ratelimit-Reset", str(self.expiry)),
        ]


class Use:
    """What a request uses of its limits: their counters as it has found them, and the places that it has."""

    def __init__(self, wants: Sequence[Want], taken: Taken):
        self.usages = list(map(Usage, wants, taken.counts))
        self.places = taken.places

    @property
    def least(self) -> Usage:
        """The limit that allows the fewest others."""
        return self.usages[0] if len(self.usages) == 1 else min(self.usages, key=lambda usage: usage.left)


def begin(environ: dict[str, Any], use: Use) -> None:
    """Note what the request uses of its limits."""
    environ[_USED] = use


def of(environ: dict[str, Any]) -> Use | None:
    """What a request uses of its limits; None if it has none."""
    return environ.get(_USED)


def store(app: App) -> Counters:
    """The counters of a site."""
    site = cast(Any, app).site  # Application's: it imports the guards, and one of them this module
    return counters.connect(site.app.ratelimit, site.config.folder)


def key_of(pool: str, values: Sequence[Any]) -> str:
    """The counter's name: short whatever the values are, and not the same for other values that look alike joined."""
    return hashlib.blake2b(_json([pool, *values]), digest_size=16).hexdigest()


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # text that is no Unicode, a number of more than 64 bits
        return json.dumps(value, default=str).encode()


def current() -> AttrDict | None:
    """The limit of this request that allows the fewest others; None if it has no limits.

    `limit`, `usage` before this request, `remaining` after it, and `expiry`, the seconds until it begins anew.
    """
    use = of(request.environ)
    if use is None:
        return None
    usage = use.least
    return AttrDict(limit=usage.want.limit, usage=usage.found.used, remaining=usage.remaining, expiry=usage.expiry)


def reset(pool: str, keys: Sequence[Any], value: int = 0) -> bool:
    """Set the count of a pool for these values of its keys; False if nothing has been counted for them.

    This request counts on from there if it succeeds; others that are at work have been counted before.
    """
    key, use = key_of(pool, keys), of(request.environ)
    own = [place for place in use.places if place.key == key] if use else []
    begun = store(current_app).put(key, value + len(own))
    if use and own and begun:
        use.places = [begun if place.key == key else place for place in use.places]
        use.usages = [usage.at(value) if usage.want.key == key else usage for usage in use.usages]
    return begun is not None
