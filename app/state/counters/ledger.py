"""What the stores of counters have in common: a worker's claim on its places, and settling them."""

import itertools
import logging
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from app.state import counters
from app.state.counters import Place, Taken, Want
from app.state.database import Unavailable

log = logging.getLogger("skerry")

LEASE = 30.0
"""Seconds after which a worker that does not renew its claim loses its places."""

Settled = tuple[Place, bool]
"""A place, and whether it is kept."""


class Ledger(ABC):
    """Takes and settles places in the name of this process; see Counters for the methods."""

    def __init__(self) -> None:
        self._owner = secrets.randbits(63)
        self._numbers = itertools.count(1)
        self._open = 0
        self._unsettled: list[Settled] = []
        self._watching = False

    @abstractmethod
    def _take(self, wants: Sequence[Want], at: float) -> Taken:
        """See Counters; the claim is renewed with it."""

    @abstractmethod
    def _settle(self, places: Sequence[Settled]) -> None: ...

    @abstractmethod
    def _put(self, key: str, used: int, at: float) -> bool: ...

    @abstractmethod
    def _renew(self, at: float) -> None:
        """Renew the claim, until LEASE seconds later."""

    def take(self, wants: Sequence[Want], at: float) -> Taken:
        """See Counters."""
        taken = self._take(wants, at)
        self._open += len(taken.places)
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="skerry-ratelimit", daemon=True).start()
        return taken

    def settle(self, places: Sequence[Place], keep: bool) -> None:
        """See Counters."""
        self._open -= len(places)
        todo, self._unsettled = self._unsettled + [(place, keep) for place in places], []
        try:
            self._settle(todo)
        except Unavailable:
            self._unsettled += todo
            raise

    def put(self, key: str, used: int) -> bool:
        """See Counters."""
        return self._put(key, used, counters.now())

    def _watch(self) -> None:
        """Renew the claim while requests are at work longer than others come, and settle what could not be settled."""
        while True:
            time.sleep(LEASE / 3)
            try:
                if self._open > 0:
                    self._renew(counters.now())
                if self._unsettled:
                    self.settle((), keep=True)
            except Unavailable as error:
                log.warning("rate limits: %s", error.reason)
