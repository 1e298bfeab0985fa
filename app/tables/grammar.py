"""The query language of tables (gramex.md §8): a request's arguments become one `Query`.

    ?city=Oslo&sales>~=100&_by=city&_by=day:month&_c=sales|sum&_sort=-sales|sum&_limit=10

Where the original differs between files and databases, this is the one meaning:

* `!=`, `!~` and `!*` keep rows whose value is null.
* `~` and `*` search regular expressions (RE2's), `*` ignoring case; what is no text is searched in its text form.
* What names an unknown column does nothing, as if it were not written, and is listed in `Query.ignored`.
* `_limit=-1` is no limit. A column or an aggregate asked for twice is given once.
* The aggregates without `_c` are `col|sum` of the numeric columns that are no group keys.
* HAVING needs its aggregate not to be in `_c`, and without `_by` is ignored.

Parameters win over columns of their names. Beyond the original: `_q` (words), `_distinct`, `_count`, `_by=day:month`,
`_after` (`app.tables.paging`).
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, TypeVar

from app.tables import paging
from app.tables.columns import DATES, NUMBERS, BadValue, Column, Kind, Value, convert, truth
from app.tables.query import (
    DEFAULT_LIMIT,
    PATTERNS,
    Aggregate,
    Filter,
    Function,
    Group,
    Having,
    Op,
    Query,
    Sort,
    Unit,
)

__all__ = [
    "Aggregate",
    "Filter",
    "Function",
    "Group",
    "Having",
    "Op",
    "PATTERNS",
    "Query",
    "Sort",
    "Unit",
    "links",
    "meta",
    "parse",
]

links = paging.token
"""What `_after` takes for the rows after the last one of an answer."""


def parse(
    args: Mapping[str, Sequence[str]],
    columns: Sequence[Column],
    strict: bool = False,
    passed: Collection[str] = (),
    key: Sequence[str] = (),
) -> Query:
    """What a request's arguments ask of a table with these columns. Raises `BadValue`.

    `passed` are arguments that somebody else reads, as `_format`, `_download` and `_meta` always are. What is left and
    means nothing is ignored, or a BadValue if it is to be `strict`. `key` names columns that tell all rows apart, where
    the columns do not say it themselves.
    """
    rest = {arg: values for arg, values in args.items() if arg not in passed} if passed else args
    query = _remembered(rest, columns, tuple(key))
    meaningless = [item for item in query.ignored if strict and not _is_unfilled(*item, columns)]
    if meaningless:
        arg, values = meaningless[0]
        raise BadValue(arg, ", ".join(values), _MEANING.get(arg, "a condition: no column has this name"))
    return query


def _is_unfilled(arg: str, values: Sequence[str], columns: Sequence[Column]) -> bool:
    """Whether this is an operator on a column without a value, as a form sends for a field that nobody filled."""
    return not any(values) and any(arg == column.name + suffix for column in columns for suffix in _OPS)


_KEPT = 512
_SHORT = 2000
_kept: dict[Hashable, tuple[Sequence[Column], Query]] = {}
"""What was asked of tables before: most requests are made by the same few pages, and reading one takes 20 µs."""


def _remembered(args: Mapping[str, Sequence[str]], columns: Sequence[Column], key: tuple[str, ...]) -> Query:
    asked = (id(columns), key, *((arg, *values) for arg, values in args.items()))
    known, query = _kept.get(asked, (None, None))
    if query is not None and known is columns:
        return query
    query = _read(args, columns, key)
    if len(_kept) >= _KEPT:
        _kept.clear()
    if isinstance(columns, tuple) and _is_short(args):
        _kept[asked] = columns, query
    return query


def _is_short(args: Mapping[str, Sequence[str]]) -> bool:
    """Whether it may be kept: five hundred of them take no memory to speak of."""
    return sum(len(value) + 1 for values in args.values() for value in values) < _SHORT


def _read(args: Mapping[str, Sequence[str]], columns: Sequence[Column], key: Sequence[str]) -> Query:
    reading = _Reading(args, columns)
    by = reading.by()
    query = reading.complete(reading.flat() if by is None else reading.grouped(by))
    return paging.paged(query, args, columns, key)


_MEANING = {"_c": "something to choose here", "_by": "a column to group by", "_sort": "something to sort by"}
"""What an argument that was ignored is not, if it is no condition."""


def meta(query: Query, count: int | None = None) -> dict[str, Any]:
    """What was understood, for the `FH-*` headers of an answer (gramex.md §8); values are as in the query.

    `count` is that of the result, and left out if it is None.
    """
    filters = [(item.column, item.op, item.values) for item in query.filters]
    having = [(item.aggregate.name, item.op, item.values) for item in query.having]
    return {
        "filters": [[name, op.text, list(values)] for name, op, values in filters + having],
        "ignored": [[arg, list(values)] for arg, values in query.ignored],
        "sort": [[item.name, item.ascending] for item in query.sort],
        "offset": query.offset,
        "limit": -1 if query.limit is None else query.limit,
        "by": [group.name for group in query.by or ()],
        "excluded": list(query.excluded),
        **({} if count is None else {"count": count}),
    }


_OPS = {
    ">~": Op.GREATER_EQUAL,
    "<~": Op.LESS_EQUAL,
    "!~": Op.NOT_MATCH,
    "!*": Op.NOT_MATCH_NOCASE,
    "!": Op.NOT_EQUAL,
    ">": Op.GREATER,
    "<": Op.LESS,
    "~": Op.MATCH,
    "*": Op.MATCH_NOCASE,
    "": Op.EQUAL,
}
"""What an argument's name ends in, in the order of trying: the longest first."""

_WITHOUT_VALUES = {Op.EQUAL: Op.NOT_NULL, Op.NOT_EQUAL: Op.NULL}
_FUNCTIONS = {function.value: function for function in Function} | {"avg": Function.MEAN, "average": Function.MEAN}
_COUNTS = {Function.COUNT, Function.NUNIQUE, Function.SIZE}
_PICKS = {Function.FIRST, Function.LAST, Function.MAX, Function.MIN}
_ADDABLE = NUMBERS | {Kind.BOOLEAN, Kind.OTHER}
"""Columns without a declared type are `other`, and often hold numbers in SQLite."""

PARAMETERS = frozenset("_after _by _c _count _distinct _download _format _limit _meta _offset _q _schema _sort".split())
"""Arguments that are no conditions on columns."""

_SEARCHES = 50
"""How many words or patterns an argument may have: each is a condition, and SQLite refuses a thousand of them."""

_CONDITIONS = 200
"""How many arguments may be conditions, for the same reason."""

_VALUES = 1000
"""How many values a condition may have: 20 ms go by before the SQL for so many is written."""

_PATTERN = 1000
"""Characters of a regular expression."""

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_T = TypeVar("_T")


class _Reading:
    """The arguments of one request read against the columns of one table; `ignored` gathers what means nothing."""

    def __init__(self, args: Mapping[str, Sequence[str]], columns: Sequence[Column]) -> None:
        self.args = args
        self.columns = {column.name: column for column in columns}
        self.ignored: list[tuple[str, tuple[str, ...]]] = []

    def flat(self) -> Query:
        """The query of an answer without groups."""
        shown, hidden = self._choice()
        distinct = self._flag("_distinct")
        sortable = dict.fromkeys(shown if distinct else self.columns)
        filters, _ = self._conditions(grouped=False)
        sort = self._sort(lambda name: Sort(name) if name in sortable else None)
        return Query(shown, filters, sort=sort, distinct=distinct, excluded=hidden)

    def grouped(self, by: tuple[Group, ...]) -> Query:
        """The query of an answer with groups."""
        keys = {group.name for group in by}
        aggregates, hidden = self._aggregates(keys)
        if not (by or aggregates):
            wanted = "an aggregate: without a group key at least one is needed, such as city|count"
            raise BadValue("_c", ", ".join(self._values("_c")), wanted)
        filters, having = self._conditions(grouped=True)
        sort = self._sort(lambda name: self._group_sort(name, keys))
        return Query((), filters, having, by, aggregates, sort, excluded=hidden)

    def complete(self, query: Query) -> Query:
        """The query with what reads the same with groups and without."""
        limits = self._wholes("_limit", -1, "a whole number from 0, or -1 for no limit")
        return replace(
            query,
            limit=min((limit for limit in limits if limit >= 0), default=None if limits else DEFAULT_LIMIT),
            offset=min(self._wholes("_offset", 0, "a whole number from 0"), default=0),
            words=self._words(),
            count=self._flag("_count"),
            ignored=tuple(self.ignored),
        )

    def by(self) -> tuple[Group, ...] | None:
        """The keys to group by; None if no groups are asked for."""
        return tuple(dict.fromkeys(self._known("_by", self._group))) if "_by" in self.args else None

    def _group(self, text: str) -> Group | None:
        if text in self.columns:
            return Group(text, self.columns[text].kind)
        name, _, unit = text.rpartition(":")
        if name not in self.columns:
            return None
        kind = self.columns[name].kind
        units = [known.value for known in Unit if kind == Kind.DATETIME or known != Unit.HOUR]
        if kind not in DATES:
            raise BadValue("_by", text, f"a group of dates: {name} holds {kind}")
        if unit not in units:
            raise BadValue("_by", text, f"a group of dates: the units are {', '.join(units)}")
        return Group(name, kind, Unit(unit))

    def _choice(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns to show in their order, and those that are hidden."""
        asked = self._known("_c", self._signed)
        hidden = tuple(dict.fromkeys(name for name, shown in asked if not shown))
        wanted = dict.fromkeys(name for name, shown in asked if shown) or self.columns
        chosen = tuple(name for name in wanted if name not in hidden)
        if hidden and not chosen:
            raise BadValue("_c", ", ".join(self._values("_c")), "a choice that leaves a column to show")
        return chosen, hidden

    def _signed(self, text: str) -> tuple[str, bool] | None:
        """A column and whether to show it: `-` before its name hides it, unless the name has the `-` itself."""
        if text in self.columns:
            return text, True
        return (text[1:], False) if text.startswith("-") and text[1:] in self.columns else None

    def _aggregates(self, keys: Set[str]) -> tuple[tuple[Aggregate, ...], tuple[str, ...]]:
        """What to compute for each group, and the columns that are left out of the default sums."""
        asked: list[Aggregate | tuple[str, bool]] = self._known("_c", self._aggregate_or_signed)
        columns = [item for item in asked if not isinstance(item, Aggregate)]
        hidden = tuple(dict.fromkeys(name for name, shown in columns if not shown))
        plain = [name for name, shown in columns if shown]
        self._ignore("_c", [name for name in plain if name not in keys])
        aggregates = _firsts((item for item in asked if isinstance(item, Aggregate)), _without_case)
        if aggregates or plain:
            return aggregates, hidden
        return tuple(self._sums({*keys, *hidden})), hidden

    def _aggregate_or_signed(self, text: str) -> Aggregate | tuple[str, bool] | None:
        return self._aggregate("_c", text) or self._signed(text)

    def _sums(self, without: Set[str]) -> Iterator[Aggregate]:
        for column in self.columns.values():
            if column.kind in NUMBERS and column.name not in without:
                yield Aggregate(column.name, Function.SUM, f"{column.name}|sum", column.kind)

    def _aggregate(self, arg: str, text: str) -> Aggregate | None:
        """The aggregate that a text such as `sales|sum` names, if it begins with a column."""
        name, bar, word = text.rpartition("|")
        if not bar or name not in self.columns:
            return None
        function, kind = _FUNCTIONS.get(word.lower()), self.columns[name].kind
        if function is None:
            raise BadValue(arg, text, f"an aggregate: known are {', '.join(sorted(_FUNCTIONS))}")
        if function not in _COUNTS | _PICKS and kind not in _ADDABLE:
            raise BadValue(arg, text, f"an aggregate of numbers: {name} holds {kind}")
        return Aggregate(name, function, text, _result(function, kind))

    def _sort(self, read: Callable[[str], Sort | None]) -> tuple[Sort, ...]:
        """The order asked for; `-` before a name reverses it, unless the name has the `-` itself."""

        def signed(text: str) -> Sort | None:
            sort = read(text)
            if sort is None and text.startswith("-") and (reverse := read(text[1:])):
                return replace(reverse, ascending=False)
            return sort

        return _firsts(self._known("_sort", signed), lambda sort: sort.name)

    def _group_sort(self, name: str, keys: Set[str]) -> Sort | None:
        if name in keys:
            return Sort(name)
        aggregate = self._aggregate("_sort", name)
        return Sort(name, aggregate=aggregate) if aggregate else None

    def _conditions(self, grouped: bool) -> tuple[tuple[Filter, ...], tuple[Having, ...]]:
        """What the rows and the groups must meet, from all arguments that are no parameters."""
        read: list[Filter | Having] = []
        for arg, values in self.args.items():
            if arg in PARAMETERS:
                continue
            condition = self._filter(arg) or (self._having(arg) if grouped else None)
            if condition:
                read.append(condition)
            else:
                self.ignored.append((arg, tuple(values)))
            if len(read) > _CONDITIONS:
                raise BadValue(arg, ", ".join(values), f"within the {_CONDITIONS} conditions that a query may have")
        filters = tuple(item for item in read if isinstance(item, Filter))
        return filters, tuple(item for item in read if isinstance(item, Having))

    def _filter(self, arg: str) -> Filter | None:
        """The condition of an argument on a column; the exact name of a column wins over an operator at its end."""
        for suffix in ("", *_OPS):
            column = self.columns.get(arg.removesuffix(suffix))
            if column and arg == column.name + suffix:
                compared = self._compared(arg, _OPS[suffix], column)
                return Filter(column.name, *compared) if compared else None
        return None

    def _having(self, arg: str) -> Having | None:
        suffix = next(suffix for suffix in _OPS if arg.endswith(suffix))
        aggregate = self._aggregate(arg, arg.removesuffix(suffix))
        if aggregate is None:
            return None
        compared = self._compared(arg, _OPS[suffix], Column(aggregate.name, aggregate.kind))
        return Having(aggregate, *compared) if compared else None

    def _compared(self, arg: str, op: Op, column: Column) -> tuple[Op, tuple[Value, ...]] | None:
        """The operator and its values; None if it needs one and has none."""
        texts = self._values(arg)
        if not texts:
            return (_WITHOUT_VALUES[op], ()) if op in _WITHOUT_VALUES else None
        if op in PATTERNS:
            return op, tuple(_pattern(arg, text, column) for text in _few(arg, texts, "patterns"))
        values = dict.fromkeys(convert(text, column) for text in _few(arg, texts, "values", _VALUES))
        return op, tuple(values)

    def _words(self) -> tuple[str, ...]:
        words = dict.fromkeys(word for text in self._values("_q") for word in text.split())
        return tuple(_text("_q", word) for word in _few("_q", list(words), "words"))

    def _wholes(self, arg: str, least: int, wanted: str) -> list[int]:
        texts = self._values(arg)
        for text in texts:
            if not _WHOLE.fullmatch(text) or int(text) < least:
                raise BadValue(arg, text, wanted)
        return [int(text) for text in texts]

    def _flag(self, arg: str) -> bool:
        return any(truth(text) for text in self._values(arg))

    def _values(self, arg: str) -> list[str]:
        return [text for text in dict.fromkeys(self.args.get(arg, ())) if text]

    def _known(self, arg: str, read: Callable[[str], _T | None]) -> list[_T]:
        """What an argument's values mean, without those that mean nothing."""
        pairs = [(text, read(text)) for text in self._values(arg)]
        self._ignore(arg, [text for text, item in pairs if item is None])
        return [item for _, item in pairs if item is not None]

    def _ignore(self, arg: str, values: Sequence[str]) -> None:
        if values:
            self.ignored.append((arg, tuple(values)))


def _firsts(items: Iterable[_T], key: Callable[[_T], Hashable]) -> tuple[_T, ...]:
    """The items, and of those with the same key the first."""
    first: dict[Hashable, _T] = {}
    for item in items:
        first.setdefault(key(item), item)
    return tuple(first.values())


def _without_case(aggregate: Aggregate) -> tuple[str, str]:
    """What is the same for `sales|sum` and `sales|SUM`, but not for columns that differ in case."""
    return aggregate.column, aggregate.name.lower()


def _result(function: Function, kind: Kind) -> Kind:
    """The kind that an aggregate of a column yields."""
    if function in _COUNTS:
        return Kind.INTEGER
    if function in _PICKS:
        return kind
    if function == Function.SUM and kind != Kind.OTHER:
        return Kind.INTEGER if kind == Kind.BOOLEAN else kind
    return Kind.FLOAT


def _few(arg: str, texts: Sequence[str], what: str, most: int = _SEARCHES) -> Sequence[str]:
    if len(texts) > most:
        raise BadValue(arg, " ".join(texts), f"at most {most} {what}")
    return texts


def _text(arg: str, text: str) -> str:
    """The text, if every source takes it."""
    return str(convert(text, Column(arg, Kind.TEXT)))


def _pattern(arg: str, text: str, column: Column) -> str:
    """The text, if it is a regular expression that can be searched in the column."""
    from app.tables.databases.sqlite_functions import check  # only here, as it loads RE2

    if column.kind == Kind.BINARY:
        raise BadValue(arg, text, f"a search in text: {column.name} holds {column.kind}")
    if len(text) > _PATTERN:
        raise BadValue(arg, text, f"a regular expression of at most {_PATTERN} characters")
    pattern = _text(arg, text)
    try:
        check(pattern)
    except ValueError as error:
        raise BadValue(arg, text, f"a regular expression: {error}") from error
    return pattern
