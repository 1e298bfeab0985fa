"""Counters in Redis or Valkey, which all hosts share. Each step is one script, so nothing comes between its parts.

A counter is a hash of `expires`, `used` and `epoch`. It is removed by Redis when it ends.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from limits.storage import RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.state import counters
from app.state.counters import Count, Place, Taken, Want
from app.state.database import Unavailable

PATIENCE = 2.0
"""Seconds that Redis has to answer."""

_COUNTER = "skerry:counter:"

_TAKE = """
local at, epoch = tonumber(ARGV[1]), ARGV[2]
local found, full = {}, false

for i, key in ipairs(KEYS) do
    local limit = tonumber(ARGV[2 * i + 1])
    local expires = redis.call('HGET', key, 'expires')
    local used = tonumber(redis.call('HGET', key, 'used') or 0)
    if not expires or tonumber(expires) <= at then
        redis.call('DEL', key)
        expires, used = ARGV[2 * i + 2], 0
    end
    full = full or used >= limit
    found[3 * i - 2], found[3 * i - 1], found[3 * i] = used, expires, redis.call('HGET', key, 'epoch') or epoch
end
if full then return {0, found} end
for i, key in ipairs(KEYS) do
    local used, expires, current = found[3 * i - 2], found[3 * i - 1], found[3 * i]
    redis.call('HSET', key, 'expires', expires, 'used', used + 1, 'epoch', current)
    redis.call('PEXPIRE', key, string.format('%.0f', math.max(1, (tonumber(expires) - at) * 1000)))
end
return {1, found}
"""

_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    if redis.call('HGET', key, 'epoch') == ARGV[i] and tonumber(redis.call('HGET', key, 'used')) > 0 then
        redis.call('HINCRBY', key, 'used', -1)
    end
end
"""

_PUT = """
local expires = redis.call('HGET', KEYS[1], 'expires')
if not expires or tonumber(expires) <= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'used', ARGV[1], 'epoch', ARGV[2])
return 1
"""


class SharedRedis(RedisStorage):
    """The counters of Redis or Valkey at a URL of `redis://`, `rediss://` or `unix://`.

    Every method of Counters raises Unavailable while it is down.
    """

    def __init__(self, uri: str):
        # What was sent may have been done although no answer came: it is not sent again, or a place would count twice.
        once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
        RedisStorage.__init__(self, uri, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, **once)
        self._name = urlsplit(uri).netloc.rpartition("@")[2] or "redis"
        self._scripts = {script: self.storage.register_script(script) for script in (_TAKE, _GIVE_BACK, _PUT)}

    def take(self, wants: Sequence[Want], at: float) -> Taken:
        """See Counters."""
        asked = [(want.limit, repr(want.expires)) for want in wants]
        taken, found = self._run(_TAKE, [want.key for want in wants], repr(at), counters.new_epoch(), *chain(*asked))
        counts = [Count(int(used), float(expires)) for used, expires in zip(found[::3], found[1::3], strict=True)]
        places = [Place(want.key, int(epoch)) for want, epoch in zip(wants, found[2::3], strict=True)]
        return Taken(counts, places if taken else [])

    def give_back(self, places: Sequence[Place]) -> None:
        """See Counters."""
        self._run(_GIVE_BACK, [place.key for place in places], *[place.epoch for place in places])

    def put(self, key: str, used: int) -> Place | None:
        """See Counters."""
        place = Place(key, counters.new_epoch())
        return place if self._run(_PUT, [key], used, place.epoch, repr(counters.now())) else None

    def _run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        try:
            return self._scripts[script]([_COUNTER + key for key in keys], args)
        except self.base_exceptions as error:
            raise Unavailable(self._name, error) from error
