"""Who guesses has to wait: failures in a row of a user, and of an address, counted for all workers.

The nth failure in a row of a user is answered after the nth of the delays, and the user's next try is looked at only
when that time has passed. An address has a number of failures in ten minutes; after that it is refused. Nobody
learns from any of this whether the user exists.
"""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from werkzeug.exceptions import TooManyRequests

from app.state import Conflict, Database
from app.state.database import Execute, execute
from blueprints.login.store import Store

OF_ADDRESS = 60
"""Failures that an address has in a window. An office behind one address has that many people who mistype."""

WINDOW = 600.0
WAITING = 100
"""Requests of a worker that wait at once, for each mount: each of them holds a connection."""

_FORGOTTEN = 3600.0
"""Seconds without a failure after which the next one is the first."""

_PURGED = 0.02
"""How often, of all failures, those that are long ago are removed."""


class Failures(Store):
    """The failures of a mount; every method raises Unavailable while the database is down."""

    create = (
        "CREATE TABLE IF NOT EXISTS sign_in_failure (name VARCHAR(64) PRIMARY KEY, failures INTEGER NOT NULL,"
        " until DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    )

    def __init__(self, find: Callable[[], Database], mount: str, delays: Sequence[float]):
        super().__init__(find)
        self._mount, self._delays = mount, delays
        self._lock = threading.Lock()
        self._trying: Counter[str] = Counter()
        self._waiting = 0

    @contextmanager
    def attempt(self, user: str, address: str) -> Iterator["Attempt"]:
        """A try to sign in, which waits for the end of the last failure's delay.

        Raises TooManyRequests for an address that has had its failures, or if too many wait.
        """
        tried = Attempt(self, self._name("user", user.strip().casefold()), self._name("address", address))
        with self._in_flight(tried.address):
            self.wait(self._until(tried.user) - time.time())
            yield tried

    @contextmanager
    def _in_flight(self, address: str) -> Iterator[None]:
        """Count tries that are going on as failures until they turn out otherwise: a burst must not be free."""
        with self._lock:
            self._trying[address] += 1
            others = self._trying[address] - 1
        try:
            self._refuse_if_spent(address, others)  # a failure is in the table before it is no longer among these
            yield
        finally:
            with self._lock:
                self._trying[address] -= 1
                if not self._trying[address]:
                    del self._trying[address]

    def _refuse_if_spent(self, address: str, trying: int) -> None:
        row, now = self._row(address), time.time()
        failures, until = row if row and row[1] > now else (0, now)
        if failures + trying >= OF_ADDRESS:
            raise _refusal(until - now)

    def wait(self, seconds: float) -> None:
        """Let the other requests of the worker go on for so long. Raises TooManyRequests if too many wait."""
        if seconds <= 0:
            return
        if self._waiting >= WAITING:
            raise _refusal(seconds)
        self._waiting += 1
        try:
            time.sleep(seconds)
        finally:
            self._waiting -= 1

    def count(self, user: str, address: str) -> float:
        """Note a failure; returns the seconds that it has to wait."""
        if random.random() < _PURGED:
            long_ago = time.time() - _FORGOTTEN
            execute(self.database, "DELETE FROM sign_in_failure WHERE seen < :long_ago", long_ago=long_ago)
        try:
            return self.database.write(lambda run: self._count(run, user, address))
        except Conflict:  # another has just made the row
            return self.database.write(lambda run: self._count(run, user, address))

    def _count(self, run: Execute, user: str, address: str) -> float:
        now = time.time()
        run("DELETE FROM sign_in_failure WHERE name = :name AND seen < :ago", name=user, ago=now - _FORGOTTEN)
        run("DELETE FROM sign_in_failure WHERE name = :name AND until < :now", name=address, now=now)
        nth = _add(run, user, now, now)
        delay = self._delays[min(nth, len(self._delays)) - 1]
        run("UPDATE sign_in_failure SET until = :until WHERE name = :name", name=user, until=now + delay)
        _add(run, address, now, now + WINDOW)
        return delay

    def forget(self, user: str) -> None:
        """Forget the failures of a user who has now succeeded."""
        if self._row(user):
            execute(self.database, "DELETE FROM sign_in_failure WHERE name = :name", name=user)

    def _until(self, name: str) -> float:
        """When the delay of a user's last failure ends; the longest of the delays from now at most."""
        row = self._row(name)
        return min(row[1], time.time() + max(self._delays)) if row else 0.0

    def _row(self, name: str) -> tuple[int, float] | None:
        rows = self.database.read("SELECT failures, until FROM sign_in_failure WHERE name = :name", name=name)
        return (rows[0]["failures"], rows[0]["until"]) if rows else None

    def _name(self, kind: str, text: str) -> str:
        """A key of one length for whatever was sent as a name. The failures of an address are those of all mounts."""
        mount = self._mount if kind == "user" else ""
        return hashlib.sha256("\n".join((kind, mount, text)).encode(errors="surrogatepass")).hexdigest()


class Attempt:
    """One try to sign in: say how it ended."""

    def __init__(self, failures: Failures, user: str, address: str):
        self._failures, self.user, self.address = failures, user, address

    def failed(self) -> None:
        """Count it, and wait. Raises TooManyRequests if too many wait."""
        self._failures.wait(self._failures.count(self.user, self.address))

    def counted(self) -> None:
        """Count what is neither right nor wrong, as a mail that is asked for: too many are too many."""
        self._failures.count(self.user, self.address)

    def passed(self) -> None:
        """Forget the failures before it."""
        self._failures.forget(self.user)


def _add(run: Execute, name: str, now: float, until: float) -> int:
    """Add a failure to a row, which then is this transaction's alone; returns how many there are.

    Raises Conflict if another transaction makes the row at the same moment.
    """
    update = "UPDATE sign_in_failure SET failures = failures + 1, seen = :now WHERE name = :name"
    insert = "INSERT INTO sign_in_failure (name, failures, until, seen) VALUES (:name, 1, :until, :now)"
    if not run(update, name=name, now=now).changed:
        run(insert, name=name, now=now, until=until)
        return 1
    found = run("SELECT failures FROM sign_in_failure WHERE name = :name", name=name).first
    return int(found["failures"]) if found else 1


def _refusal(seconds: float) -> TooManyRequests:
    return TooManyRequests("there were too many tries to sign in: wait a little", retry_after=max(1, int(seconds)))
