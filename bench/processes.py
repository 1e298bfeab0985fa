"""The output of a command, to a client that reads all of it."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.load import PATIENCE, Failed
from bench.measure import Effort, Figure, at_least, at_most
from bench.server import Server, site

SITE = """
url:
  ready: {pattern: /ready, handler: Command, kwargs: {args: ["true"]}}
  zeros: {pattern: /zeros, handler: Command, kwargs: {args: [head, -c, "{size}", /dev/zero]}}
"""
SIZE = 1_000_000_000
QUICK = 50_000_000


def figures(effort: Effort) -> Iterator[Figure]:
    """MB in a second, and by how much the worker's memory grows beyond what it was before."""
    size = SIZE if effort.rounds > 1 else QUICK
    with tempfile.TemporaryDirectory() as folder, Server("/ready", env=site(Path(folder), SITE)) as server:
        before = server.memory()
        server.forget_peak()
        rates = [_rate(server, size) for _ in range(effort.rounds)]
        grown = server.peak_memory() - before
    note = f"{size / 1e6:,.0f} MB in {size / 1e6 / median(rates):.2f} s"
    yield at_least("output of a command, of 300 MB/s", median(rates) / 300, 1, note)
    yield at_most("memory for it", grown, 20, f"{before:.0f} MB before", " MB")


def _rate(server: Server, size: int) -> float:
    """MB in a second from the request to the last byte. Raises Failed where some of them are missing."""
    buffer, got = bytearray(256 * 1024), 0
    started = time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", server.port), PATIENCE)) as client:
        client.sendall(f"GET /zeros?size={size} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        while count := client.recv_into(buffer):
            got += count
    if got < size:
        raise Failed(f"{got:,} of {size:,} bytes came\n{server.said()}")
    return got / 1e6 / (time.perf_counter() - started)
