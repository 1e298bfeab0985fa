"""The classes that a site derives its handlers from beside `BaseHandler`: those of the features.

::

    from app.handler.classes import FileHandler

    class Counted(FileHandler):
        def get(self, path):
            super().get(path)                # the feature's answer to this request
            self.set_header("X-Count", next(count))

There is one for each handler name that the application was made with.
"""

import asyncio
import importlib
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import replace
from functools import cache, partial, reduce
from types import ModuleType
from typing import Any, ClassVar

from flask import make_response
from pydantic import BaseModel, ValidationError

from app import compat
from app.handler.base import BaseHandler
from app.messages import explained
from app.mistakes import did_you_mean
from app.modules import ExpressionError, imported
from app.mounts import Mount
from app.settings import Context

_BASE = "from app.handler import BaseHandler"
_offered: Mapping[str, str] = {}


def offer(features: Mapping[str, str]) -> None:
    """Let a site's modules import a class for each of these: handler names, and the modules of their features."""
    global _offered
    _offered = {name: module for name, module in features.items() if name.isidentifier()}


def offered() -> tuple[str, ...]:
    """The names of the classes that there are."""
    return tuple(_offered)


def __getattr__(name: str) -> Any:
    if name not in _offered:
        raise AttributeError(f"module {__name__!r} has no {name!r}{did_you_mean(name, _offered)}")
    return _feature_class(name, _offered[name])


def find(dotted: str) -> type[BaseHandler]:
    """The class that a dotted name stands for; raises ExpressionError if it is no handler, or cannot be imported."""
    names = dotted.split(".")
    if not all(name.isidentifier() for name in names):
        raise ExpressionError(f"{dotted!r} is not the name of a class: write module.Class")
    try:
        found = reduce(getattr, names[1:], imported(names))
    except AttributeError as error:
        raise ExpressionError(f"{dotted!r} is not there: {error}") from None
    if isinstance(found, type) and issubclass(found, BaseHandler):
        return found
    if isinstance(found, type):
        raise ExpressionError(f"{dotted} is not a handler: derive it from BaseHandler (`{_BASE}`)")
    if isinstance(found, ModuleType):
        raise ExpressionError(f"{dotted} is a module: name a class in it")
    raise ExpressionError(f"{dotted} is no class: for a function, use `handler: Function` and `function: {dotted}`")


def fields(handler: type[BaseHandler]) -> Collection[str]:
    """The names of the settings of the feature that a class derives from."""
    return handler.feature().Settings.model_fields if issubclass(handler, FeatureHandler) else ()


class FeatureHandler(BaseHandler):
    """A handler whose methods, where a subclass does not define them, answer as the feature does."""

    module: ClassVar[str]
    """The feature's module."""
    is_set_up: ClassVar[bool] = False

    view: Callable[..., Any]
    """The feature's view for the mount."""

    def __init__(self, mount: Mount, groups: Mapping[str, Any] | None = None):
        super().__init__(mount, groups)
        self.turns: asyncio.Queue[Turn] = asyncio.Queue()

    @classmethod
    def setup(cls, **kwargs: Any) -> None:
        """Make the feature's settings of these; raises ValueError if they are wrong. Others are the subclass's own."""
        super().setup(**kwargs)
        model = cls.feature().Settings
        own = {key: value for key, value in kwargs.items() if key in model.model_fields}
        cls.mount = replace(cls.mount, settings=_validated(model, own, cls.mount))
        cls.is_set_up = True

    @classmethod
    def feature(cls) -> ModuleType:
        """The feature, imported when it is used."""
        return importlib.import_module(cls.module)

    def of_feature(self, *path_args: Any, **path_kwargs: Any) -> "Turn | Done":
        """Take the feature's answer to the request, with these groups of the pattern.

        A coroutine awaits the result; for other code it is there at once. What the view raises is raised here.
        """
        work = partial(self._take_views, path_args, path_kwargs)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # there is none in this thread: no coroutine asks
            work()
            return Done()
        turn = Turn(work, loop)
        self.turns.put_nowait(turn)
        return turn

    def _take_views(self, path_args: tuple[Any, ...], path_kwargs: Mapping[str, Any]) -> None:
        groups = {f"_{number}": value for number, value in enumerate(path_args)}
        self.take(make_response(self.view(**groups, **path_kwargs)))

    get = head = post = put = delete = patch = options = of_feature


class Done:
    """What needs no waiting: can be awaited, and need not be."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class Turn:
    """Work of a coroutine for the request's own greenlet: views may wait for gevent, which its thread has not."""

    def __init__(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop):
        self._work, self._future = work, loop.create_future()
        self._error: Exception | None = None

    def run(self) -> None:
        """Do the work, in the greenlet."""
        try:
            self._work()
        except Exception as error:  # raised again where the coroutine awaits it
            self._error = error

    def settle(self) -> None:
        """Let the coroutine go on, on its loop."""
        if self._future.done():  # it was cancelled
            pass
        elif self._error:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(None)

    def __await__(self) -> Generator[Any, None, None]:
        yield from self._future


@cache
def _feature_class(name: str, module: str) -> type[FeatureHandler]:
    """The class of a handler name, always the same one."""
    return type(
        name, (FeatureHandler,), {"module": module, "__module__": __name__, "__doc__": f"As `handler: {name}`."}
    )


def _validated(model: type[BaseModel], values: dict[str, Any], mount: Mount) -> Any:
    context = Context(mount.folder, mount.gramex, dict(compat.variables))
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        wrong = (
            f"{'.'.join(map(str, ('kwargs', *found.path)))}: {found.message}"
            for found in explained(error, model, values)
        )
        raise ValueError("; ".join(wrong)) from None
