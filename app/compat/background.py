"""Work beside the request, for what existing sites start and wait for: processes, and functions in a thread pool.

Under gevent all of it begins on the main thread's hub, as a coroutine runs in a thread that has none of its own.
"""

import asyncio
import concurrent.futures
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from contextvars import Context
from functools import cache, partial
from typing import Any, TypeVar

from app import offload
from app.compat import hub

T = TypeVar("T")


class Future(concurrent.futures.Future[T]):
    """A result to come: coroutines await it, Tornado's generators yield it, plain code calls `result()`."""

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self).__await__()


def start(work: Callable[[], T]) -> Future[T]:
    """Begin to do it, beside what the caller does, and without the caller's context."""
    future: Future[T] = Future()
    _spawn(partial(_settle, future, work))
    return future


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(Context().run(work))
    except BaseException as error:  # raised again where the result is asked for
        future.set_exception(error)


def _spawn(run: Callable[[], None]) -> None:
    if not offload.cooperative():
        threading.Thread(target=run, daemon=True).start()
        return
    import gevent

    hub.main().loop.run_callback_threadsafe(gevent.spawn, run)


class ThreadPool(concurrent.futures.Executor):
    """`info.threadpool`: calls functions in threads, at most `offload.LIMIT` at once."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Begin to call the function, which sees no `flask.request`; what it raises is raised by `result()`."""
        call = partial(fn, *args, **kwargs)
        if offload.cooperative():
            return start(partial(offload.run, call))
        future: Future[T] = Future()
        _threads().submit(_settle, future, call)
        return future


@cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(offload.LIMIT)


class Subprocess:
    """A process that runs beside the request; `options` are those of Python's `subprocess.Popen`.

    ::

        stdout, stderr = await gramex.cache.Subprocess(["git", "log"]).wait_for_exit()
    """

    def __init__(self, args: str | Sequence[str], **options: Any):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._ended = start(partial(_outputs, args, {**pipes, **options}))

    def wait_for_exit(self) -> Future[tuple[bytes, bytes]]:
        """All that it prints to stdout and stderr; nothing of one that goes elsewhere. Raises OSError of the start."""
        return self._ended


def _outputs(args: str | Sequence[str], options: dict[str, Any]) -> tuple[bytes, bytes]:
    with subprocess.Popen(args, **options) as process:
        stdout, stderr = process.communicate()
    return stdout or b"", stderr or b""
