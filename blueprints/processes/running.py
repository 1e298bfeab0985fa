"""One run of a command: started in a process group of its own, read as it prints, ended with all that it started."""

import errno
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app import offload

from .keeper import end_group, keeper
from .outputs import Outputs
from .settings import Settings

LOOK = 1.0
"""Seconds between two looks at whether the client is still there."""

STALLED = 5.0
"""Seconds that a client has to take what was sent, once the command has been ended for its time."""

_CHUNK = 8 * 1024
"""Bytes of the body passed on at once: gunicorn waits until so many are there."""


class Cut(Exception):
    """The run was ended before the command had; the text says why."""


class TimedOut(Cut):
    """It took too long."""


class ClientLeft(Cut):
    """Nobody waits for the output any more."""


@dataclass(frozen=True)
class Job:
    """What to run: the settings, with the request's values filled in."""

    args: str | Sequence[str]
    cwd: Path
    settings: Settings
    body: IO[bytes] | None = None
    """The request's body, where that is the input."""
    length: int | None = None
    """Of the body, if it is known."""


class Run:
    """A command that runs. Iterate over it for its output; `close` ends it, whatever it does.

    Raises the OSError of starting it, or of opening a file for its output. Iteration raises `Cut`.
    """

    def __init__(self, job: Job, client: Any = None):
        self._settings, self._client = job.settings, client
        self._outputs = Outputs(job.settings.stdout, job.settings.stderr, job.settings.buffer)
        self.cut: Cut | None = None
        """Why the run was ended from elsewhere."""
        self._printed = 0
        self._pidfd = -1
        self._lock, self._closed = threading.Lock(), threading.Event()
        try:
            self._process = _started(job, self._outputs)
        except BaseException:
            self._outputs.close()
            raise
        self._outputs.started()
        with suppress(ProcessLookupError):  # it has ended already
            self._pidfd = os.pidfd_open(self._process.pid)
        self._timer = self._watched(job.settings.timeout)
        self._feeder = self._fed(job)

    @property
    def status(self) -> int | None:
        """The exit status once the command has ended; of one that died by a signal 128 + its number, as in shells."""
        code = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    @property
    def outcome(self) -> str:
        """How the command ended, in words; empty for success."""
        code = self._process.returncode
        if not code:
            return ""
        return f"ended with status {code}" if code > 0 else f"was ended by {_signal_name(-code)}"

    def __iter__(self) -> Iterator[bytes]:
        """The output for the client as it comes, to the end of the command."""
        looked, ended = time.monotonic(), False
        while True:
            progress = False
            for data in self._read():
                progress = True
                if data:
                    yield data
            self._check()
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                self._look()
                if not ended and self._process.poll() is not None:
                    ended = True
                    end_group(self._process.pid)  # or what it left in the background could print for ever
            if progress:
                offload.pause()
            elif ended:
                break
            elif not (ended := self._process.poll() is not None):
                self._wait()
        yield from self._outputs.rest()
        self._finish_input()
        self._check()

    def _read(self) -> Iterator[bytes]:
        """What each output has now, perhaps nothing for the client; no item if nothing has come."""
        for reader in tuple(self._outputs.readers):
            data = reader.read()
            if data:
                self._count(len(data))
                yield reader.passed(data)
            elif data is not None:
                yield reader.rest()
                self._outputs.drop(reader)

    def _count(self, size: int) -> None:
        self._printed += size
        limit = self._settings.max_output
        if limit and self._printed > limit:
            raise Cut(f"the command printed more than max_output: {limit} bytes")

    def _check(self) -> None:
        if self.cut is not None:
            raise self.cut

    def _look(self) -> None:
        """Raise ClientLeft if the client has closed its side of the connection."""
        if self._client is not None and _closed(self._client):
            raise ClientLeft("the client left")

    def _wait(self) -> None:
        """Until there is output, or the command ends, or it is time to look at the client."""
        poll = select.poll()
        for fd in (self._pidfd, *(reader.fd for reader in self._outputs.readers)):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        poll.poll(LOOK * 1000)

    def _watched(self, timeout: float) -> threading.Timer | None:
        """A timer of its own ends the command: this thread may be waiting for a slow client."""
        if not timeout:
            return None
        timer = threading.Timer(timeout, self._time_out, [TimedOut(f"the command took longer than {timeout:g} s")])
        timer.daemon = True
        timer.start()
        return timer

    def _time_out(self, reason: TimedOut) -> None:
        self._stop(reason)
        if not self._closed.wait(STALLED) and self._client is not None:
            with suppress(OSError):  # it has gone by itself
                self._client.shutdown(socket.SHUT_RDWR)

    def _stop(self, reason: Cut) -> None:
        """End the command from elsewhere; the iteration raises the reason."""
        with self._lock:
            if self._closed.is_set():
                return
            self.cut = self.cut or reason
        end_group(self._process.pid)

    def _fed(self, job: Job) -> threading.Thread | None:
        """Pass the body on beside the reading, as a command may print while it reads."""
        if job.body is None:
            return None
        feeder = threading.Thread(target=self._feed, args=[job.body, job.length], daemon=True)
        feeder.start()
        return feeder

    def _feed(self, body: IO[bytes], length: int | None) -> None:
        assert self._process.stdin is not None  # a pipe, where there is a body
        try:
            for data in _arriving(body, length):
                if not _written(self._process.stdin, data):
                    break
        except Exception as error:  # any failure to read the body: the command must not take a part for the whole
            self._stop(ClientLeft(f"the body did not arrive: {error}"))
        finally:
            with suppress(OSError):
                self._process.stdin.close()

    def _finish_input(self) -> None:
        """The server must not look for the next request while the body is still being read."""
        if self._feeder is not None:
            self._feeder.join(LOOK * 10)
            if self._feeder.is_alive():
                raise ClientLeft("the command ended, and the client did not send the rest of the body")

    def close(self) -> None:
        """End the command and all that it has started, and free what the run holds."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
        end_group(self._process.pid)
        self._process.wait()
        keeper.forget(self._process.pid)
        self._outputs.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)


def _started(job: Job, outputs: Outputs) -> "subprocess.Popen[bytes]":
    settings = job.settings
    env = {**os.environ, **settings.env}
    given = _input(settings)
    try:
        return subprocess.Popen(
            job.args,
            shell=settings.shell,
            cwd=job.cwd,
            env={name: value for name, value in env.items() if value is not None},
            stdin=given,
            stdout=outputs.stdout,
            stderr=outputs.stderr,
            preexec_fn=keeper.ready().enter,
        )
    finally:
        if given >= 0:
            os.close(given)


def _input(settings: Settings) -> int:
    """What `Popen` takes as stdin."""
    given = settings.stdin
    if given is False:
        return subprocess.DEVNULL
    if given == "body":
        return subprocess.PIPE
    if given.file is not None:
        return os.open(given.file, os.O_RDONLY | os.O_CLOEXEC)
    fd = os.memfd_create("stdin")
    os.write(fd, (given.text or "").encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _arriving(body: IO[bytes], length: int | None) -> Iterator[bytes]:
    """The body in pieces; gunicorn does not say by itself that there is less of it than announced."""
    got = 0
    while data := body.read(_CHUNK):
        got += len(data)
        yield data
    if length is not None and got < length:
        raise ConnectionResetError(errno.ECONNRESET, f"{got} of {length} bytes came")


def _written(stdin: IO[bytes], data: bytes) -> bool:
    """Pass data to a command; false if it does not read on, or has ended."""
    try:
        stdin.write(data)
        stdin.flush()
    except (BrokenPipeError, ValueError):  # the latter where it is closed
        return False
    return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _closed(client: Any) -> bool:
    """Whether the other side of a socket has closed it. The kernel knows, beneath TLS and whatever waits to be read."""
    poll = _kernel_poll()
    poll.register(client.fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


def _kernel_poll() -> Any:
    """gevent's own knows only of reading and writing; one that does not wait holds nobody up."""
    if not offload.cooperative():
        return select.poll()
    from gevent.monkey import get_original

    return get_original("select", "poll")()
