"""Counters in Redis or Valkey, which all hosts share. Each step is one script, so nothing comes between its parts.

A counter is a hash: `expires`, `used`, and a field for each place that is not settled, named by its worker and number.
It is removed by Redis when it ends. The claim of a worker is a key that Redis removes unless it is renewed.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import urlsplit

from limits.storage import RedisStorage
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.state.counters import Count, Place, Taken, Want
from app.state.counters.ledger import LEASE, Ledger, Settled
from app.state.database import Unavailable

T = TypeVar("T")
PATIENCE = 2.0
"""Seconds that Redis has to answer."""

_LEASE = int(LEASE * 1000)
_COUNTER, _CLAIM = "skerry:count:", "skerry:claim:"

_TAKE = """
local at, owner, claim = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local found, full = {}, false
redis.call('SET', claim .. owner, 1, 'PX', ARGV[4])

local function free_lost(key)
    for _, field in ipairs(redis.call('HKEYS', key)) do
        local holder = string.match(field, '^place:(%d+):')
        if holder and redis.call('EXISTS', claim .. holder) == 0 then
            redis.call('HDEL', key, field)
            redis.call('HINCRBY', key, 'used', -1)
        end
    end
    return tonumber(redis.call('HGET', key, 'used') or 0)
end

for i, key in ipairs(KEYS) do
    local limit = tonumber(ARGV[3 * i + 2])
    local expires = redis.call('HGET', key, 'expires')
    local used = tonumber(redis.call('HGET', key, 'used') or 0)
    if not expires or tonumber(expires) <= at then
        redis.call('DEL', key)
        expires, used = ARGV[3 * i + 3], 0
    elseif used >= limit then
        used = free_lost(key)
    end
    full = full or used >= limit
    found[2 * i - 1], found[2 * i] = used, expires
end
if full then return {0, found} end
for i, key in ipairs(KEYS) do
    local expires, number = found[2 * i], ARGV[3 * i + 4]
    redis.call('HSET', key, 'expires', expires, 'used', found[2 * i - 1] + 1, 'place:' .. owner .. ':' .. number, 1)
    redis.call('PEXPIRE', key, string.format('%.0f', math.max(1, (tonumber(expires) - at) * 1000)))
end
return {1, found}
"""

_SETTLE = """
for i, key in ipairs(KEYS) do
    local field, keep, expires = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
    local ours = redis.call('HDEL', key, field) == 1
    if ours and keep == '0' then
        redis.call('HINCRBY', key, 'used', -1)
    elseif not ours and keep == '1' and redis.call('HGET', key, 'expires') == expires then
        redis.call('HINCRBY', key, 'used', 1)
    end
end
"""

_PUT = """
local expires, used = redis.call('HGET', KEYS[1], 'expires'), tonumber(ARGV[1])
if not expires or tonumber(expires) <= tonumber(ARGV[2]) then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 6) == 'place:' then used = used + 1 end
end
redis.call('HSET', KEYS[1], 'used', used)
return 1
"""


class SharedRedis(Ledger, RedisStorage):
    """The counters of Redis or Valkey at a URL of `redis://`, `rediss://` or `unix://`.

    Every method of Counters raises Unavailable while it is down.
    """

    def __init__(self, uri: str):
        Ledger.__init__(self)
        # What was sent may have been done although no answer came: it is not sent again, but given back.
        once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
        RedisStorage.__init__(self, uri, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, **once)
        self._name = urlsplit(uri).netloc.rpartition("@")[2] or "redis"
        self._scripts = {script: self.storage.register_script(script) for script in (_TAKE, _SETTLE, _PUT)}

    def _take(self, wants: Sequence[Want], at: float) -> Taken:
        places = [Place(want.key, want.expires, next(self._numbers)) for want in wants]
        asked = [(want.limit, repr(want.expires), place.number) for want, place in zip(wants, places, strict=True)]
        claim = self._owner, _CLAIM, _LEASE
        try:
            taken, found = self._run(_TAKE, [want.key for want in wants], repr(at), *claim, *chain(*asked))
        except Unavailable:
            self._unsettled += [(place, False) for place in places]
            raise
        counts = [Count(int(used), float(expires)) for used, expires in zip(found[::2], found[1::2], strict=True)]
        kept = [place._replace(expires=count.expires) for place, count in zip(places, counts, strict=True)]
        return Taken(counts, kept if taken else [])

    def _settle(self, places: Sequence[Settled]) -> None:
        asked = [(self._field(place), int(keep), repr(place.expires)) for place, keep in places]
        self._run(_SETTLE, [place.key for place, _ in places], *chain(*asked))

    def _put(self, key: str, used: int, at: float) -> bool:
        return bool(self._run(_PUT, [key], used, repr(at)))

    def _renew(self, at: float) -> None:
        self._attempt(lambda: self.storage.set(f"{_CLAIM}{self._owner}", 1, px=_LEASE))

    def _field(self, place: Place) -> str:
        return f"place:{self._owner}:{place.number}"

    def _run(self, script: str, keys: Sequence[str], *args: Any) -> Any:
        return self._attempt(lambda: self._scripts[script]([_COUNTER + key for key in keys], args))

    def _attempt(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except self.base_exceptions as error:
            raise Unavailable(self._name, error) from error
