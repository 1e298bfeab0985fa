"""What it costs to know who is signed in, and that a mount which does not ask pays nothing for it."""

import contextlib
import http.client
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.load import Failed
from bench.measure import Effort, Figure, Target, at_most, compare
from bench.server import Server, site

SITE = """
url:
  hello: {pattern: /hello, handler: Function, kwargs: {function: str("hello")}}
  who: {pattern: /who, handler: Function, kwargs: {function: str(handler.current_user.id)}}
  login: {pattern: /login, handler: Function, kwargs: {function: bench_people.login()}}
"""
CODE = """
from app.session import sign_in


def login():
    return sign_in({"id": "hello", "email": "ann@example.org", "role": ["editor", "analyst"], "team": {"name": "x"}})
"""


def figures(effort: Effort) -> Iterator[Figure]:
    """Processor time to read the user from a session in SQLite; that of the cookie where nobody asks for it."""
    with tempfile.TemporaryDirectory() as folder, Server("/hello", env=_site(Path(folder))) as ours:
        cookie = _signed_in(ours)
        found = compare(Target(ours, ["/hello"], cookie), Target(ours, ["/who"], cookie), effort)
        more = median(after.cpu - before.cpu for before, after in zip(found.floor, found.ours, strict=True)) * 1e6
        yield at_most("CPU of a signed-in session read", more, 60, found.note, " µs")
        found = compare(Target(ours, ["/hello"]), Target(ours, ["/hello"], cookie), effort)
        yield at_most("session that nobody asks for, CPU of none", found.cpu, 1.1, found.note)


def _site(folder: Path) -> dict[str, str]:
    (folder / "bench_people.py").write_text(CODE)
    return site(folder, SITE)


def _signed_in(server: Server) -> str:
    """The cookie of somebody who has signed in."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", "/login")
        answer = connection.getresponse()
        answer.read()
    if answer.status != 200:
        raise Failed(f"/login: {answer.status}\n{server.said()}")
    return str(answer.headers["Set-Cookie"]).partition(";")[0]
