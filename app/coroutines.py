"""Run a site's coroutines to their end, beside requests that are plain functions.

asyncio and gevent cannot share a thread: each has a loop that must not be blocked by the other's. So the coroutines of
a worker run on one asyncio loop in a native thread of its own, and the greenlet or thread of the request waits::

    rows = coroutines.run(fetch(url), deadline=5)

The thread is started by the first coroutine. gevent has replaced what asyncio builds on (`select`, threads); the loop
gets the originals back, and host names are resolved on native threads.
"""

import _thread
import asyncio
import inspect
import selectors
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

from app import offload

T = TypeVar("T")

THREADS = 32
"""How many calls of `asyncio.to_thread` run at once."""

_END: Any = object()


def run(awaitable: Awaitable[T], deadline: float | None = None) -> T:
    """What a coroutine, or anything else that can be awaited, gives or raises; other requests go on meanwhile.

    It sees the caller's context variables, Flask's `request` among them. `deadline` is in seconds; when it passes, the
    coroutine is cancelled and `offload.Deadline` raised. It is cancelled too if the caller ends while it waits.
    """
    job = _Job(_awaited(awaitable))
    try:
        if not job.wait(deadline):
            raise offload.Deadline(f"the coroutine took longer than {deadline:g} s")
    finally:
        job.cancel()
    result: T = job.outcome()
    return result


def iterate(results: AsyncIterator[T], left: Callable[[], float | None] = lambda: None) -> Iterator[T]:
    """What an async generator yields, one by one; `left` says how long each step may take.

    Closing this closes it. Each step is a task of its own, so that a client who reads slowly slows it down.
    """
    try:
        while (result := run(_next(results), left())) is not _END:
            yield result
    finally:
        if inspect.isasyncgen(results):
            run(results.aclose())


async def on_loop(call: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    """Call on the loop what is otherwise called before it: Tornado's generators look for a running loop at once."""
    return await call(*args, **kwargs)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def _next(results: AsyncIterator[Any]) -> Any:
    return await anext(results, _END)


class _Job:
    """A coroutine on its way through the loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]):
        self._loop, self._context = _loop(), copy_context()
        self._task: asyncio.Task[Any] | None = None
        self._signal = _Signal()
        self._loop.call_soon_threadsafe(self._start, coroutine)

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._task = self._loop.create_task(coroutine, context=self._context)
        self._task.add_done_callback(lambda _: self._signal.send())

    def wait(self, seconds: float | None) -> bool:
        """Whether it ended within so many seconds."""
        return self._signal.wait(seconds)

    def cancel(self) -> None:
        """End it if it has not; nothing is left behind."""
        self._signal.close()
        if self._task is None or not self._task.done():
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def outcome(self) -> Any:
        assert self._task is not None  # it has ended, so it was started
        try:
            return self._task.result()
        except asyncio.CancelledError as error:  # a BaseException, which would pass all handlers of failures
            raise RuntimeError("the coroutine was cancelled") from error


class _Signal:
    """Wakes one waiting greenlet from another thread, or a thread where there is no gevent."""

    def __init__(self) -> None:
        self._event: Any = threading.Event()
        self._watcher: Any = None
        self._lock = offload.lock()
        if offload.cooperative():
            import gevent
            import gevent.event

            # What a hub offers to other threads. It is started before there is anything to signal, or that were lost.
            self._event, self._watcher = gevent.event.Event(), gevent.get_hub().loop.async_()
            self._watcher.start(self._event.set)

    def send(self) -> None:
        with self._lock:
            if self._watcher is not None:
                self._watcher.send()
            elif self._event is not None:
                self._event.set()

    def wait(self, seconds: float | None) -> bool:
        return bool(self._event.wait(seconds))

    def close(self) -> None:
        with self._lock:
            watcher, self._watcher, self._event = self._watcher, None, None
        if watcher is not None:
            watcher.stop()
            watcher.close()


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's loop with native threads: those of gevent would wait for a hub that has no turn here."""

    def __init__(self) -> None:
        super().__init__(offload.original("selectors", "DefaultSelector", selectors.DefaultSelector)())
        self._slots = asyncio.Semaphore(THREADS)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # unpacked types
        """As asyncio's; without an executor, on a thread of its own."""
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        return self.create_task(self._in_thread(partial(func, *args)))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        done: asyncio.Future[T] = self.create_future()

        def work() -> None:
            try:
                self.call_soon_threadsafe(_settle, done, call(), None)
            except BaseException as error:  # raised again where it is awaited
                self.call_soon_threadsafe(_settle, done, None, error)

        async with self._slots:
            _start_thread(work)
            return await done

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """As asyncio's, by the system's own call."""
        look_up = offload.original("socket", "getaddrinfo", socket.getaddrinfo)
        return await self.run_in_executor(None, partial(look_up, *args, **kwargs))


def _settle(future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


@cache
def _loop() -> _Loop:
    """The worker's loop, running in a thread of its own."""
    loop = _Loop()
    _start_thread(loop.run_forever)
    return loop


def _start_thread(fn: Callable[[], Any]) -> None:
    offload.original("_thread", "start_new_thread", _thread.start_new_thread)(fn, ())
