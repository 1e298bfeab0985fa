"""`function:` in YAML -> a callable, compiled once (reference: gramex.md §3).

::

    function: mymodule.total                      # a dotted name: called with the slot's variables, or args and kwargs
    function: mymodule.total(handler, year=2024)  # a call
    function: str(1 + 1)                          # any Python expression
    function:                                     # a pipeline: the value is that of its last stage
      - {name: rows, function: mymodule.rows(handler)}
      - len(rows)

Modules that an expression names are imported when it is compiled, so that a mistake shows at start and in
`flask check`.
"""

import ast
import keyword
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator

from app import compat
from app.mistakes import did_you_mean
from app.modules import ExpressionError, add_folder, imported, modules_below, named, root
from app.settings import Settings

__all__ = ["Call", "Expression", "ExpressionError", "Function", "Pipeline", "add_folder", "compiled", "modules_below"]

log = logging.getLogger("skerry")


class Expression:
    """A compiled expression; call it with the slot's variables as keyword arguments.

    `names` are the slot's variables in order. A dotted name is called with `args` and `kwargs` (text values
    that start with `=` are variables, `==x` is the text `=x`), or, without them, with all variables of the slot.
    `more` are variables beside those of the slot. Raises ExpressionError if the text does not parse, or names what is
    not there.
    """

    __slots__ = ("text", "names", "_evaluate", "_target", "_all", "_args", "_kwargs")

    def __init__(
        self,
        text: str,
        names: Sequence[str],
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        more: Sequence[str] = (),
    ):
        self.text, self.names = text.strip(), tuple(names)
        variables = tuple(dict.fromkeys((*names, *more)))
        tree = _parsed(self.text)
        self._evaluate = _compiled(tree, self.text, variables)
        self._target = _target(tree, self._evaluate, variables)
        self._all = args is None and not kwargs
        self._args, self._kwargs = _as_list(args), kwargs or {}
        _check_arguments((*self._args, *self._kwargs.values()), variables)

    def __call__(self, **variables: Any) -> Any:
        if self._target is None:
            return self._evaluate(**variables)
        if self._all:
            return self._target(*[variables[name] for name in self.names])
        args = [_argument(value, variables) for value in self._args]
        return self._target(*args, **{key: _argument(value, variables) for key, value in self._kwargs.items()})

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


_OF_STAGES = "`args` and `kwargs` belong to the stages of a pipeline: put them beside the `function` of a stage"
_STAGE = ("name", "function", "args", "kwargs")


class Pipeline:
    """Stages that run in order; the value is that of the last one (reference: gramex.md §3).

    The result of a stage with a name is a variable for those after it. A dotted name gets the slot's variables, as it
    does where it stands alone. Raises ExpressionError, which counts the stages from 1, if one of them does not compile.
    """

    def __init__(self, stages: Sequence[Any], names: Sequence[str]):
        if not stages:
            raise ExpressionError("an empty list has no function: name at least one")
        found: list[str] = []
        self._stages: list[tuple[str | None, str, Expression]] = []
        for number, written in enumerate(stages, 1):
            try:
                stage = _stage(written)
                expression = Expression(stage["function"], names, stage.get("args"), stage.get("kwargs"), found)
            except ExpressionError as error:
                raise ExpressionError(f"stage {number}: {error}") from error
            name = stage.get("name")
            found += [name] if name else []
            self._stages.append((name, f"stage {number} ({name or expression.text[:60]})", expression))

    def __call__(self, **variables: Any) -> Any:
        """Run the stages. What one raises propagates, with a note that names the stage."""
        started, error = time.time(), ""
        try:
            return self._run(variables)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            name = getattr(variables.get("handler"), "name", "")
            log.debug("pipeline %s: start %.3f, end %.3f, error %r", name, started, time.time(), error)

    def _run(self, variables: dict[str, Any]) -> Any:
        result = None
        for name, about, expression in self._stages:
            try:
                result = expression(**variables)
            except Exception as error:
                error.add_note(f"in {about} of a pipeline")
                raise
            if name:
                variables[name] = result
        return result


def _stage(written: Any) -> Mapping[str, Any]:
    """A stage as its keys; one that is not text is the value that its text gives, as the original has it."""
    if not isinstance(written, Mapping):
        return {"function": str(written)}
    for key in written:
        if key not in _STAGE:
            raise ExpressionError(f"unknown key {key!r}{did_you_mean(key, _STAGE)}")
    if "function" not in written:
        raise ExpressionError("`function` is required: a dotted name, a call, or a Python expression")
    name = written.get("name")
    if name is not None and (not str(name).isidentifier() or keyword.iskeyword(str(name))):
        raise ExpressionError(f"{name!r} cannot be a variable: a name has letters, digits and _")
    if not isinstance(written.get("kwargs"), Mapping | None):
        raise ExpressionError("`kwargs` should be a mapping of names to values")
    return {**written, "function": str(written["function"])}


def compiled(
    function: str | Sequence[Any], names: Sequence[str], args: Any = None, kwargs: Mapping[str, Any] | None = None
) -> Expression | Pipeline:
    """`function:` as YAML has it, text or a list of stages. Raises ExpressionError if it does not compile."""
    if isinstance(function, str):
        return Expression(function, names, args, kwargs)
    if args is not None or kwargs:
        raise ExpressionError(_OF_STAGES)
    return Pipeline(function, names)


def _text_or_stages(function: object) -> object:
    if isinstance(function, str | list | tuple):
        return function
    raise ValueError(f"should be text in quotes, not {function!r}")


Function = Annotated[
    str | list[Any],
    BeforeValidator(_text_or_stages),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}),
]
"""An expression, or the stages of a pipeline."""


class Call(Settings):
    """The keys `function`, `args` and `kwargs`, wherever a function is accepted. Subclasses name their variables."""

    names: ClassVar[tuple[str, ...]] = ("handler",)

    function: Function = Field(description="A dotted name, a call, a Python expression, or a list of these")
    args: Any = Field(None, description="Positional arguments for a dotted name; `=name` is a variable")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments for a dotted name")
    _expression: Expression | Pipeline = PrivateAttr()

    @field_validator("function")
    @classmethod
    def _compiles(cls, function: str | list[Any]) -> str | list[Any]:
        compiled(function, cls.names)
        return function

    @field_validator("args", "kwargs")
    @classmethod
    def _names_variables(cls, given: Any, info: ValidationInfo) -> Any:
        if given and isinstance(info.data.get("function"), list):
            raise ValueError(_OF_STAGES)
        _check_arguments(given.values() if info.field_name == "kwargs" else _as_list(given), cls.names)
        return given

    def model_post_init(self, _context: Any) -> None:
        self._expression = compiled(self.function, self.names, self.args, self.kwargs)

    def __call__(self, **variables: Any) -> Any:
        """Call the function with the variables of its slot; what it raises propagates, Tornado's HTTPError as ours."""
        try:
            return self._expression(**variables)
        except Exception as error:
            refusal = compat.as_refusal(error)
            if refusal is None:
                raise
            raise refusal from error


def _parsed(text: str) -> ast.Expression:
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} is not a Python expression: {error.msg} at column {error.offset}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL byte; brackets in brackets in brackets ...
        raise ExpressionError(f"{text[:60]!r} is not a Python expression: {error or 'it nests too deeply'}") from None


def _compiled(tree: ast.Expression, text: str, names: Sequence[str]) -> Callable[..., Any]:
    """The expression as a function of the variables.

    Compiled as a lambda: in an expression on its own, comprehensions and lambdas would not see its variables.
    """
    modules = {name: imported(dotted, names) for name, dotted in named(tree, names)}
    parameters = [ast.arg(name) for name in names]
    arguments = ast.arguments(posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, tree.body)))
    try:
        compiled: Callable[..., Any] = eval(compile(function, f"<{text[:60]}>", "eval"), modules)
    except SyntaxError as error:  # `await` parses, but not outside of a coroutine
        raise ExpressionError(f"{text!r} is not a Python expression: {error.msg}") from None
    return compiled


def _target(tree: ast.Expression, evaluate: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any] | None:
    """The function that a dotted name stands for; None for every other expression."""
    first = root(tree.body)
    if first is None or first in names:
        return None
    text = ast.unparse(tree)
    try:
        value = evaluate(*names)  # a dotted name uses none of the variables
    except AttributeError as error:
        raise ExpressionError(f"{text!r} is not there: {error}") from None
    if isinstance(value, ModuleType):
        raise ExpressionError(f"{text!r} is a module: name a function in it")
    return value if callable(value) else None


def _as_list(args: Any) -> list[Any] | tuple[Any, ...]:
    """The arguments as YAML has them: a list, or one value."""
    return args if isinstance(args, list | tuple) else [] if args is None else [args]


def _check_arguments(values: Iterable[Any], names: Sequence[str]) -> None:
    """Raise ExpressionError if an argument like `=name` names no variable of the slot."""
    for value in values:
        if _is_variable(value) and value[1:] not in names:
            hint = did_you_mean(value[1:], names) or f": there are {', '.join(names)}"
            raise ExpressionError(f"{value!r} names no variable here{hint}")


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("=") and not value.startswith("==")


def _argument(value: Any, variables: Mapping[str, Any]) -> Any:
    """An argument as written in YAML: `=name` is a variable of the slot, `==text` the text `=text`."""
    if _is_variable(value):
        return variables[value[1:]]
    return value[1:] if isinstance(value, str) and value.startswith("==") else value
