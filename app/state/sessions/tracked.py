"""The values of a session while a request uses them: what has changed is known at its end."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from app.handler.attrdict import deep
from app.json_provider import dumps
from app.state.sessions.store import Change

_FIXED = (str, int, float, type(None))
"""Kinds of values that cannot be changed in place."""

_NOTHING = Change({})


class Tracked(MutableMapping[str, Any]):
    """Values by key. Those that were changed in place are found by comparing their JSON.

    Setting what JSON cannot hold raises TypeError, which names the key.
    """

    def __init__(self, values: dict[str, Any]):
        self._values = values
        self._given: dict[str, bytes] = {}
        """The JSON of values that were given away, as it is kept."""
        self._put: set[str] = set()
        self._removed: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if key in self._put or key in self._given or isinstance(value, _FIXED):
            return value
        self._given[key] = dumps(value)
        self._values[key] = value = deep(value)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        _encoded(key, value)  # to fail here, where one sees which line it was, and not only at the end
        self._values[key] = value
        self._put.add(key)
        self._removed.discard(key)

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._put.discard(key)
        self._given.pop(key, None)
        self._removed.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        """Bytes of all values as JSON."""
        return len(dumps(self._values))

    def change(self) -> Change:
        """What differs from what is kept."""
        if not (self._given or self._put or self._removed):
            return _NOTHING
        put = {key: _encoded(key, self._values[key]) for key in self._put}
        for key, given in self._given.items():
            json = put.get(key) or _encoded(key, self._values[key])
            if json != given:
                put[key] = json
        return Change(put, tuple(self._removed))

    def settle(self, change: Change) -> None:
        """Take note that a change is kept."""
        self._given |= change.put
        self._put.clear()
        self._removed.clear()


def _encoded(key: str, value: Any) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"session[{key!r}] cannot be kept: keys are text")
    try:
        return dumps(value)
    except TypeError as error:
        raise TypeError(f"session[{key!r}] cannot be kept: {error}") from None
