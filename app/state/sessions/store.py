"""What every store of sessions does. Of an id its hash is kept: who reads the store is not signed in by it."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from orjson import Fragment

DAY = 86400


class Record(NamedTuple):
    """A session as it is kept: its values by key, and when it ends, in seconds since 1970."""

    values: dict[str, Any]
    expires: float


class Change(NamedTuple):
    """What a request changed: keys that were set, with the JSON of their values, and those that were taken out.

    It is of single keys, so that concurrent requests do not undo each other's.
    """

    put: Mapping[str, bytes]
    removed: Collection[str] = ()

    def applied(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the change, to be written as JSON."""
        kept = {key: value for key, value in values.items() if key not in self.removed}
        return kept | {key: Fragment(json) for key, json in self.put.items()}


class Store(Protocol):
    """Sessions by their id. Every method raises Unavailable while the store is down."""

    def read(self, id: str) -> Record | None:
        """The session, unless there is none or it has ended."""

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """Apply a change; durable when it returns.

        `owner` is the id of the user who is signed in. One that is not `new` and not there was ended meanwhile, by a
        sign-out in another window: it stays ended, and the change is lost.
        """

    def delete(self, id: str) -> None:
        """Forget a session, if it is there."""

    def delete_of(self, owner: str, but: str = "") -> int:
        """Forget all sessions of a user but one; returns how many they were."""

    def purge(self, every: float) -> int:
        """Forget the sessions that have ended, unless this was done within so many seconds; returns how many."""


def hashed(id: str) -> str:
    """What stands for an id in a store."""
    return hashlib.sha256(id.encode()).hexdigest()
