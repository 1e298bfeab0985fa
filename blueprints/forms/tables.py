"""What a dataset keeps between requests: open sources, results of queries, and tables that a function has made.

pandas is loaded where a function wants a DataFrame, and not before.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from app import offload
from app.handler import Handler
from app.tables.databases.table import Table
from app.tables.edits import creation
from app.tables.edits.creation import ColumnSettings
from app.tables.query import Query
from app.tables.source import Source, TooLong
from blueprints.forms.functions import Transform
from blueprints.forms.opening import Place

if TYPE_CHECKING:
    import pandas

SOURCES = 64
"""Sources of a dataset that stay open, where the request says which."""

FRAMES = 16
"""Results of queries and functions that a dataset keeps."""

T = TypeVar("T")


class Tables:
    """The sources of one dataset. Keys say which one, states whether it is still as it was."""

    def __init__(self, transform: Transform | None, columns: Mapping[str, ColumnSettings], timeout: float):
        self._transform, self._columns, self._timeout = transform, columns, timeout
        self._sources: Latest[Source] = Latest(SOURCES, timeout)
        self._frames: Latest[Source] = Latest(FRAMES, timeout)
        self._wholes: Latest[pandas.DataFrame] = Latest(FRAMES, timeout)

    def opened(self, place: Place) -> Source:
        """The source at a filled place, with the columns that it is to have. Raises ValueError, Down."""
        return self._sources.get(place.key, "", partial(self._first_opened, place))

    def _first_opened(self, place: Place) -> Source:
        source = place.opened()
        if self._columns and isinstance(source, Table):
            creation.ensure(source, self._columns)
        return source

    def kept(self, query: Callable[[], Source], key: Hashable, state: str) -> Source:
        """All that a query gives, in memory until its state changes."""
        return self._frames.get(("query", key), state, lambda: _loaded(whole(query(), self._timeout), state))

    def transformed(self, source: Source, key: Hashable, handler: Handler) -> Source:
        """What the function makes of the source; the source itself without one.

        It is kept until the source changes, unless it depends on the request, which is then no other's (gramex.md §28).
        """
        if self._transform is None:
            return source
        make = partial(self._made, self._transform, source, key, handler)
        state = None if self._transform.is_of_request else source.state()
        if state is None:
            return _loaded(make(), None)
        return self._frames.get(("function", key), state, lambda: _loaded(make(), state))

    def _made(self, transform: Transform, source: Source, key: Hashable, handler: Handler) -> "pandas.DataFrame":
        """What the function returns, in a thread as pandas stops everything else."""
        data = self._data(source, key, transform.is_of_request) if transform.is_of_data else None
        return offload.run(transform, data=data, handler=handler)

    def _data(self, source: Source, key: Hashable, is_of_request: bool) -> "pandas.DataFrame":
        """The whole source; kept for a function that is called often, which gets a copy: it may change it."""
        state = source.state()
        if state is None or not is_of_request:
            return whole(source, self._timeout)
        return self._wholes.get(key, state, lambda: whole(source, self._timeout)).copy()


def _loaded(frame: "pandas.DataFrame", state: str | None) -> Source:
    """The frame as a source, which does not keep the frame itself. Raises ValueError for what is none."""
    from app.tables.files.frames import Frame

    frames = [frame]
    source = Frame(frames.pop, state)
    source.columns()  # loads it, so that nothing is kept that cannot be
    return source


class _Slot(Generic[T]):
    """A value and the state that it is of; who makes it has its turn, and all others wait for that."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.known: tuple[str, T] | None = None


class Latest(Generic[T]):
    """Values by key, each as long as its state stays the same; those used longest ago go first."""

    def __init__(self, limit: int, timeout: float):
        """`timeout` is in seconds: how long somebody waits for what somebody else makes."""
        self._limit, self._timeout, self._lock = limit, timeout, threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot[T]] = OrderedDict()

    def get(self, key: Hashable, state: str, make: Callable[[], T]) -> T:
        """The value that is there, or else a new one, made once for all who ask meanwhile.

        Raises TooLong for who has waited too long for somebody else, and what `make` raises.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > self._limit:
                self._slots.popitem(last=False)
        known = slot.known
        if known is None or known[0] != state:
            if not slot.turn.acquire(timeout=self._timeout):
                raise TooLong("others wait for the same table")
            try:
                known = slot.known
                if known is None or known[0] != state:
                    known = slot.known = (state, make())
            finally:
                slot.turn.release()
        return known[1]


def whole(source: Source, timeout: float) -> "pandas.DataFrame":
    """All rows of a source."""
    from app.tables.files.frames import to_frame

    names = tuple(column.name for column in source.columns())
    with closing(source.run(Query(names, limit=None), timeout)) as result:
        return to_frame(result.columns, result.batches())
