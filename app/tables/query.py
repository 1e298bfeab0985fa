"""What is asked of a table, as plain values: `grammar.parse` makes them of a request, every source answers them alike.

Nulls sort last, ascending and descending; text sorts by code point. Ties are broken by the primary key, or stay in
the order of the source. A group of nulls is kept. Groups, and the rows of a distinct answer, are sorted by all their
keys unless `sort` says otherwise, and in ties. A bound with several values takes the widest: above the smallest,
below the largest. A sum or product of nothing is null; `std` and `var` are those of a sample; `first` and `last` pass
over nulls, as `count` and `nunique` do, and only `size` counts them.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from app.tables.columns import Kind, Value

DEFAULT_LIMIT = 10_000


class Op(Enum):
    """How a filter compares."""

    EQUAL = "equal"
    NOT_EQUAL = "not equal"
    NOT_NULL = "not null"
    NULL = "null"
    GREATER = "greater"
    GREATER_EQUAL = "greater or equal"
    LESS = "less"
    LESS_EQUAL = "less or equal"
    MATCH = "match"
    NOT_MATCH = "no match"
    MATCH_NOCASE = "match ignoring case"
    NOT_MATCH_NOCASE = "no match ignoring case"

    @property
    def text(self) -> str:
        """The operator as it is written before the `=`."""
        return _TEXTS[self]


_TEXTS = {
    Op.EQUAL: "",
    Op.NOT_NULL: "",
    Op.NOT_EQUAL: "!",
    Op.NULL: "!",
    Op.GREATER: ">",
    Op.GREATER_EQUAL: ">~",
    Op.LESS: "<",
    Op.LESS_EQUAL: "<~",
    Op.MATCH: "~",
    Op.NOT_MATCH: "!~",
    Op.MATCH_NOCASE: "*",
    Op.NOT_MATCH_NOCASE: "!*",
}
PATTERNS = frozenset({Op.MATCH, Op.NOT_MATCH, Op.MATCH_NOCASE, Op.NOT_MATCH_NOCASE})
"""Operators whose values are regular expressions: text, whatever the kind of the column."""


class Function(StrEnum):
    """What an aggregate computes, `avg` and `average` being `mean`."""

    COUNT = "count"
    FIRST = "first"
    LAST = "last"
    MAX = "max"
    MEAN = "mean"
    MEDIAN = "median"
    MIN = "min"
    NUNIQUE = "nunique"
    PROD = "prod"
    SIZE = "size"
    STD = "std"
    SUM = "sum"
    VAR = "var"


class Unit(StrEnum):
    """What a date is truncated to."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of a column in each group: `name` is how the answer calls it, as the request wrote it."""

    column: str
    function: Function
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Group:
    """A key to group by: a column, or with a unit a date truncated to its first moment, which keeps the column's kind.

    Weeks begin on Mondays.
    """

    column: str
    kind: Kind
    unit: Unit | None = None

    @property
    def name(self) -> str:
        """How the answer calls it."""
        return f"{self.column}:{self.unit}" if self.unit else self.column


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the rows. Values are of the column's kind; without any only for `NULL` and `NOT_NULL`."""

    column: str
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Having:
    """A condition on the groups; its aggregate need not be among the answer's."""

    aggregate: Aggregate
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Sort:
    """Sort by a column, or in groups by a key's name or an aggregate, which need not be among the answer's."""

    name: str
    ascending: bool = True
    aggregate: Aggregate | None = None


@dataclass(frozen=True, slots=True)
class After:
    """Where a page begins: after the row that has these values in what `Query.sort` names, which no two rows share.

    Without values it is the first page.
    """

    kinds: tuple[Kind, ...]
    values: tuple[Value | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a table.

    `columns` are those of the answer in order, if it has no groups. `by` is None without groups, and empty for one
    row of aggregates over all. `limit` is None for no limit. `words` must all appear, ignoring case, each in some
    text column. `distinct` drops repeated rows of the answer. `count` asks for the number of rows before the limit too,
    which does not look at `after`.
    """

    columns: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    having: tuple[Having, ...] = ()
    by: tuple[Group, ...] | None = None
    aggregates: tuple[Aggregate, ...] = ()
    sort: tuple[Sort, ...] = ()
    limit: int | None = DEFAULT_LIMIT
    offset: int = 0
    words: tuple[str, ...] = ()
    distinct: bool = False
    count: bool = False
    ignored: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excluded: tuple[str, ...] = ()
    after: After | None = None
