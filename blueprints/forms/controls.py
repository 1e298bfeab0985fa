"""The forms of a table's page: a filter for each column by what it holds, groups and their aggregates, a chart."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import Any, NamedTuple, TypeAlias

from app.tables.columns import DATES, NUMBERS, Column, Kind
from app.tables.query import Function, Op, Query, Unit

Args: TypeAlias = Mapping[str, Sequence[str]]
Kept: TypeAlias = Callable[..., list[tuple[str, str]]]


class Input(NamedTuple):
    """A field of a form."""

    label: str
    name: str
    type: str
    value: str
    step: str = ""


class ColumnFilter(NamedTuple):
    """The filter of a column."""

    column: str
    kind: str
    """What scripts make of it: text, boolean, range, or none; aggregate for one, whose values cannot be listed."""
    inputs: list[Input]
    values: list[str]
    """The values that are ticked: the column is one of them."""
    is_empty: bool
    is_filled: bool
    kept: list[tuple[str, str]]

    @property
    def active(self) -> bool:
        """Whether it filters now."""
        return bool(self.values or self.is_empty or self.is_filled or any(field.value for field in self.inputs))


_TYPES = {
    Kind.INTEGER: ("number", "any"),
    Kind.FLOAT: ("number", "any"),
    Kind.DECIMAL: ("number", "any"),
    Kind.DATE: ("date", ""),
    Kind.DATETIME: ("datetime-local", "1"),
    Kind.TIME: ("time", "1"),
}


def column_filter(column: Column, query: Query, kept: Kept) -> ColumnFilter:
    """The filter of a column of the answer. A date that groups are truncated to is filtered by its column."""
    name = next((group.column for group in query.by or () if group.name == column.name), column.name)
    now = _conditions(query)
    inputs = _inputs(name, column.kind, now)
    kind = {Kind.TEXT: "text", Kind.OTHER: "text", Kind.BOOLEAN: "boolean", Kind.BINARY: "none"}
    values = [written(value) for value in now.get((name, Op.EQUAL), ())]
    shown = "aggregate" if any(name == each.name for each in query.aggregates) else kind.get(column.kind, "range")
    fields = [field.name for field in inputs] + [name, f"{name}!"]
    flags = ((name, Op.NULL) in now, (name, Op.NOT_NULL) in now)
    return ColumnFilter(name, shown, inputs, values, *flags, kept(*fields))


def _conditions(query: Query) -> dict[tuple[str, Op], tuple[Any, ...]]:
    plain = {(item.column, item.op): item.values for item in query.filters}
    return plain | {(item.aggregate.name, item.op): item.values for item in query.having}


def _inputs(name: str, kind: Kind, now: Mapping[tuple[str, Op], tuple[Any, ...]]) -> list[Input]:
    def value(op: Op) -> str:
        return "".join(map(written, now.get((name, op), ())[:1]))

    if kind in _TYPES:
        bounds = (("From", Op.GREATER_EQUAL), ("To", Op.LESS_EQUAL))
        return [Input(label, name + op.text, _TYPES[kind][0], value(op), _TYPES[kind][1]) for label, op in bounds]
    if kind in (Kind.TEXT, Kind.OTHER):
        return [Input("Contains", name + Op.MATCH_NOCASE.text, "search", value(Op.MATCH_NOCASE))]
    return []


def written(value: Any) -> str:
    """A value as fields of forms and arguments have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.isoformat() if isinstance(value, date | time) else str(value)
    return text.removesuffix(".0") if isinstance(value, float) else text


class Option(NamedTuple):
    """One of the choices of a select."""

    value: str
    label: str


class Grouping(NamedTuple):
    """What to group by and what to compute, each with what is chosen now and one choice more."""

    keys: list[Option]
    aggregates: list[tuple[str, list[Option]]]
    by: list[str]
    chosen: list[str]


_NAMES = {
    Function.SUM: "sum",
    Function.MEAN: "mean",
    Function.MEDIAN: "median",
    Function.MIN: "least",
    Function.MAX: "greatest",
    Function.STD: "standard deviation",
    Function.COUNT: "number of values",
    Function.NUNIQUE: "number of different values",
    Function.SIZE: "number of rows",
}
_OF_NUMBERS = {Function.SUM, Function.MEAN, Function.MEDIAN, Function.STD}
_OF_EVERYTHING = {Function.COUNT, Function.NUNIQUE, Function.SIZE}


def grouping(columns: Sequence[Column], query: Query) -> Grouping:
    """The form that groups the rows."""
    keys = [option for column in columns for option in _keys(column)]
    chosen = [aggregate.name for aggregate in query.aggregates]
    aggregates = [(column.name, _aggregates(column)) for column in columns]
    known = {option.value for _, options in aggregates for option in options}
    others = [Option(name, name) for name in chosen if name not in known]
    return Grouping(
        keys,
        [*aggregates, *([("Others", others)] if others else [])],
        [*(group.name for group in query.by or ()), ""],
        [*chosen, ""],
    )


def _keys(column: Column) -> list[Option]:
    if column.kind == Kind.BINARY:
        return []
    units = [unit for unit in Unit if unit != Unit.HOUR or column.kind == Kind.DATETIME]
    dates = [Option(f"{column.name}:{unit}", f"{column.name} by {unit}") for unit in units if column.kind in DATES]
    return [Option(column.name, column.name), *dates]


def _aggregates(column: Column) -> list[Option]:
    left_out = set() if column.kind in NUMBERS else _OF_NUMBERS
    if column.kind in (Kind.BINARY, Kind.BOOLEAN):
        left_out = {function for function in _NAMES if function not in _OF_EVERYTHING}
    functions = [function for function in _NAMES if function not in left_out]
    return [Option(f"{column.name}|{function}", f"{column.name}: {_NAMES[function]}") for function in functions]


class Chart(NamedTuple):
    """The chart of the rows, and what its form offers."""

    kind: str
    kinds: Sequence[str]
    axes: Mapping[str, str]
    """What is chosen for the arguments `_x`, `_y` and `_color`."""
    columns: Sequence[str]
    picture: str
    dark: str
    closed: str
    """The address of the page without it."""
