"""Calling a function: which one the YAML names, where it runs, and for how long."""

import ast
import builtins
import concurrent.futures
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial, reduce
from time import monotonic
from typing import Any

from app import compat, offload, signatures
from app.handler import Handler
from app.modules import ExpressionError, imported, root
from blueprints.functions.settings import Settings

SLICE = 0.001
"""Seconds that a thread computes in Python while others want to."""

_PLAIN = frozenset({str, bytes, dict, list, tuple, int, float, bool, type(None)})
_END: Any = object()


class Function:
    """The function of a mount; called with a handler, it gives the result, awaited where there is something to await.

    `signature` is that of a typed function. Raises ValueError for a form of what is no function.
    """

    def __init__(self, settings: Settings):
        self._offloaded, self.timeout = settings.offload, settings.timeout
        if settings.offload:  # others wait as long for the interpreter at every turn: 1.6 ms instead of 5.7 a request
            sys.setswitchinterval(min(sys.getswitchinterval(), SLICE))
        function, is_name = named(settings.function, settings.names)
        typed = signatures.typed(function) if function and (is_name or isinstance(function, signatures.Typed)) else None
        if settings.form and typed is None:
            if function is None:
                raise ValueError("form: needs `function:` to be the name of a function")
            typed = signatures.Typed(function)
        self.signature = typed.signature if typed else None
        self._call: Callable[..., Any] = partial(_call_typed, typed, settings) if typed and is_name else settings
        if hasattr(function, "__tornado_coroutine__"):
            from app import coroutines

            self._call = partial(coroutines.on_loop, self._call)

    def __call__(self, handler: Handler, clock: "Clock") -> Any:
        """The result. What the function raises propagates; `offload.Deadline` when the time is up."""
        try:
            if self._offloaded or self.timeout is not None:
                result = self._step(clock, self._call, handler=handler)
            else:
                result = self._call(handler=handler)
            return result if type(result) in _PLAIN else awaited(result, clock)
        except Exception as error:  # what existing sites raise to refuse a request, from a coroutine too
            _raise_refusal(error)
            raise

    def each(self, results: Iterator[Any], clock: "Clock") -> Iterator[Any]:
        """The results of a generator, each awaited."""
        while True:
            try:
                result = awaited(self._step(clock, next, results, _END), clock)
            except Exception as error:
                _raise_refusal(error)
                raise
            if result is _END:
                return
            yield result

    def _step(self, clock: "Clock", call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._offloaded:
            return offload.run(call, *args, deadline=clock.left(), **kwargs)
        with limited(clock.left()):
            return call(*args, **kwargs)


def _raise_refusal(error: Exception) -> None:
    """Raise what the site's pages know in place of another system's way to refuse a request."""
    refusal = compat.as_refusal(error)
    if refusal is not None:
        raise refusal from error


class Clock:
    """What is left of the time that a request may take."""

    def __init__(self, seconds: float | None):
        self._end = None if seconds is None else monotonic() + seconds

    def left(self) -> float | None:
        """Seconds, more than none; None where there is no limit."""
        return None if self._end is None else max(0.001, self._end - monotonic())


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise `offload.Deadline` where gevent gets a turn and the time is up; without gevent nobody watches the clock."""
    if seconds is None or not offload.cooperative():
        yield
        return
    import gevent

    timer = gevent.Timeout(seconds)
    timer.start()
    try:
        yield
    except gevent.Timeout as raised:
        if raised is not timer:
            raise
        raise offload.Deadline("the time is up") from None
    finally:
        timer.close()


def awaited(result: Any, clock: Clock) -> Any:
    """The result, or what a coroutine or a future comes to. An async generator becomes one that is not."""
    if isinstance(result, concurrent.futures.Future):
        return _settled(result, clock)
    if isinstance(result, AsyncIterator):
        from app import coroutines

        return coroutines.iterate(result, clock.left)
    if inspect.isawaitable(result):
        from app import coroutines

        return coroutines.run(result, clock.left())
    return result


def _settled(future: "concurrent.futures.Future[Any]", clock: Clock) -> Any:
    try:
        return future.result(clock.left())
    except TimeoutError:
        if future.done():  # the function's own
            raise
        raise offload.Deadline("the time is up") from None


def _call_typed(typed: signatures.Typed, settings: Settings, handler: Handler) -> Any:
    """The YAML's `args` and `kwargs` are what a request overrides; the handler is given in any case."""
    args = settings.args if isinstance(settings.args, list | tuple) else filter(None, [settings.args])
    named = {name: _text(value) for name, value in settings.kwargs.items() if value != "=handler"}
    return typed(handler, *(_text(arg) for arg in args if arg != "=handler"), **named)


def _text(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and value.startswith("==") else value


def named(text: Any, variables: tuple[str, ...]) -> tuple[Callable[..., Any] | None, bool]:
    """The function that an expression names or calls, and whether it is nothing but the name."""
    if not isinstance(text, str):
        return None, False
    body = ast.parse(text.strip(), mode="eval").body
    is_name = not isinstance(body, ast.Call)
    node = body.func if isinstance(body, ast.Call) else body
    first = root(node)
    if first is None or first in variables or hasattr(builtins, first):
        return None, is_name
    dotted = ast.unparse(node).split(".")
    try:
        found = reduce(getattr, dotted[1:], imported(dotted, variables))
    except (ExpressionError, AttributeError):  # a name that only expressions know
        return None, is_name
    return (found if callable(found) else None), is_name
