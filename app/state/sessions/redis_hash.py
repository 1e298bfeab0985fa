"""Sessions in Redis or Valkey: a hash for each, which ends by itself, and a set for each user of the sessions' keys."""

import time
from typing import cast

import orjson
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.state.database import BUSY, Unavailable
from app.state.sessions.store import Change, Record, hashed

_EXPIRES, _VALUE = "expires", "="
"""The field that says when a session ends, and what stands before the keys of its values."""

_WRITE = """
local session, owner = KEYS[1], KEYS[2]
local expires, new, removed = ARGV[1], ARGV[2], tonumber(ARGV[3])
if new == '0' and redis.call('EXISTS', session) == 0 then return 0 end
for i = 4, 3 + removed do redis.call('HDEL', session, ARGV[i]) end
for i = 4 + removed, #ARGV, 2 do redis.call('HSET', session, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIREAT', session, math.ceil(expires))
if owner ~= '' then
  redis.call('SADD', owner, session)
  local left = math.ceil(expires - redis.call('TIME')[1])
  if redis.call('TTL', owner) < left then redis.call('EXPIRE', owner, left) end
end
return 1
"""
"""One step for the server, in which no other request comes between."""


class RedisHash:
    """See Store. Waiting for Redis lets other greenlets go on."""

    def __init__(self, url: str):
        retry = Retry(NoBackoff(), 1)  # a connection that ended while it was idle
        self._redis = Redis.from_url(url, socket_timeout=BUSY, socket_connect_timeout=5, retry=retry)
        self._script = self._redis.register_script(_WRITE)
        pool = self._redis.connection_pool.connection_kwargs
        self._errors = _Errors(f"Redis at {pool.get('host') or pool.get('path')}")

    def read(self, id: str) -> Record | None:
        """See Store."""
        with self._errors:
            fields = cast(dict[bytes, bytes], self._redis.hgetall(_key(id)))
        expires = float(fields.pop(_EXPIRES.encode(), 0))
        if expires <= time.time():
            return None
        return Record({key[1:].decode(): orjson.loads(json) for key, json in fields.items()}, expires)

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """See Store."""
        removed = [_VALUE + key for key in change.removed]
        put = [part for key, json in change.put.items() for part in (_VALUE + key, json)]
        args = [expires, int(new), len(removed), *removed, *put, _EXPIRES, expires]
        with self._errors:
            self._script(keys=[_key(id), _of(owner)], args=args)

    def delete(self, id: str) -> None:
        """See Store."""
        with self._errors:
            self._redis.delete(_key(id))

    def delete_of(self, owner: str, but: str = "") -> int:
        """See Store."""
        with self._errors:
            found = cast(set[bytes], self._redis.smembers(_of(owner))) if owner else set()
            keys = found - {_key(but).encode()}
            return self._remove(_of(owner), keys) if keys else 0

    def _remove(self, owner: str, keys: set[bytes]) -> int:
        with self._redis.pipeline() as pipeline:
            pipeline.delete(*keys)
            pipeline.srem(owner, *keys)
            removed: int = pipeline.execute()[0]
        return removed

    def purge(self, every: float) -> int:
        """See Store. Redis does so by itself."""
        return 0


def _key(id: str) -> str:
    return f"session:{hashed(id)}"


def _of(owner: str) -> str:
    """The name of the set of a user's sessions; none for nobody."""
    return owner and f"sessions-of:{owner}"


class _Errors:
    """Gives what fails in a `with` our name."""

    def __init__(self, what: str):
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisError):
            raise Unavailable(self._what, error) from error
