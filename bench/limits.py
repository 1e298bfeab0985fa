"""What a limit costs, that mounts without one pay nothing for it, and that four workers together keep to it exactly."""

import contextlib
import http.client
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench.measure import Effort, Figure, Target, at_most, compare
from bench.server import Server, site

FREE = """
url:
  free: {pattern: /free, handler: Function, kwargs: {function: str("hello")}}
"""
LIMITED = """
  limited:
    pattern: /limited
    handler: Function
    kwargs: {function: str("hello"), ratelimit: {keys: [daily, ip], limit: 1_000_000_000}}
"""
EXACT = """
url:
  exact: {{pattern: /exact, handler: Function, kwargs: {{function: own.work, ratelimit: {{keys: ip, limit: {}}}}}}}
"""
CODE = """
import itertools

from flask import abort

numbers = itertools.count()


def work(handler):
    if next(numbers) % 4 == 0:
        abort(404)
    return "hello"
"""
WORKERS = 4
EACH = 200
"""Requests of each connection."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Processor time of a limited mount and of one beside it; how many pass beyond the limit, or are kept from it."""
    with (
        tempfile.TemporaryDirectory() as floor_folder,
        tempfile.TemporaryDirectory() as folder,
        Server("/free", env=site(Path(floor_folder), FREE)) as floor,
        Server("/free", env=site(Path(folder), FREE + LIMITED)) as ours,
    ):
        yield _limit(ours, effort)
        found = compare(Target(floor, ["/free"]), Target(ours, ["/free"]), effort)
        yield at_most("mount beside a limited one, CPU of that without", found.cpu, 1.1, found.note)
    with tempfile.TemporaryDirectory() as folder:
        yield _exact(Path(folder), effort)


def _limit(ours: Server, effort: Effort) -> Figure:
    found = compare(Target(ours, ["/free"]), Target(ours, ["/limited"]), effort)
    more = median(after.cpu - before.cpu for before, after in zip(found.floor, found.ours, strict=True)) * 1e6
    return at_most("CPU of a limit by day and address", more, 120, found.note, " µs")


def _exact(folder: Path, effort: Effort) -> Figure:
    requests = effort.parallel * EACH
    limit = requests // 10
    (folder / "own.py").write_text(CODE)
    env = {**site(folder, EXACT.format(limit)), "WEB_CONCURRENCY": str(WORKERS)}
    with Server("/-/health", env=env) as server, ThreadPoolExecutor(effort.parallel) as connections:
        found = sum(connections.map(_statuses, [server.port] * effort.parallel), Counter[int]())
    note = f"{found[200]:,} of {limit:,} passed, {found[404]:,} failed, {found[429]:,} were refused"
    return at_most(f"{requests:,} requests to {WORKERS} workers, off the limit", abs(found[200] - limit), 0, note)


def _statuses(port: int) -> Counter[int]:
    """How often each status is answered over one connection."""
    found = Counter[int]()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for _ in range(EACH):
            connection.request("GET", "/exact")
            answer = connection.getresponse()
            answer.read()
            found[answer.status] += 1
    return found
