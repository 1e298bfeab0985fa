"""What a Python function takes, and how a request gives it (reference: gramex.md §3).

::

    from app.signatures import Header, handler

    @handler
    def total(year: int, region: Literal["north", "south"] = "north", user_agent: Header = ""):
        \"\"\"Add up the sales of a year.\"\"\"

A decorated function that is called with a handler takes its arguments from the request; called in any other way it is
the function itself. Its `Signature` is what a form page and the OpenAPI document show of it.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, update_wrapper
from typing import Any

from app.handler import Handler
from app.signatures import docstrings, kinds
from app.signatures.kinds import Header, Kind

__all__ = ["Header", "Kind", "Parameter", "Signature", "Typed", "describe", "handler", "typed"]

REQUIRED: Any = inspect.Parameter.empty
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function."""

    name: str
    kind: Kind
    default: Any = REQUIRED
    help: str = ""
    positional: bool = True

    @property
    def required(self) -> bool:
        """Whether the function cannot be called without it."""
        return self.default is REQUIRED and self.kind.source != "handler"


@dataclass(frozen=True)
class Signature:
    """All that is known of a function from its source."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    rest: Parameter | None = None
    """`*args`."""
    extra: Parameter | None = None
    """`**kwargs`: every argument is welcome."""
    summary: str = ""
    description: str = ""
    raises: Mapping[str, str] = field(default_factory=dict)
    """The names of exceptions, each with when it is raised."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Of all parameters but `*args` and `**kwargs`."""
        return frozenset(parameter.name for parameter in self.parameters)

    @cached_property
    def positional(self) -> tuple[str, ...]:
        """The parameters that positional arguments fill, in order."""
        return tuple(parameter.name for parameter in self.arguments if parameter.positional)

    @cached_property
    def arguments(self) -> tuple[Parameter, ...]:
        """The parameters that the query, a form or a JSON body gives."""
        return tuple(parameter for parameter in self.parameters if parameter.kind.source == "argument")


def describe(function: Callable[..., Any]) -> Signature:
    """The signature of a function. Raises TypeError or NameError for hints that cannot be evaluated."""
    own = inspect.signature(function)
    hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    said = docstrings.parse(inspect.getdoc(function))
    found: dict[Any, list[Parameter]] = {}
    for name, parameter in own.parameters.items():
        found.setdefault(parameter.kind, []).append(_described(parameter, hints, said.parameters.get(name, "")))
    return Signature(
        name=getattr(function, "__name__", type(function).__name__),
        parameters=tuple(
            parameter for kind in (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY) for parameter in found.get(kind, ())
        ),
        rest=next(iter(found.get(inspect.Parameter.VAR_POSITIONAL, ())), None),
        extra=next(iter(found.get(inspect.Parameter.VAR_KEYWORD, ())), None),
        summary=said.summary,
        description=said.description,
        raises=said.raises,
    )


def _described(parameter: inspect.Parameter, hints: Mapping[str, Any], said: str) -> Parameter:
    hint = hints.get(parameter.name, REQUIRED)
    kind = Kind(source="handler") if parameter.name == "handler" else kinds.of(hint, parameter.default)
    return Parameter(parameter.name, kind, parameter.default, kind.help or said, parameter.kind in _POSITIONAL)


class Typed:
    """A function whose arguments come from the request where it is called with a handler."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        update_wrapper(self, function)

    @cached_property
    def signature(self) -> Signature:
        """What the function takes; found once, and not before the module is imported whole."""
        return describe(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with the arguments of the request, if one of those given is the handler.

        Arguments beside the handler are those that a request overrides. Raises `binding.Wrong`, a 400.
        """
        request = next((arg for arg in (*args, *kwargs.values()) if isinstance(arg, Handler)), None)
        if request is None:
            return self.function(*args, **kwargs)
        from app.signatures.binding import bind

        given = [arg for arg in args if arg is not request]
        named = {name: arg for name, arg in kwargs.items() if arg is not request}
        bound = bind(self.signature, request, given, named)
        return self.function(*bound.args, **bound.kwargs)


def handler(function: Callable[..., Any]) -> Typed:
    """Decorate a function whose arguments come from the request, by its type hints."""
    return Typed(function)


def typed(function: Callable[..., Any]) -> Typed | None:
    """The function as a typed one if it is decorated, or if nothing else can be meant by its hints.

    That is so where every parameter has a hint that values can be made from. A function whose first parameter is the
    handler is called as it always was: its defaults are not for requests to change.
    """
    if isinstance(function, Typed):
        return function
    if not inspect.isfunction(function) or next(iter(function.__annotations__), "return") == "return":
        return None
    try:
        signature = describe(function)
    except (NameError, TypeError, AttributeError, SyntaxError, RuntimeError):  # hints of another kind than ours
        return None
    given = [*signature.parameters, *filter(None, (signature.rest, signature.extra))]
    hinted = all(parameter.name in function.__annotations__ or parameter.name == "handler" for parameter in given)
    usable = all(parameter.kind.known for parameter in given) and given[0].kind.source != "handler"
    return Typed(function) if hinted and usable else None
