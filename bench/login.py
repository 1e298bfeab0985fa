"""What a crowd that signs in costs the others: passwords are hashed by argon2, beside the worker's requests."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench.load import Failed, connected, slowest
from bench.measure import Effort, Figure, at_most
from bench.server import Server, site

CROWD = 20
"""People who sign in at the same time."""

PASSWORD = "correct horse"
SITE = """
url:
  hello: {{pattern: /hello, handler: Function, kwargs: {{function: str("hello")}}}}
  login: {{pattern: /login, handler: SimpleAuth, kwargs: {{credentials: {{{users}}}}}}}
"""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def figures(effort: Effort) -> Iterator[Figure]:
    """How much later the slowest hundredth of other requests is answered."""
    users = ", ".join(f"user{number}: {PASSWORD}" for number in range(CROWD))
    with (
        tempfile.TemporaryDirectory() as folder,
        Server("/hello", env=site(Path(folder), SITE.format(users=users))) as ours,
    ):
        _slowest(ours, 0.5)  # what the first request of each kind takes is not the crowd's
        _sign_in(ours, 0)
        alone = _slowest(ours, effort.seconds)
        crowd = [threading.Thread(target=_come_and_go, args=(ours, number, effort.seconds)) for number in range(CROWD)]
        for one in crowd:
            one.start()
        beside = _slowest(ours, effort.seconds)
        for one in crowd:
            one.join()
        note = f"p99 {beside * 1000:.1f} ms, {alone * 1000:.1f} ms without"
        yield at_most(f"{CROWD} sign-ins at once: more p99 of others", (beside - alone) * 1000, 100, note, " ms")


def _come_and_go(ours: Server, number: int, seconds: float) -> None:
    """Sign in again and again for so many seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        _sign_in(ours, number)


def _sign_in(ours: Server, number: int) -> None:
    with connected(ours.port) as connection:
        body = urlencode({"user": f"user{number}", "password": PASSWORD})
        connection.request("POST", "/login", body, _FORM)
        answer = connection.getresponse()
        answer.read()
    if answer.status != 302:
        raise Failed(f"/login: {answer.status} {answer.reason}")


def _slowest(ours: Server, seconds: float) -> float:
    """The 99th percentile of the seconds that `/hello` takes."""
    end = time.perf_counter() + seconds
    return slowest(ours.port, "/hello", lambda: time.perf_counter() < end)
