"""Servers under measure: gunicorn with the project's own settings, one worker, each in a process of its own."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from bench.load import Failed

REPO = Path(__file__).parent.parent
FLOOR = "bench.floor:app"
DEADLINE = 30.0
"""Seconds in which a server has to start, to answer, and to stop."""

_CPU_CLOCK = 2
"""Linux numbers the clock of a process as ~pid << 3 | 2, see clock_getcpuclockid(3): /proc has only ticks of 10 ms."""


class Server:
    """A WSGI app served by gunicorn, ready once `path` answers 200; `with` ends it.

    The site's request log goes to /dev/null. Raises Failed, with what the server said, if it does not start.
    """

    def __init__(self, path: str, app: str = "wsgi:app", env: Mapping[str, str] | None = None):
        self.port = _free_port()
        self._said = tempfile.TemporaryFile("a+b")
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", app, f"--bind=127.0.0.1:{self.port}"],
            cwd=REPO,
            env={**_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )
        try:
            self._wait(path)
            self.startup = time.perf_counter() - started
            self.worker = self._worker()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str) -> bytes:
        """The body of a 200. Raises Failed for other answers, OSError if nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise Failed(f"{path}: {answer.status} {answer.reason}\n{self.said()}")
        return body

    def cpu(self) -> float:
        """Seconds of processor time that the worker has used, in the kernel too."""
        return time.clock_gettime(~self.worker << 3 | _CPU_CLOCK)

    def memory(self) -> float:
        """MB of the worker in memory."""
        return self._status("VmRSS")

    def peak_memory(self) -> float:
        """MB that the worker has had in memory at most, since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin to look for the peak anew."""
        Path(f"/proc/{self.worker}/clear_refs").write_text("5")

    def said(self) -> str:
        """What the server has written to stderr."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        """End the server and its worker at once: nobody waits for them, and they have nothing to save."""
        with contextlib.suppress(ProcessLookupError):  # it could not start
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE)
        self._said.close()

    def _wait(self, path: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.get(path)
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)
        raise Failed(f"the server did not start:\n{self.said()}")

    def _worker(self) -> int:
        master = self._process.pid
        return int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.worker}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def one_processor(*servers: Server) -> Iterator[None]:
    """Keep this process and the servers' workers on one processor.

    On loopback a sender is billed for waking a receiver that waits on another processor, from nothing to 4 ms for 10 MB
    as the scheduler likes, where sending them takes 0.5.
    """
    everywhere = os.sched_getaffinity(0)
    processes = [0, *(server.worker for server in servers)]
    try:
        for process in processes:
            os.sched_setaffinity(process, {min(everywhere)})
        yield
    finally:
        for process in processes:
            os.sched_setaffinity(process, everywhere)


def site(folder: Path, yaml: str) -> dict[str, str]:
    """Write a site's YAML into its folder; the environment that serves it."""
    file = folder / "skerry.yaml"
    file.write_text(yaml)
    return {"SKERRY_CONFIG": str(file)}


def _environment() -> dict[str, str]:
    """Ours without what would change a server."""
    ours = ("SKERRY_", "GUNICORN_", "FLASK_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "PORT"}
    return {**kept, "WEB_CONCURRENCY": "1"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
