"""Files, small and large, against a bare Flask view and against Flask's `send_file`."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.measure import Comparison, Effort, Figure, Target, at_least, at_most, compare, compare_by
from bench.server import FLOOR, Server, one_processor, site

SITE = """
url:
  files:
    pattern: /files/(.*)
    handler: FileHandler
    kwargs: {path: files}
"""
MB = 1024 * 1024
HUGE = 100 * MB


def figures(effort: Effort) -> Iterator[Figure]:
    """Speed of small files, processor time of large ones, memory of many at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "files").mkdir()
        for size, file in ((1024, "small"), (10 * MB, "large"), (HUGE, "huge")):
            _write(folder / "files" / f"{file}.bin", size)
        floor_env = {"FLOOR_FILE": str(folder / "files" / "large.bin")}
        with Server("/hello", FLOOR, floor_env) as floor, Server("/files/small.bin", env=site(folder, SITE)) as ours:
            yield _small(floor, ours, effort)
            yield _large(floor, ours, effort)
            yield _many(ours, effort)


def _write(file: Path, size: int) -> None:
    """Real bytes, a block at a time: the kernel sends holes of a sparse file from one page that it has at hand."""
    with file.open("wb") as out:
        for start in range(0, size, MB):
            out.write(os.urandom(min(MB, size - start)))


def _small(floor: Server, ours: Server, effort: Effort) -> Figure:
    found = compare(Target(floor, ["/hello"]), Target(ours, ["/files/small.bin"]), effort)
    return at_least("1 KB file, of the floor", found.capacity, 0.6, found.note)


def _large(floor: Server, ours: Server, effort: Effort) -> Figure:
    def compared(connections: int) -> Comparison:
        def download(target: Target) -> load.Load:
            return load.counted(target.server.port, target.paths[0], effort.downloads, connections)

        return compare_by(download, Target(floor, ["/file"]), Target(ours, ["/files/large.bin"]), effort)

    with one_processor(floor, ours):
        found, lone = compared(load.CONNECTIONS), compared(1)
    name = f"10 MB file, {load.CONNECTIONS} at once, CPU of send_file's"
    return at_most(name, found.cpu, 0.35, f"{found.note}; {lone.cpu:.2f} one at a time")


def _many(server: Server, effort: Effort) -> Figure:
    load.counted(server.port, "/files/huge.bin", 1)
    server.forget_peak()
    before = server.memory()
    done = load.counted(server.port, "/files/huge.bin", effort.parallel, effort.parallel)
    if done.bytes != effort.parallel * HUGE:
        raise load.Failed(f"{effort.parallel} downloads of {HUGE:,} bytes gave {done.bytes:,}")
    note = f"{before:.0f} MB before; all complete in {done.seconds:.1f} s, {done.bytes / done.seconds / MB:,.0f} MB/s"
    name = f"{effort.parallel} downloads of 100 MB at once, memory added"
    return at_most(name, server.peak_memory() - before, 30, note, " MB")
