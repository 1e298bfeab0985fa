"""Runs the programs of `app.tables.files.converting`, each in a process of its own.

They are started by the functions of `posix`: where gevent has patched the process those of `os` and `subprocess` are
its own, and for its main thread, while files are read in others. Even its `os.close` waits there for ever.
"""

import json
import os
import posix
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.tables.files.copies import Damaged
from app.tables.limits import LIMITS

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from converting import main; del sys.path[0]; main(*sys.argv[2:])"
)


def run(program: str, source: Path, target: Path, options: Mapping[str, Any]) -> Any:
    """Let a program read one file and write another; what it returns. Raises `Damaged`."""
    limits = map(str, (LIMITS.memory + LIMITS.working, LIMITS.unpacked))
    said = _said([program, str(source), str(target), json.dumps(options), *limits])
    answer = json.loads(said or '{"error": "cannot be read: it needs too much memory or time"}')
    if "error" in answer:
        raise Damaged(answer["error"])
    return answer["columns"]


class _Pipe(NamedTuple):
    read: int
    write: int


def _said(arguments: Sequence[str]) -> bytes:
    """What the program prints until it ends."""
    pipe = _Pipe(*posix.pipe())
    try:
        command = [sys.executable, "-I", "-c", _START, str(Path(__file__).parent), *arguments]
        to = [(os.POSIX_SPAWN_DUP2, pipe.write, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        child = posix.posix_spawn(sys.executable, command, os.environ, file_actions=to)
    finally:
        posix.close(pipe.write)
    with open(pipe.read, "rb") as output:
        said = output.read()
    _reap(child)
    return said


def _reap(child: int) -> None:
    try:
        posix.waitpid(child, 0)
    except ChildProcessError:
        pass  # the server's own handler of ended processes was faster
