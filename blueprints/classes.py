"""Answer by a class of the site's own, derived from `BaseHandler` or from the class of a feature.

::

    url:
      hello:
        pattern: /hello/(.*)
        handler: greetings.Greeting    # the class Greeting in greetings.py, beside the YAML
        kwargs:
          greeting: hi                 # goes to Greeting.setup, with all other kwargs
          headers: {Cache-Control: no-store}

`setup` is called once, at start; for each request an instance is made, and `initialize`, `prepare` and the method of
the request's name are called, with the groups of the pattern. What they write is sent (reference: gramex.md §4, §29).
"""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, NoReturn, cast

from flask import Blueprint, Response, after_this_request, copy_current_request_context, current_app, request
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import HTTPException

from app import compat, coroutines, problems, settings
from app.guards import errors
from app.handler import OWN
from app.handler.base import BaseHandler, bound
from app.handler.classes import Done, FeatureHandler, Turn, find
from app.mounts import Mount

REDIRECTS = True
"""After success, `redirect:` applies."""


class Settings(settings.Settings):
    """What is in `kwargs` is the class's own."""


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint, for the methods that the class defines; that of the feature which it derives from."""
    handler = bound(find(mount.handler), mount)
    if issubclass(handler, FeatureHandler):
        return _of_feature(handler)
    methods = handler.implemented()
    if not methods:
        raise ValueError(f"{mount.handler} answers no method: define get, post ...")
    bp = mount.blueprint()
    mount.route(bp, ClassView(handler, mount), methods)
    return bp


def _of_feature(handler: type[FeatureHandler]) -> Blueprint:
    if not handler.is_set_up:
        raise ValueError(f"{handler.__name__}.setup should call super().setup(**kwargs)")
    mount = handler.mount
    known = {field.name: getattr(mount, field.name) for field in fields(Mount)}
    return cast(Blueprint, handler.feature().blueprint(Overridden(**known, handler_class=handler)))


@dataclass(frozen=True, eq=False)
class Overridden(Mount):
    """A mount whose feature answers through a class of the site's."""

    handler_class: type[FeatureHandler] = FeatureHandler

    def route(self, bp: Blueprint, view: Callable[..., Any], methods: Iterable[str]) -> None:
        """As Mount's, with the class around the feature's view, and for the methods that it defines itself too."""
        own = [method for method in self.handler_class.implemented() if self._defines(method)]
        super().route(bp, ClassView(self.handler_class, self, view), dict.fromkeys([*methods, *own]))

    def _defines(self, method: str) -> bool:
        return getattr(self.handler_class, method.lower()) is not FeatureHandler.of_feature


class ClassView:
    """Makes an instance for each request, and sends what it writes."""

    def __init__(self, handler: type[BaseHandler], mount: Mount, view: Callable[..., Any] | None = None):
        self.handler, self.mount, self.view = handler, mount, view
        self._finishes = handler.on_finish is not BaseHandler.on_finish
        self._has_page = handler.write_error is not BaseHandler.write_error
        pages = mount.guards.get("error")
        self._pages = pages.root if isinstance(pages, errors.Settings) else {}

    def __call__(self, /, **groups: Any) -> Response:
        """The answer of the class."""
        handler = self.handler(self.mount, groups)
        if isinstance(handler, FeatureHandler) and self.view:
            handler.view = self.view
            request.environ[OWN] = handler
        if self._finishes:
            _after_the_answer(handler.on_finish)
        try:
            self._run(handler)
        except SystemExit as error:  # of code made for the command line: gunicorn would leave the client waiting
            raise RuntimeError(f"{self.mount.handler} called sys.exit({error.code!r})") from error
        except Exception as error:
            if not _is_finish(error):
                self._fail(handler, error)
        return handler.response()

    def _run(self, handler: BaseHandler) -> None:
        handler.set_default_headers()
        handler.initialize(**handler.kwargs)
        _call(handler, handler.prepare)
        if not handler.finished:
            method = getattr(handler, request.method.lower())
            _call(handler, method, *handler.path_args, **handler.path_kwargs)

    def _fail(self, handler: BaseHandler, error: Exception) -> None:
        """Have the class write the page of a failure; raises it where that is left to the mount or the site."""
        failure = compat.as_refusal(error) or error
        status = failure.code if isinstance(failure, HTTPException) else 500
        handler.status = status  # what `on_finish` sees, whoever answers
        if not self._has_page or status is None or status in self._pages:
            _raise(failure, error)
        handler.start_over()
        handler.set_default_headers()
        handler.set_status(status)
        try:
            _call(handler, handler.write_error, status, exc_info=(type(error), error, error.__traceback__))
        except Exception as raised:
            _raise(failure if raised is error else raised, error)
        if isinstance(failure, HTTPException):
            problems.note(failure)
        else:
            current_app.log_exception(sys.exc_info())


def _is_finish(error: Exception) -> bool:
    """Whether it is Tornado's way to end a request with what has been written."""
    web = sys.modules.get("tornado.web")
    return web is not None and isinstance(error, web.Finish)


def _raise(failure: Exception, error: Exception) -> NoReturn:
    if failure is error:
        raise error
    raise failure from error


def _after_the_answer(call: Callable[[], None]) -> None:
    """Call it when the answer to this request has been sent, whoever has made that."""

    @copy_current_request_context
    def finish() -> None:
        try:
            call()
        except Exception:  # the answer is out: there is only the log to tell
            current_app.log_exception(sys.exc_info())

    @after_this_request
    def attach(response: Response) -> Response:
        response.call_on_close(finish)
        return response


def _call(handler: BaseHandler, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call one of the class's methods, to the end of its coroutine. A response that it returns is the answer.

    Other results of a coroutine are ignored, as Tornado does; a method that is none has to write, TypeError otherwise.
    """
    tornados = hasattr(method, "__tornado_coroutine__")
    result = coroutines.on_loop(method, *args, **kwargs) if tornados else method(*args, **kwargs)
    if isinstance(result, Done):
        return
    is_awaitable = inspect.isawaitable(result)
    if is_awaitable:
        result = _awaited(handler, result)
    if isinstance(result, BaseResponse):
        handler.take(current_app.make_response(result))
    elif result is not None and not is_awaitable:
        name = f"{type(handler).__name__}.{method.__name__}"
        raise TypeError(f"{name} returned a {type(result).__name__}: write it, or return a response")


def _awaited(handler: BaseHandler, awaitable: Awaitable[Any]) -> Any:
    """What it comes to; what it asks of the feature's view is done here, in the request's own greenlet."""
    if not isinstance(handler, FeatureHandler):
        return coroutines.run(awaitable)
    step: Any = None
    for step in coroutines.iterate(_turns(handler, awaitable)):
        if isinstance(step, Turn):
            step.run()
    return step.result()


async def _turns(handler: FeatureHandler, awaitable: Awaitable[Any]) -> "AsyncIterator[Turn | asyncio.Task[Any]]":
    """Each turn that a coroutine asks for, and last its task, which has ended."""

    async def run() -> Any:
        return await awaitable

    task = asyncio.create_task(run())
    try:
        while turn := await _next_turn(handler, task):
            yield turn
            turn.settle()
        yield task
    finally:
        task.cancel()


async def _next_turn(handler: FeatureHandler, task: "asyncio.Task[Any]") -> Turn | None:
    turn = asyncio.create_task(handler.turns.get())
    await asyncio.wait((task, turn), return_when=asyncio.FIRST_COMPLETED)
    if turn.done():
        return turn.result()
    turn.cancel()
    return None
