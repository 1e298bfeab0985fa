"""A function mount against a bare Flask view, and what typed, streaming and long functions cost."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.load import Failed, connected, slowest
from bench.measure import Effort, Figure, Target, at_least, at_most, compare
from bench.server import FLOOR, Server, site

SITE = """
url:
  hello:
    pattern: /hello
    handler: Function
    kwargs: {function: str("hello")}
  typed: {pattern: /typed, handler: Function, kwargs: {function: bench_own.typed}}
  chunks: {pattern: /chunks, handler: Function, kwargs: {function: bench_own.chunks}}
  c: {pattern: /c, handler: Function, kwargs: {function: bench_own.in_c, offload: true}}
  python: {pattern: /python, handler: Function, kwargs: {function: bench_own.in_python, offload: true}}
"""
CODE = '''
import hashlib
import time


def typed(x: int, y: float, z: bool = False):
    return "hello"


def chunks(handler):
    for _ in range(10_000):
        yield b"x" * 1000


def in_c(handler):
    """One call that takes about a second without needing the interpreter."""
    started = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 200_000)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", int(200_000 / (time.perf_counter() - started)))
    return "done"


def in_python(handler):
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        sum(range(1000))
    return "done"
'''
STREAM = 10_000_000
"""Bytes that `chunks` sends."""


def figures(effort: Effort) -> Iterator[Figure]:
    """The share of a bare view's speed that a mount keeps, request log and all; what more than that costs."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Server("/hello", FLOOR) as floor,
        Server("/hello", env=_site(Path(folder))) as ours,
    ):
        found = compare(Target(floor, ["/hello"]), Target(ours, ["/hello"]), effort)
        yield at_least('function: str("hello"), of the floor', found.capacity, 0.75, found.note)
        yield _typed(ours, effort)
        yield from _stream(ours, effort)
        for path, name in (("/c", "C"), ("/python", "Python")):
            yield _delay(ours, path, f"1 s in {name} with offload: more p99 of others")


def _site(folder: Path) -> dict[str, str]:
    (folder / "bench_own.py").write_text(CODE)
    return site(folder, SITE)


def _typed(ours: Server, effort: Effort) -> Figure:
    plain, typed = Target(ours, ["/hello"]), Target(ours, ["/typed?x=1&y=2.5&z=yes"])
    found = compare(plain, typed, effort)
    more = median(after.cpu - before.cpu for before, after in zip(found.floor, found.ours, strict=True)) * 1e6
    return at_most("CPU of three typed arguments", more, 60, found.note, " µs")


def _stream(ours: Server, effort: Effort) -> Iterator[Figure]:
    _first_byte(ours)
    ours.forget_peak()
    before = ours.memory()
    first = median(_first_byte(ours) for _ in range(effort.downloads))
    more = ours.peak_memory() - before
    yield at_most("generator of 10,000 chunks, first byte", first * 1000, 5, f"of {effort.downloads} downloads", " ms")
    yield at_most("generator of 10,000 chunks, memory", more, 5, f"{STREAM / 1e6:.0f} MB sent each time", " MB")


def _first_byte(ours: Server) -> float:
    """Seconds to the first byte of a stream, which is then read to its end."""
    with connected(ours.port) as connection:
        started = time.perf_counter()
        connection.request("GET", "/chunks")
        answer = connection.getresponse()
        size = len(answer.read(1))
        first = time.perf_counter() - started
        size += len(answer.read())
    if size != STREAM:
        raise Failed(f"/chunks: {size} bytes instead of {STREAM}")
    return first


def _delay(ours: Server, path: str, name: str) -> Figure:
    """How much later the slowest hundredth of other requests is answered while a function computes."""
    alone = _slowest(ours, threading.Thread(target=time.sleep, args=(1,)))
    beside = _slowest(ours, threading.Thread(target=ours.get, args=(path,)))
    note = f"p99 {beside * 1000:.1f} ms, {alone * 1000:.1f} ms without"
    return at_most(name, (beside - alone) * 1000, 50, note, " ms")


def _slowest(ours: Server, meanwhile: threading.Thread) -> float:
    """The 99th percentile of the seconds that `/hello` takes while a thread runs."""
    meanwhile.start()
    return slowest(ours.port, "/hello", meanwhile.is_alive)
