"""The functions that a dataset's settings name: what each is given, and what may come back (gramex.md §9).

::

    prepare: mymodule.prepare(args, handler)     # changes `args` in place, or returns others
    function: mymodule.clean(data)               # the whole table as a DataFrame, before filters
    modify: mymodule.totals(data, handler)       # the answer: a DataFrame, a dict, text or bytes
    queryfunction: mymodule.sql(args)            # SQL
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema, model_validator

from app.expressions import Call
from app.handler import Handler

Args = dict[str, list[str]]


class Slot(Call):
    """A function that may be written as text alone, an expression or a dotted name."""

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return value if isinstance(value, Mapping) else {"function": value}


class Prepare(Slot):
    """Sees the arguments before anything is read."""

    names: ClassVar[tuple[str, ...]] = ("args", "key", "handler")


class QueryFunction(Slot):
    """Gives the SQL of a request, or the state of what it reads."""

    names: ClassVar[tuple[str, ...]] = ("args", "key", "handler")


class Modify(Slot):
    """Makes something of an answer."""

    names: ClassVar[tuple[str, ...]] = ("data", "key", "handler")


class Transform(Slot):
    """Makes another table of the whole table."""

    names: ClassVar[tuple[str, ...]] = ("data", "handler")

    @property
    def is_of_request(self) -> bool:
        """Whether the result may differ from request to request, so that it is kept for none (gramex.md §28)."""
        return self._sees("handler")

    @property
    def is_of_data(self) -> bool:
        """Whether the table itself is asked for: else it need not be read."""
        return self._sees("data")

    def _sees(self, variable: str) -> bool:
        if not isinstance(self.function, str):
            return True
        given = [*(self.args if isinstance(self.args, list | tuple) else [self.args]), *self.kwargs.values()]
        return f"={variable}" in given or variable in _names(self.function) or self._is_given_all(given)

    def _is_given_all(self, given: Sequence[Any]) -> bool:
        """Whether this is a dotted name that is called with all there is."""
        return given == [None] and isinstance(_body(str(self.function)), ast.Name | ast.Attribute)


def _body(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(_body(text)) if isinstance(node, ast.Name)}


def _with_arguments(value: Any, info: ValidationInfo) -> Any:
    """`function:` with the `args:` and `kwargs:` that stand beside it."""
    if isinstance(value, Mapping):
        return value
    return {"function": value, **{key: info.data[key] for key in ("args", "kwargs") if info.data.get(key)}}


_SCHEMA = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}, {"type": "object"}]})
Preparing = Annotated[Prepare, _SCHEMA]
Querying = Annotated[QueryFunction, _SCHEMA]
Modifying = Annotated[Modify, _SCHEMA]
Transforming = Annotated[Transform, BeforeValidator(_with_arguments), _SCHEMA]


def prepared(prepare: Prepare, args: Args, key: str, handler: Handler) -> Args:
    """The arguments as the function returns them, or as it leaves them if it returns no mapping."""
    returned = prepare(args=args, key=key, handler=handler)
    return as_texts(returned if isinstance(returned, Mapping) else args)


def as_texts(args: Mapping[Any, Any]) -> Args:
    """Arguments as a function may leave them, each as a list of texts."""
    return {str(name): [_text(value) for value in _listed(values)] for name, values in args.items()}


def sql_of(function: QueryFunction, args: Args, key: str, handler: Handler) -> str:
    """The SQL that a function gives. Raises TypeError for anything else."""
    sql = function(args=args, key=key, handler=handler)
    if not isinstance(sql, str):
        raise TypeError(f"queryfunction: should return SQL as text, not {type(sql).__name__}")
    return sql


def _listed(values: Any) -> Sequence[Any]:
    if isinstance(values, list | tuple | set | frozenset):
        return list(values)
    return [] if values is None else [values]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
