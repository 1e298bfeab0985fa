"""A site that has been reloaded against one that has not."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load import Failed
from bench.measure import Effort, Figure, Target, at_most, compare
from bench.server import DEADLINE, Server
from bench.sites import paths, write

MOUNTS = 50


def figures(effort: Effort) -> Iterator[Figure]:
    """Processor time of a request after reloads, and the memory that they leave behind."""
    with tempfile.TemporaryDirectory() as floor_folder, tempfile.TemporaryDirectory() as folder:
        original = _write(Path(floor_folder), 0)
        with Server("/version", env=original) as floor, Server("/version", env=_write(Path(folder), 0)) as ours:
            targets = Target(floor, paths()), Target(ours, paths())
            before = compare(*targets, effort)
            memory = ours.memory()
            for version in range(1, effort.reloads + 1):
                _reload(ours, Path(folder), version)
            after = compare(*targets, effort)
            name, note = f"{effort.reloads} reloads", f"{after.note}; {before.cpu:.2f} before"
            yield at_most(f"{name}, CPU of a request, of one never reloaded", after.cpu, 1.1, note)
            yield at_most(f"{name}, memory added", ours.memory() - memory, 10, f"{memory:.0f} MB before", " MB")


def _write(folder: Path, version: int) -> dict[str, str]:
    entry = f"  version: {{pattern: /version, handler: Function, kwargs: {{function: str({version})}}}}\n"
    return write(folder, MOUNTS, entry)


def _reload(server: Server, folder: Path, version: int) -> None:
    """Change the site, and wait until it serves the change."""
    _write(folder, version)
    deadline = time.monotonic() + DEADLINE
    while server.get("/version") != str(version).encode():
        if time.monotonic() > deadline:
            raise Failed(f"not reloaded in {DEADLINE:.0f} seconds:\n{server.said()}")
        time.sleep(0.02)
