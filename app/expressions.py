"""`function:` in YAML -> a callable, compiled once (reference: gramex.md §3).

::

    function: mymodule.total                      # a dotted name: called with the slot's variables, or args and kwargs
    function: mymodule.total(handler, year=2024)  # a call
    function: str(1 + 1)                          # any Python expression

Modules that an expression names are imported when it is compiled, so that a mistake shows at start and in
`flask check`.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from app.mistakes import did_you_mean
from app.modules import ExpressionError, add_folder, imported, modules_below, named, root
from app.settings import Settings

__all__ = ["Call", "Expression", "ExpressionError", "add_folder", "modules_below"]


class Expression:
    """A compiled expression; call it with the slot's variables as keyword arguments.

    `names` are the slot's variables in order. A dotted name is called with `args` and `kwargs` (text values
    that start with `=` are variables, `==x` is the text `=x`), or, without them, with all variables of the slot.
    Raises ExpressionError if the text does not parse, or names what is not there.
    """

    __slots__ = ("text", "names", "_evaluate", "_target", "_all", "_args", "_kwargs")

    def __init__(self, text: str, names: Sequence[str], args: Any = None, kwargs: Mapping[str, Any] | None = None):
        self.text, self.names = text.strip(), tuple(names)
        tree = _parsed(self.text)
        self._evaluate = _compiled(tree, self.text, self.names)
        self._target = _target(tree, self._evaluate, self.names)
        self._all = args is None and not kwargs
        self._args, self._kwargs = _as_list(args), kwargs or {}
        _check_arguments((*self._args, *self._kwargs.values()), self.names)

    def __call__(self, **variables: Any) -> Any:
        if self._target is None:
            return self._evaluate(**variables)
        if self._all:
            return self._target(*[variables[name] for name in self.names])
        args = [_argument(value, variables) for value in self._args]
        return self._target(*args, **{key: _argument(value, variables) for key, value in self._kwargs.items()})

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Call(Settings):
    """The keys `function`, `args` and `kwargs`, wherever a function is accepted. Subclasses name their variables."""

    names: ClassVar[tuple[str, ...]] = ("handler",)

    function: str = Field(description="A dotted name, a call, or a Python expression")
    args: Any = Field(None, description="Positional arguments for a dotted name; `=name` is a variable")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments for a dotted name")
    _expression: Expression = PrivateAttr()

    @field_validator("function", mode="before")
    @classmethod
    def _is_one_function(cls, function: Any) -> Any:
        if isinstance(function, list):
            raise ValueError("a list of functions, a pipeline, is not in this version of Skerry: name one function")
        return function

    @field_validator("function")
    @classmethod
    def _compiles(cls, text: str) -> str:
        Expression(text, cls.names)
        return text

    @field_validator("args", "kwargs")
    @classmethod
    def _names_variables(cls, given: Any, info: ValidationInfo) -> Any:
        _check_arguments(given.values() if info.field_name == "kwargs" else _as_list(given), cls.names)
        return given

    def model_post_init(self, _context: Any) -> None:
        self._expression = Expression(self.function, self.names, self.args, self.kwargs)

    def __call__(self, **variables: Any) -> Any:
        """Call the function with the variables of its slot; what it raises propagates."""
        return self._expression(**variables)


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
