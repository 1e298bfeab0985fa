"""Sessions in the memory of one worker: they end with it, and other workers do not know of them."""

import time
from typing import NamedTuple

import orjson

from app import offload
from app.state.sessions.store import Change, Record, hashed


class _Kept(NamedTuple):
    values: dict[str, bytes]
    expires: float
    owner: str


class Memory:
    """See Store."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Kept] = {}
        self._lock = offload.lock()
        self._purged = 0.0

    def read(self, id: str) -> Record | None:
        """See Store."""
        kept = self._sessions.get(hashed(id))
        if kept is None or kept.expires <= time.time():
            return None
        return Record({key: orjson.loads(json) for key, json in kept.values.items()}, kept.expires)

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """See Store."""
        key = hashed(id)
        with self._lock:
            if new or key in self._sessions:
                before = {} if new else self._sessions[key].values
                kept = {name: json for name, json in before.items() if name not in change.removed}
                self._sessions[key] = _Kept({**kept, **change.put}, expires, owner)

    def delete(self, id: str) -> None:
        """See Store."""
        self._sessions.pop(hashed(id), None)

    def delete_of(self, owner: str, but: str = "") -> int:
        """See Store."""
        spared = hashed(but)
        return self._delete([key for key, kept in self._all() if owner and kept.owner == owner and key != spared])

    def purge(self, every: float) -> int:
        """See Store."""
        now = time.time()
        if now < self._purged + every:
            return 0
        self._purged = now
        return self._delete([key for key, kept in self._all() if kept.expires <= now])

    def _all(self) -> list[tuple[str, _Kept]]:
        return list(self._sessions.items())

    def _delete(self, keys: list[str]) -> int:
        return sum(self._sessions.pop(key, None) is not None for key in keys)
