"""Values of a query in its SQL: bound at once, or left open where one statement is to serve all queries of its shape.

plan = prepared(query, ...)          # its values are `Slot`s
plan.select.parameters(values(query))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from app.tables.columns import Value

Change: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value among those of a query. `example` is one that stood there: all others are of its type."""

    index: int
    example: Any
    change: Change | None = None


Bound: TypeAlias = Value | Slot


def example(value: Bound) -> Value:
    """The value itself, or one like it."""
    return value.example if isinstance(value, Slot) else value


def bind(value: Any, type_: sa.types.TypeEngine[Any], change: Change | None = None) -> sa.BindParameter[Any]:
    """A value in an expression; `change` is what a database wants to be done with it before."""
    if isinstance(value, Slot):
        value = Slot(value.index, value.example, change)
    elif change:
        value = change(value)
    return sa.bindparam(None, value, type_=type_)


class Statement:
    """SQL as a driver takes it, with places for values."""

    def __init__(self, made: sa.sql.compiler.SQLCompiler, dialect: sa.Dialect):
        self.sql = str(made)
        self.names: Sequence[str] | None = None if made.positional else list(made.params)
        order: Sequence[str] = (made.positiontup or ()) if self.names is None else self.names
        given = made.params  # which is made anew each time
        self._parts = [_part(given[name], made.binds[name], dialect) for name in order]

    @property
    def size(self) -> int:
        """How many values it takes."""
        return len(self._parts)

    def parameters(self, values: Sequence[Value]) -> tuple[Any, ...] | dict[str, Any]:
        """What to give the driver for these values."""
        given = [part if index is None else change(values[index]) for index, part, change in self._parts]
        return tuple(given) if self.names is None else dict(zip(self.names, given, strict=True))


def _part(value: Any, place: sa.BindParameter[Any], dialect: sa.Dialect) -> tuple[int | None, Any, Change]:
    """The place of a value and what to do with it, or a constant."""
    processor: Change | None = place.type.dialect_impl(dialect).bind_processor(dialect)
    if not isinstance(value, Slot):
        return None, processor(value) if processor else value, _same
    changes = [change for change in (value.change, processor) if change]
    return value.index, None, _chained(changes)


def _same(value: Any) -> Any:
    return value


def _chained(changes: Sequence[Change]) -> Change:
    if not changes:
        return _same
    if len(changes) == 1:
        return changes[0]
    first, second = changes
    return lambda value: second(first(value))
