"""Run blocking C code without stopping the worker's other requests.

Under gevent one call into DuckDB, SQLite, argon2 or zlib that does not return to the hub stops every client of the
worker. `run` sends such a call to a thread of the hub's own pool and lets the other greenlets go on::

    rows = offload.run(connection.execute, sql, deadline=5)

gevent is imported only where it has already patched the process, so that `flask run` does not pay for it.
"""

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import cache, partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from gevent.lock import BoundedSemaphore

P = ParamSpec("P")
T = TypeVar("T")

LIMIT = 8  # gevent's pool has 10 threads; the two left over resolve host names, which must not wait for queries

_in_a_thread = ContextVar("_in_a_thread", default=False)


class Deadline(TimeoutError):
    """The call was given up. Its thread cannot be stopped: it ends on its own and keeps its slot until then."""


def cooperative() -> bool:
    """Whether gevent has patched this process, so that a blocking call would stop other greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def original(module: str, name: str, unpatched: Any) -> Any:
    """What a module had before gevent patched it; `unpatched` is what it has without gevent."""
    if not cooperative():
        return unpatched
    from gevent import monkey

    return monkey.get_original(module, name)


def lock() -> threading.Lock:
    """A lock that greenlets share with the threads of `run`. It is held for moments: nothing within may wait.

    One of gevent's loses a wake-up now and then if a thread lets it go while a greenlet waits for it.
    """
    made: threading.Lock = original("_thread", "allocate_lock", threading.Lock)()
    return made


def in_thread() -> bool:
    """Whether this is one of the threads of `run`, whose waiting stops nobody."""
    return _in_a_thread.get()


def pause() -> None:
    """Let the worker's other greenlets have their turn in the midst of long work in Python; elsewhere, nothing."""
    if cooperative():
        sleep(0)


def run(fn: Callable[..., T], /, *args: object, deadline: float | None = None, **kwargs: object) -> T:
    """Return `fn(*args, **kwargs)`, off the hub under gevent and directly elsewhere.

    At most `LIMIT` calls of a worker run at once, further ones wait their turn without blocking the hub. `fn` sees the
    caller's context variables, Flask's `request` and `current_app` among them; what it raises is raised here with its
    traceback. A call made from inside `fn` runs in the same thread.

    `deadline` is in seconds and includes the wait for a turn; `Deadline` is raised when it passes. Without gevent there
    is nobody to watch the clock and it is not enforced. Give the call a limit of its own too (an interrupt, a progress
    handler), because the thread goes on.
    """
    call = partial(fn, *args, **kwargs)
    if _in_a_thread.get() or not cooperative():
        return call()
    return _run_in_pool(call, deadline)


def _run_in_pool(call: Callable[[], T], deadline: float | None) -> T:
    import gevent

    slots = _slots()
    started = monotonic()
    if not slots.acquire(timeout=deadline):
        raise Deadline(f"no thread was free within {deadline} s")
    try:
        job = gevent.get_hub().threadpool.spawn(copy_context().run, _Outcome, call)
    except BaseException:
        slots.release()
        raise
    job.rawlink(lambda _: slots.release())  # when the thread ends, which may be long after the caller has given up
    outcome = job.get() if deadline is None else job.wait(max(0.0, deadline - (monotonic() - started)))
    if outcome is None:
        raise Deadline(f"the call took longer than {deadline} s")
    return outcome.unwrap()  # type: ignore[no-any-return]  # gevent has no type hints


class _Outcome:
    """What a call gave: made in the thread, opened by the caller.

    An exception is carried as a value because gevent prints those that leave a pool thread, handled or not.
    """

    def __init__(self, call: Callable[[], object]):
        _in_a_thread.set(True)
        self.error: BaseException | None = None
        try:
            self.value = call()
        except BaseException as error:
            self.error = error

    def unwrap(self) -> object:
        if self.error is None:
            return self.value
        try:
            raise self.error
        finally:
            self.error = None  # the traceback holds this frame: break the cycle


@cache
def _slots() -> "BoundedSemaphore":
    from gevent.lock import BoundedSemaphore

    return BoundedSemaphore(LIMIT)
