"""Charts as pictures: each is drawn in a process that the worker keeps for that, one after the other (`painter.py`)."""

import atexit
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from os import environ
from pathlib import Path
from typing import IO, Any

from app.tables.source import TooLong

SECONDS = 30.0
"""How long a picture may take, with the wait for those before it."""

_SCRIPT = Path(__file__).with_name("painter.py")
_LENGTH = 8


def job(painter: str, **arguments: Any) -> bytes:
    """A job for the painter of that name, one of the functions there."""
    return pickle.dumps({"painter": painter, **arguments})


def drawn(painter: str, **arguments: Any) -> bytes:
    """What a painter makes of its arguments. Raises ValueError with its reason, and TooLong."""
    return _painter().draw(job(painter, **arguments))


class _Gone(Exception):
    """The process has ended."""


class Painter:
    """The process, started when it is needed. Its methods may be called from any thread or greenlet."""

    def __init__(self, seconds: float = SECONDS):
        self._seconds = seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, job: bytes) -> bytes:
        """The answer to a job. Raises ValueError, TooLong."""
        if not self._turn.acquire(timeout=self._seconds):
            raise TooLong(f"other charts took longer than {self._seconds:g} s")
        try:
            answer = self._answer(job)
        finally:
            self._turn.release()
        if answer[:1] != b"+":
            raise ValueError(f"the chart cannot be drawn: {answer[1:].decode()}")
        return answer[1:]

    def _answer(self, job: bytes) -> bytes:
        """As the process ends by itself when it is idle, it may do so just now: then another one is asked."""
        with suppress(_Gone):
            return self._asked(job)
        try:
            return self._asked(job)
        except _Gone:
            raise ValueError("the chart cannot be drawn: its process ended") from None

    def _asked(self, job: bytes) -> bytes:
        process, late = self._started(), threading.Event()
        timer = threading.Timer(self._seconds, _stop, (process, late))
        timer.start()
        try:
            return _exchanged(process, job)
        except BaseException as error:
            self.stop()
            if late.is_set():
                raise TooLong(f"the chart took longer than {self._seconds:g} s") from error
            raise
        finally:
            timer.cancel()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.stop()
            command = [sys.executable, "-I", str(_SCRIPT)]
            zone = {**environ, "TZ": "UTC"}  # dates without a zone are drawn as the day they are
            pipe = subprocess.PIPE
            # In a session of its own Ctrl-C does not interrupt it: it ends when its input does.
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=zone, start_new_session=True)
        return self._process

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not taken any more
                    _open(pipe).close()


def _stop(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _exchanged(process: "subprocess.Popen[bytes]", job: bytes) -> bytes:
    try:
        pipe = _open(process.stdin)
        pipe.write(len(job).to_bytes(_LENGTH) + job)
        pipe.flush()
    except BrokenPipeError:
        raise _Gone from None
    length = _read(process, _LENGTH)
    return _read(process, int.from_bytes(length))


def _read(process: "subprocess.Popen[bytes]", count: int) -> bytes:
    found = _open(process.stdout).read(count)
    if len(found) < count:
        raise _Gone
    return found


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # as both are asked for
    return pipe


@cache
def _painter() -> Painter:
    painter = Painter()
    atexit.register(painter.stop)
    return painter
