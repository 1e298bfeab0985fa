"""Messages between hosts: a stream of Redis or Valkey, which all workers append to and read."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.bus import Found, Message, Position
from app.state.database import Unavailable

KEPT = 10_000
"""Messages of all topics that can be read again, more or less."""

_KEY = "skerry:bus"
_AT_ONCE = 500
_ID = re.compile(r"(\d{1,15})-(\d{1,15})")

Entries: TypeAlias = Sequence[tuple[bytes, dict[bytes, bytes]]]


class Stream:
    """See Channel."""

    def __init__(self, url: str):
        # An append that got no answer may have been done: to send it again could publish it twice.
        options: dict[str, Any] = {"socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 0)}
        self._redis = Redis.from_url(url, socket_timeout=5, **options)
        self._name = f"Redis at {self._redis.connection_pool.connection_kwargs.get('host')}"

    def append(self, topic: str, data: bytes) -> str:
        """See Channel."""
        with self._errors():
            return cast(bytes, self._redis.xadd(_KEY, {"t": topic.encode(), "d": data}, maxlen=KEPT)).decode()

    def end(self) -> Position:
        """See Channel."""
        with self._errors():
            last = cast(Entries, self._redis.xrevrange(_KEY, count=1))
        return self.place(last[0][0].decode()) if last else (0, 0)

    def position(self, id: str) -> Position | None:
        """See Channel."""
        return self.place(id) if _ID.fullmatch(id) and self.place(id) >= self._first() else None

    def place(self, id: str) -> Position:
        """See Channel."""
        time, _, number = id.partition("-")
        return int(time), int(number)

    def read(self, after: Position, wait: float = 0) -> Found:
        """See Channel."""
        with self._errors():
            entries = self._entries("-".join(map(str, after)), wait)
        messages = [Message(id.decode(), fields[b"t"].decode(), fields[b"d"]) for id, fields in entries]
        lost = len(entries) == _AT_ONCE and after != (0, 0) and after < self._first()
        return Found(messages, self.place(messages[-1].id) if messages else after, lost)

    def _entries(self, after: str, wait: float) -> Entries:
        block = max(1, int(wait * 1000)) if wait else None
        found = cast(Any, self._redis.xread({_KEY: after}, count=_AT_ONCE, block=block))
        return cast(Entries, found[0][1]) if found else ()

    def _first(self) -> Position:
        """The oldest that can be read."""
        with self._errors():
            first = cast(Entries, self._redis.xrange(_KEY, count=1))
        return self.place(first[0][0].decode()) if first else (0, 0)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise Unavailable(self._name, error) from error
