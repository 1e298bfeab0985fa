"""A `Query` as SQL.

Identifiers come from the table and values are bound, so nothing that a user wrote becomes SQL. Columns of the answer
are by position: `outcome` has their names, as `sales|sum` may be longer than a database lets a name be.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from app.tables.columns import Column, Kind
from app.tables.query import After, Aggregate, Filter, Function, Group, Op, Query, Sort
from app.tables.sql import dialects
from app.tables.sql.binding import Bound, bind
from app.tables.sql.dialects import Dialect, Expression, number

Cells: TypeAlias = Mapping[str, Expression]
"""The columns that aggregates look at, by name: of the table, or of a subquery that also ranks them."""

Ranks: TypeAlias = dict[tuple[str, Function], tuple[Expression, Expression]]
"""For a column and function: the number of the row in its group, and how many there have a value."""


def select(query: Query, table: sa.FromClause, columns: Sequence[Column], dialect: str) -> sa.Select[Any]:
    """The SELECT that answers a query on a table whose columns are these.

    `dialect` is sqlite, postgresql, mysql, mariadb or duckdb.
    """
    found = _everything(query, table, columns, dialects.of(dialect))
    if query.limit is not None:
        found = found.limit(bind(query.limit, _WHOLE))
    return found.offset(bind(query.offset, _WHOLE)) if query.offset else found


def counted(query: Query, table: sa.FromClause, columns: Sequence[Column], dialect: str) -> sa.Select[Any]:
    """The SELECT of the number of rows that the answer had without limit and offset."""
    found = _everything(replace(query, after=None), table, columns, dialects.of(dialect)).order_by(None)
    if query.by is None and not query.distinct:
        return found.with_only_columns(sa.func.count())
    labelled = [cell.label(f"c{i}") for i, cell in enumerate(found.selected_columns)]
    return sa.select(sa.func.count()).select_from(found.with_only_columns(*labelled).subquery("answer"))


def outcome(query: Query, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of the answer to a query."""
    known = {column.name: column for column in columns}
    if query.by is None:
        return tuple(known[name] for name in query.columns)
    keys = [Column(group.name, group.kind, known[group.column].nullable) for group in query.by]
    return *keys, *(Column(aggregate.name, aggregate.kind) for aggregate in query.aggregates)


def _everything(query: Query, table: sa.FromClause, columns: Sequence[Column], dialect: Dialect) -> sa.Select[Any]:
    rows = _Rows(table, columns, dialect, {column.name: table.c[column.name] for column in columns})
    conditions = [*map(rows.passes, query.filters), *map(rows.has, query.words)]
    if query.by is not None:
        return _grouped(query, query.by, rows, conditions)
    if query.distinct:  # one row for each group of equal ones
        return _grouped(query, [Group(name, rows.kinds[name]) for name in query.columns], rows, conditions)
    if query.after:
        places = [rows.place(sort.name) for sort in query.sort]
        conditions += _after(query.after, query.sort, places, dialect)
    cells = [rows.cells[name] for name in query.columns] or [number(1)]
    return sa.select(*_raw(cells)).select_from(table).where(*conditions).order_by(*rows.sorted(query))


def _raw(cells: Iterable[Expression]) -> list[Expression]:
    """The cells as the driver gives them: our `reading` is quicker than SQLAlchemy, and bears with SQLite."""
    return [sa.type_coerce(cell, sa.types.NullType()) for cell in cells]


class _Rows:
    """A table and how its database writes things."""

    def __init__(self, table: sa.FromClause, columns: Sequence[Column], dialect: Dialect, cells: Cells):
        self.table, self.columns, self.dialect, self.cells = table, columns, dialect, cells
        self.kinds = {column.name: column.kind for column in columns}
        self.never_null = {column.name for column in columns if not column.nullable}

    def passes(self, condition: Filter) -> Expression:
        """Whether a row passes a filter."""
        return _passes(
            self.dialect, self.cells[condition.column], self.kinds[condition.column], condition.op, condition.values
        )

    def has(self, word: Bound) -> Expression:
        """Whether a row has a word in one of its columns of text."""
        texts = [
            self.dialect.text(self.cells[column.name], Kind.TEXT) for column in self.columns if column.kind is Kind.TEXT
        ]
        return sa.or_(sa.false(), *(self.dialect.contains(text, word) for text in texts))

    def comparable(self, name: str) -> Expression:
        """A column to compare, sort and group by."""
        return self.dialect.order(self.cells[name], self.kinds[name])

    def place(self, name: str) -> "_Place":
        """A column to sort by."""
        return _Place(self.comparable(name), name not in self.never_null)

    def key(self, group: Group) -> Expression:
        """What to group by."""
        if group.unit is None:
            return self.comparable(group.column)
        return self.dialect.truncated(self.cells[group.column], group.kind, group.unit)

    def sorted(self, query: Query) -> Iterable[Expression]:
        """What to order by: the sorts, and for ties, which a page by `after` has none of, the order of the source."""
        by_sort = [self.dialect.sort(*self.place(sort.name), sort.ascending) for sort in query.sort]
        has_order = self.dialect.keeps_order and not by_sort
        ties = [] if has_order or query.after else self.source_order()
        return *chain.from_iterable(by_sort), *ties

    def source_order(self) -> list[Expression]:
        """What the rows are in order of, if anything."""
        keys = [self.comparable(column.name) for column in self.columns if column.key]
        return keys or self.dialect.source_order(self.table)


def _passes(dialect: Dialect, cell: Expression, kind: Kind, op: Op, values: Sequence[Bound]) -> Expression:
    """Whether a cell, of a row or an aggregate, passes a filter."""
    if op is Op.NULL or op is Op.NOT_NULL:
        return cell.is_(None) if op is Op.NULL else cell.is_not(None)
    if op in _NEGATED:
        return sa.or_(cell.is_(None), sa.not_(_passes(dialect, cell, kind, _NEGATED[op], values)))
    if op is Op.MATCH or op is Op.MATCH_NOCASE:
        text = dialect.text(cell, kind)
        return sa.or_(*(dialect.matches(text, value, op is Op.MATCH_NOCASE) for value in values))
    if op is Op.EQUAL:
        return dialect.equal(cell, kind, [dialect.bound(value, kind, cell) for value in values])
    return _COMPARED[op](dialect.order(cell, kind), dialect.bound(DECISIVE[op](values), kind, cell))


_NEGATED: Mapping[Op, Op] = MappingProxyType(
    {Op.NOT_EQUAL: Op.EQUAL, Op.NOT_MATCH: Op.MATCH, Op.NOT_MATCH_NOCASE: Op.MATCH_NOCASE}
)
_COMPARED: Mapping[Op, Callable[..., Expression]] = MappingProxyType(
    {Op.GREATER: operator.gt, Op.GREATER_EQUAL: operator.ge, Op.LESS: operator.lt, Op.LESS_EQUAL: operator.le}
)
DECISIVE: Mapping[Op, Callable[..., Any]] = MappingProxyType(
    {Op.GREATER: min, Op.GREATER_EQUAL: min, Op.LESS: max, Op.LESS_EQUAL: max}
)
"""Which of several values a bound goes by."""

_WHOLE = sa.BigInteger()


def _after(after: After, sorts: Sequence[Sort], places: Sequence["_Place"], dialect: Dialect) -> Sequence[Expression]:
    """Conditions that only rows after the one with these values pass, by what they are sorted by."""
    if not after.values:
        return []
    later: list[Expression] = []
    equal: list[Expression] = []
    for sort, place, kind, value in zip(sorts, places, after.kinds, after.values, strict=True):
        if value is None:  # nothing is later than a null
            equal.append(place.cell.is_(None))
            continue
        bound = dialect.bound(value, kind, place.cell)
        is_later = place.cell > bound if sort.ascending else place.cell < bound
        later.append(sa.and_(*equal, sa.or_(is_later, place.cell.is_(None)) if place.nullable else is_later))
        equal.append(place.cell == bound)
    return [sa.or_(*later) if later else sa.false()]


class _Place(NamedTuple):
    """What is sorted by, and whether it may be null."""

    cell: Expression
    nullable: bool = True


def _grouped(query: Query, by: Sequence[Group], rows: _Rows, conditions: Sequence[Expression]) -> sa.Select[Any]:
    aggregates = _aggregates(query)
    ranked = {aggregate for aggregate in aggregates if aggregate.function in _RANKED}
    source, ranks = rows, Ranks()
    if ranked:
        source, ranks = _ranked(rows, by, ranked, conditions)
        conditions = []
    keys = [source.key(group) for group in by]
    found = {aggregate: _aggregated(aggregate, source, ranks) for aggregate in aggregates}
    cells = [*keys, *(found[aggregate] for aggregate in query.aggregates)] or [sa.func.count()]
    grouped = sa.select(*_raw(cells)).select_from(source.table).where(*conditions).group_by(*keys)
    if query.after:
        named = {group.name: rows.dialect.of_group(key) for group, key in zip(by, keys, strict=True)}
        places = [_Place(found[sort.aggregate] if sort.aggregate else named[sort.name]) for sort in query.sort]
        grouped = grouped.having(*_after(query.after, query.sort, places, rows.dialect))
    for having in query.having:
        kind, cell = having.aggregate.kind, found[having.aggregate]
        grouped = grouped.having(_passes(rows.dialect, cell, kind, having.op, having.values))
    return grouped.order_by(*_order(query.sort, by, keys, found, rows.dialect))


def _aggregates(query: Query) -> list[Aggregate]:
    """All that must be computed, those for HAVING and ORDER BY too."""
    sorts = [sort.aggregate for sort in query.sort if sort.aggregate]
    return list(dict.fromkeys([*query.aggregates, *(having.aggregate for having in query.having), *sorts]))


def _order(
    sorts: Sequence[Sort],
    by: Sequence[Group],
    keys: Sequence[Expression],
    found: Mapping[Aggregate, Expression],
    dialect: Dialect,
) -> Iterable[Expression]:
    """The order of groups: the sorts, then the keys that were not among them."""
    remaining = {group.name: key for group, key in zip(by, keys, strict=True)}
    order: list[Expression] = []
    for sort in sorts:
        expression = found[sort.aggregate] if sort.aggregate else remaining.pop(sort.name, None)
        if expression is not None:
            order += dialect.sort(expression, True, sort.ascending)
    return *order, *chain.from_iterable(dialect.sort(key, True, True) for key in remaining.values())


_RANKED = frozenset({Function.MEDIAN, Function.FIRST, Function.LAST})
"""Functions that look at the order of rows. Only some databases have them as aggregates; all can number rows."""


def _ranked(
    rows: _Rows, by: Sequence[Group], aggregates: Iterable[Aggregate], conditions: Sequence[Expression]
) -> tuple[_Rows, Ranks]:
    """The rows that pass as a subquery that numbers them in their groups."""
    keys = [rows.key(group) for group in by]
    wanted = sorted({(aggregate.column, aggregate.function) for aggregate in aggregates})
    numbered = [each for column, function in wanted for each in _numbered(rows, keys, column, function)]
    cells = [*rows.cells.values(), *numbered]
    inner = sa.select(*(cell.label(f"c{i}") for i, cell in enumerate(cells))).select_from(rows.table)
    subquery = inner.where(*conditions).subquery("ranked")
    made: list[Expression] = list(subquery.c)
    count = len(rows.cells)
    ranks = {which: (made[count + 2 * i], made[count + 2 * i + 1]) for i, which in enumerate(wanted)}
    return _Rows(subquery, rows.columns, rows.dialect, dict(zip(rows.cells, made, strict=False))), ranks


def _numbered(rows: _Rows, keys: Sequence[Expression], column: str, function: Function) -> Iterable[Expression]:
    """A row's number among the values of its group, nulls last, and how many values there are."""
    cell = rows.cells[column]
    if function is Function.MEDIAN:
        order = rows.dialect.sort(*rows.place(column), True)
    else:
        source = rows.source_order()
        order = [cell.is_(None), *(source if function is Function.FIRST else map(sa.desc, source))]
    yield sa.func.row_number().over(partition_by=keys or None, order_by=order)
    yield sa.func.count(cell).over(partition_by=keys or None)


def _aggregated(aggregate: Aggregate, rows: _Rows, ranks: Ranks) -> Expression:
    """An aggregate of a column."""
    kind, function = rows.kinds[aggregate.column], aggregate.function
    value = rows.comparable(aggregate.column)
    if kind is Kind.BOOLEAN:  # PostgreSQL has no smallest or largest of these
        value = sa.cast(value, sa.Integer())
    if function in _RANKED:
        found = _of_rank(function, rows.dialect, value, *ranks[aggregate.column, function])
    else:
        found = _FUNCTIONS[function](rows.dialect, value, kind)
    return found == number(1) if aggregate.kind is Kind.BOOLEAN else found


def _of_rank(
    function: Function, dialect: Dialect, value: Expression, rank: Expression, count: Expression
) -> Expression:
    """The first value of the ranks, or the mean of the one or two in the middle."""
    if function is not Function.MEDIAN:
        return sa.func.max(sa.case((rank == number(1), value)))
    middle = sa.and_(value.is_not(None), rank * number(2) >= count, rank * number(2) <= count + number(2))
    return sa.func.avg(sa.case((middle, dialect.double(value))))


_FUNCTIONS: Mapping[Function, Callable[[Dialect, Expression, Kind], Expression]] = MappingProxyType(
    {
        Function.COUNT: lambda _, value, __: sa.func.count(value),
        Function.MAX: lambda _, value, __: sa.func.max(value),
        Function.MEAN: lambda dialect, value, _: sa.func.avg(dialect.double(value)),
        Function.MIN: lambda _, value, __: sa.func.min(value),
        Function.NUNIQUE: lambda _, value, __: sa.func.count(sa.distinct(value)),
        Function.PROD: lambda dialect, value, kind: dialect.product(value, kind),
        Function.SIZE: lambda *_: sa.func.count(),
        Function.STD: lambda dialect, value, _: dialect.deviation(value),
        Function.SUM: lambda dialect, value, _: dialect.sum(value),
        Function.VAR: lambda dialect, value, _: dialect.variance(value),
    }
)
