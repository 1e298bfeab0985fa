"""`gramex.transforms`: functions of YAML, arguments from the request, and what expressions use without import."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.compat import missing
from app.compat.functions import condition, flattener, handler_expr, once, template, time_key
from app.expressions import ExpressionError, compiled

__all__ = [
    "build_pipeline",
    "build_transform",
    "condition",
    "flattener",
    "handler_expr",
    "once",
    "template",
    "time_key",
]

_SIGNATURES = {"handler": "handler", "add_handler": "handler", "Header": "Header"}

_COMPILERS = ("sass", "scss", "ts")


def build_transform(
    conf: Mapping[str, Any],
    vars: Mapping[str, Any] | None = None,
    filename: str = "function",
    cache: bool = False,
    iter: bool = True,
) -> Callable[..., Any]:
    """The `function`, `args` and `kwargs` of a mapping as a function of the variables, which have these defaults.

    With `iter` a call gives something to iterate over: the generator that the function returns, or a list with its
    result. The function is compiled once, whatever `cache` says. Raises ExpressionError, beginning with `filename`.
    """
    defaults = dict(vars or {})
    try:
        expression = compiled(conf["function"], tuple(defaults), conf.get("args"), conf.get("kwargs"))
    except ExpressionError as error:
        raise ExpressionError(f"{filename}: {error}") from error

    def transform(*args: Any, **kwargs: Any) -> Any:
        result = expression(**{**defaults, **dict(zip(defaults, args, strict=False)), **kwargs})
        return _iterable(result) if iter else result

    return transform


def build_pipeline(
    conf: Sequence[Any],
    vars: Mapping[str, Any] | None = None,
    filename: str = "pipeline",
    cache: bool = False,
    iter: bool = True,
) -> Callable[..., Any]:
    """As `build_transform`, of a list of stages."""
    return build_transform({"function": conf}, vars, filename, cache, iter)


def _iterable(result: Any) -> Iterable[Any]:
    return result if isinstance(result, Iterator) else [result]


def __getattr__(name: str) -> Any:
    if name in _SIGNATURES:
        from app import signatures

        return getattr(signatures, _SIGNATURES[name])
    if name in _COMPILERS:
        raise missing(__name__, name, f"compile files by `{name}: true` of a File mount")
    raise missing(__name__, name, f"there are {', '.join((*_SIGNATURES, *__all__))}")
