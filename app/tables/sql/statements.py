"""One statement for all queries of a shape: to write SQL takes ten times as long as SQLite takes to find ten rows.

    plan = Plans(reflected, dialect, name).plan(query)
    cursor.execute(plan.select.sql, plan.select.parameters(values(query)))

Two queries are of one shape if they differ in nothing but their values.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, count
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from app.tables.columns import Value
from app.tables.databases.reflection import Reflected
from app.tables.query import After, Filter, Having, Query
from app.tables.sql import compiled, reading
from app.tables.sql.binding import Slot, Statement
from app.tables.sql.dialects import WIDE

Written: TypeAlias = Callable[[sa.Select[Any]], Statement]
Condition = TypeVar("Condition", Filter, Having)
REMEMBERED = 256
"""Shapes of which the statements are kept."""


KEPT = 200
"""Values of a statement that is kept; others would take too much memory."""


class Plan:
    """How to answer queries of one shape."""

    def __init__(self, query: Query, reflected: Reflected, name: str, written: Written):
        """`name` is that of the database's SQL for `compiled`."""
        slotted = _slotted(query)
        self.columns = compiled.outcome(query, reflected.columns)
        self.read = reading.reader(self.columns)
        self.select = written(compiled.select(slotted, *reflected, name))
        self.counted = written(compiled.counted(slotted, *reflected, name)) if query.count else None
        self.slow_until = self.slow_for = 0.0
        """When to try again whether these queries are quick, by the monotonic clock, and how long that was to wait."""


class Plans:
    """The plans for a table. `written` makes SQL for its driver."""

    def __init__(self, reflected: Reflected, name: str, written: Written):
        self.reflected = reflected
        self._name, self._written = name, written
        self._known: dict[Hashable, Plan] = {}

    def plan(self, query: Query) -> Plan:
        """The plan for a query. Raises KeyError for a column that the table does not have."""
        key = _shape(query)
        return self._known.get(key) or self._learn(key, Plan(query, self.reflected, self._name, self._written))

    def widened(self, query: Query) -> Plan:
        """The plan for a query, and others of its shape, whose sums are too large for SQLite's own."""
        return self._learn(_shape(query), Plan(query, self.reflected, WIDE, self._written))

    def _learn(self, key: Hashable, plan: Plan) -> Plan:
        if len(self._known) >= REMEMBERED:
            self._known.clear()  # rare, and simpler than to know which was used last
        if plan.select.size <= KEPT:
            self._known[key] = plan
        return plan


def values(query: Query) -> list[Value]:
    """The values of a query, in the order of the slots of its plan."""
    after = query.after.values if query.after else ()
    found = [*_given(query.filters), *_given(query.having), *query.words]
    found += [value for value in after if value is not None]
    if query.limit is not None:
        found.append(query.limit)
    if query.offset:
        found.append(query.offset)
    return found


def _given(conditions: Iterable[Filter | Having]) -> Iterator[Value]:
    return chain.from_iterable(map(_deciding, conditions))


def _deciding(condition: Filter | Having) -> tuple[Value, ...]:
    """The values that matter."""
    decisive = compiled.DECISIVE.get(condition.op)
    return (decisive(condition.values),) if decisive and len(condition.values) > 1 else condition.values


def _shape(query: Query) -> Hashable:
    after = query.after
    return (
        query.columns,
        query.by,
        query.aggregates,
        query.sort,
        tuple([(each.column, each.op, len(_deciding(each))) for each in query.filters]),
        tuple([(each.aggregate, each.op, len(_deciding(each))) for each in query.having]),
        tuple([word.isascii() for word in query.words]),
        after and (after.kinds, tuple([value is None for value in after.values])),
        query.limit is None,
        not query.offset,
        query.distinct,
        query.count,
    )


def _slotted(query: Query) -> Query:
    """The query with slots for its values, in the order of `values`."""
    numbers = count()

    def slot(value: Any) -> Any:
        return None if value is None else Slot(next(numbers), value)

    def opened(condition: Condition) -> Condition:
        return replace(condition, values=tuple(map(slot, _deciding(condition))))

    return replace(
        query,
        filters=tuple(map(opened, query.filters)),
        having=tuple(map(opened, query.having)),
        words=tuple(map(slot, query.words)),
        after=query.after and After(query.after.kinds, tuple(map(slot, query.after.values))),
        limit=slot(query.limit),
        offset=slot(query.offset) if query.offset else 0,
    )
