"""Load for a server on this machine: by wrk where it is installed, and by a small generator of our own.

wrk counts only how long it runs; our own also counts requests, and says how many bytes came.
"""

import http.client
import itertools
import json
import selectors
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 8
PATIENCE = 20.0
"""Seconds of silence after which a server is taken to hang."""

_SCRIPT = Path(__file__).with_name("paths.lua")
_WRK = shutil.which("wrk")
_BUFFER = bytearray(256 * 1024)


class Failed(Exception):
    """A server that did not answer as it should; there is nothing to measure then."""


class Load(NamedTuple):
    """What came back: answers, all of them 200, the time they took together, and the bytes of their bodies."""

    requests: int
    seconds: float
    bytes: int = 0


def generator() -> str:
    """Say who makes loads of a second and longer."""
    return "wrk" if _WRK else "our own generator, as there is no wrk (on Debian: apt-get install wrk)"


_numbers = itertools.count(time.time_ns() // 1000)


def new(path: str) -> str:
    """The path with another number each time in place of `{new}`, so that nobody can have kept the answer."""
    return path.replace("{new}", str(next(_numbers)))


def timed(port: int, paths: Sequence[str], seconds: float, cookie: str = "") -> Load:
    """Request the paths in turn for so many seconds, with a cookie if there is one. Raises Failed."""
    if _WRK and seconds >= 1:  # wrk counts whole ones
        return _by_wrk(_WRK, port, paths, seconds, cookie)
    end = time.perf_counter() + seconds
    return _by_us(port, paths, CONNECTIONS, lambda _: time.perf_counter() < end, cookie)


def counted(port: int, path: str, requests: int, connections: int = 1) -> Load:
    """Request a path so many times. Raises Failed."""
    return _by_us(port, [path], connections, lambda begun: begun < requests)


@contextmanager
def connected(port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection that is kept open."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        yield connection


def slowest(port: int, path: str, goes_on: Callable[[], bool]) -> float:
    """The 99th percentile of the seconds that a path takes, asked again and again as long as something goes on."""
    taken = []
    with connected(port) as connection:
        while goes_on():
            started = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            taken.append(time.perf_counter() - started)
    return sorted(taken)[int(len(taken) * 0.99)]


def _by_wrk(wrk: str, port: int, paths: Sequence[str], seconds: float, cookie: str) -> Load:
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"-s{_SCRIPT}"]
    options += ["-H", f"Cookie: {cookie}"] if cookie else []
    command = [wrk, *options, f"http://127.0.0.1:{port}", "--", *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE)
    if done.returncode:
        raise Failed(f"wrk: {done.stderr.strip()}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"] or not found["requests"]:
        raise Failed(f"{found['failed']} of {found['requests']} requests to {', '.join(paths)} failed")
    return Load(found["requests"], found["seconds"])


def _by_us(port: int, paths: Sequence[str], connections: int, another: Callable[[int], bool], cookie: str = "") -> Load:
    """Keep that many connections busy while `another(requests begun)` says so."""
    turns, begun, done, size = itertools.cycle(paths), 0, 0, 0
    started = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        idle = [_Client(port, cookie) for _ in range(connections)]
        for client in idle:
            selector.register(client.socket, selectors.EVENT_READ, client)
        while True:
            for client in idle:
                if another(begun):
                    client.send(new(next(turns)))
                    begun += 1
                else:
                    selector.unregister(client.socket)
                    client.socket.close()
            if not selector.get_map():
                return Load(done, time.perf_counter() - started, size)
            idle = [client for client in _readable(selector) if client.receive()]
            done, size = done + len(idle), size + sum(client.size for client in idle)


def _readable(selector: selectors.BaseSelector) -> Iterator["_Client"]:
    events = selector.select(PATIENCE)
    if not events:
        raise Failed(f"no answer for {PATIENCE:.0f} seconds")
    return (key.data for key, _ in events)


class _Client:
    """One keep-alive connection; knows as much HTTP as our servers' answers need."""

    def __init__(self, port: int, cookie: str):
        self._more = f"Cookie: {cookie}\r\n" if cookie else ""
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.size = self._left = 0
        self._path, self._head = "", b""

    def send(self, path: str) -> None:
        self._path, self._head = path, b""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._more}\r\n".encode())

    def receive(self) -> bool:
        """Take what has come; whether that was the end of the answer."""
        count = self.socket.recv_into(_BUFFER)
        if not count:
            raise Failed(f"{self._path}: the connection was closed before the answer had ended")
        if self._head.endswith(b"\r\n\r\n"):
            self._left -= count
        else:
            self._read_head(bytes(_BUFFER[:count]))
        return self._left == 0 and self._head.endswith(b"\r\n\r\n")

    def _read_head(self, data: bytes) -> None:
        head, end, body = (self._head + data).partition(b"\r\n\r\n")
        self._head = head + end
        if not end:
            return
        status, *fields = head.decode("latin-1").lower().split("\r\n")
        length = dict(field.split(": ", 1) for field in fields).get("content-length")
        if " 200 " not in status or length is None:
            raise Failed(f"{self._path}: {status}, Content-Length {length}")
        self.size = int(length)
        self._left = self.size - len(body)
