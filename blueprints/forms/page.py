"""What the page of a table shows: its rows as text, and links that change one thing of the query and keep the rest.

`answer` asks for the rows of one page and makes a `Page` of them. The forms of the page are those of `controls.py`;
both are plain values that `table.html` writes, and that work in a browser without scripts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from app.tables.columns import DATES, NUMBERS, Column, Kind
from app.tables.grammar import Query, parse
from app.tables.query import Op
from app.tables.source import Result, TooLong
from blueprints.forms import controls
from blueprints.forms.controls import Args

ROWS = 50
"""Rows of a page, unless the request says how many."""

MOST = 1000
"""Rows of a page, whatever the request says: a page of a million rows is of use to nobody. Downloads have them all."""

PATIENCE = 0.4
"""Seconds that a page waits for the number of all rows; after that the browser asks for it by itself."""

_LONGEST = 500
"""Characters of a cell; the download has all of them."""

_CHARTS = ("bar", "line", "area", "point")
_TITLES = {"csv": "CSV", "xlsx": "Excel", "json": "JSON", "ndjson": "NDJSON", "tsv": "TSV", "parquet": "Parquet"}
_TITLES |= {"arrow": "Arrow", "pptx": "PowerPoint"}
_SHOWN = frozenset(("html", "svg", "png", "pdf", "vega", "vega-lite", "vegam", "seaborn", "sns"))
_CHART_ARGS = ("_chart", "_x", "_y", "_color", "_theme")


def limited(query: Query, args: Mapping[str, Sequence[str]]) -> Query:
    """The query with as many rows as a page has."""
    asked = query.limit if any(args.get("_limit", ())) else ROWS
    return replace(query, limit=MOST if asked is None else min(asked, MOST))


def answer(
    path: str,
    args: Args,
    schema: Sequence[Column],
    run: Callable[[Query, float], Result],
    timeout: float,
    **options: Any,
) -> "Page":
    """The page that a request asks for. `run` is that of the source, `options` are the other fields of `Page`.

    Its pages have numbers, so that it passes over `_after`. Raises what `parse` and `run` raise.
    """
    args = _without_after(args)
    if options.get("asked") is not None:
        options["asked"] = _without_after(options["asked"])
    query = limited(parse(args, schema), args)
    asked = _with_keys(query, options.get("id", ()) if options.get("editable") else ())
    limit = asked.limit or 0
    columns, rows, count = _read(run, replace(asked, limit=limit + 1, count=False), timeout)
    more = len(rows) > limit
    total = (
        query.offset + len(rows) if limit and not more and (rows or not query.offset) else _counted(run, query, timeout)
    )
    hidden = frozenset(asked.columns) - frozenset(query.columns)
    return Page(path, args, columns, rows[:limit], total, query, schema=schema, more=more, hidden=hidden, **options)


def _without_after(args: Args) -> Args:
    return {name: values for name, values in args.items() if name.rpartition(":")[2] != "_after"}


def _with_keys(query: Query, keys: Sequence[str]) -> Query:
    """The query with the columns that say which row is which, by which rows are edited."""
    if query.by is not None or query.distinct:
        return query
    return replace(query, columns=tuple(dict.fromkeys((*query.columns, *keys))))


def _read(
    run: Callable[[Query, float], Result], query: Query, timeout: float
) -> tuple[tuple[Column, ...], list[tuple[Any, ...]], int | None]:
    with closing(run(query, timeout)) as result:
        return result.columns, [row for batch in result.batches() for row in batch], result.count


def _counted(run: Callable[[Query, float], Result], query: Query, timeout: float) -> int | None:
    """The number of all rows; None if it takes long, unless only this query can tell it: that of groups is no sum."""
    is_plain = query.by is None and not query.distinct
    try:
        return _read(run, replace(query, limit=0, offset=0, count=True), PATIENCE if is_plain else timeout)[2]
    except TooLong:
        if not is_plain:
            raise
        return None


@dataclass(frozen=True)
class Head:
    """The head of a column: where a click leads, and how the rows are sorted by it now."""

    name: str
    url: str
    also: str
    """Where a click leads that keeps the other columns in the order."""
    order: str
    """ascending, descending, or empty."""
    place: int
    """Which of the columns that are sorted by it is, from 1; 0 if it is none."""
    style: str
    """number, date, or empty."""
    kind: Kind
    filter: controls.ColumnFilter


@dataclass(frozen=True)
class Chip:
    """A condition in words, and the address without it."""

    text: str
    url: str


@dataclass(frozen=True)
class Page:
    """A page of a table, or of one of the datasets of a mount: then `prefix` stands before its arguments."""

    path: str
    args: Args
    """The arguments of this dataset, with the defaults of the mount and without the prefix."""
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    total: int | None
    """None if nobody has counted yet."""
    query: Query
    asked: Args | None = None
    """The arguments of the request as they stand in the address; `args` if they are not given."""
    name: str = "data"
    prefix: str = ""
    editable: bool = False
    id: tuple[str, ...] = ()
    """The columns by whose values a row is found again."""
    formats: Sequence[str] = ("csv", "json", "ndjson")
    schema: Sequence[Column] = ()
    """All columns of the table."""
    more: bool = False
    """Whether there are rows after these, where nobody has counted."""
    hidden: frozenset[str] = frozenset()
    """Columns of the rows that are not shown."""

    @cached_property
    def shown(self) -> list[Column]:
        """The columns that are shown."""
        return [column for column in self.columns if column.name not in self.hidden]

    @cached_property
    def heads(self) -> list[Head]:
        """The heads of the columns. A click sorts up, a second one down, a third one no more."""
        orders = {sort.name: ("ascending" if sort.ascending else "descending") for sort in self.query.sort}
        places = {sort.name: place for place, sort in enumerate(self.query.sort, 1)}
        return [self._head(column, orders.get(column.name, ""), places.get(column.name, 0)) for column in self.shown]

    def _head(self, column: Column, order: str, place: int) -> Head:
        turned = {"": [column.name], "ascending": [f"-{column.name}"], "descending": []}[order]
        also = [("" if sort.ascending else "-") + sort.name for sort in self.query.sort if sort.name != column.name]
        if place:
            also[place - 1 : place - 1] = turned
        else:
            also += turned
        style = "number" if column.kind in NUMBERS else "date" if column.kind in (*DATES, Kind.TIME) else ""
        urls = (self.url({"_sort": turned, "_offset": ()}), self.url({"_sort": also, "_offset": ()}))
        filtered = controls.column_filter(column, self.query, self.kept)
        return Head(column.name, *urls, order, place, style, column.kind, filtered)

    @property
    def cells(self) -> list[list[str]]:
        """The rows as text."""
        places = [place for place, column in enumerate(self.columns) if column.name not in self.hidden]
        return [[_text(row[place]) for place in places] for row in self.rows]

    @property
    def lines(self) -> Iterator[tuple[str, list[str]]]:
        """The rows as text, each after the query that finds it alone; that is empty where there is none."""
        places = [self._place(name) for name in self.id] if self.can_edit else []
        for row, cells in zip(self.rows, self.cells, strict=True):
            keys = [row[place] for place in places if place is not None]
            found = len(keys) == len(self.id) and all(key is not None for key in keys)
            yield urlencode(dict(zip(self.id, map(controls.written, keys), strict=False))) if found else "", cells

    def _place(self, name: str) -> int | None:
        return next((place for place, column in enumerate(self.columns) if column.name == name), None)

    @property
    def can_edit(self) -> bool:
        """Whether the rows are those of the table, and may be changed."""
        return self.editable and bool(self.id) and self.query.by is None and not self.query.distinct

    @property
    def search(self) -> str:
        """The words that are searched for."""
        return " ".join(self.query.words)

    def kept(self, *names: str) -> list[tuple[str, str]]:
        """The arguments that a form keeps which has fields of these names; the rows are shown from the first."""
        return self._flat(dict.fromkeys((*names, "_offset"), ()), fields=frozenset(names))

    @property
    def first(self) -> int:
        """The number of the first row that is shown, from 1."""
        return self.query.offset + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row that is shown."""
        return self.query.offset + len(self.rows)

    @property
    def pages(self) -> tuple[int, int] | None:
        """The number of this page and of the last, if the rows are counted and the page begins where one does."""
        limit = self.query.limit
        if not limit or self.total is None or self.query.offset % limit:
            return None
        return self.query.offset // limit + 1, max(1, -(-self.total // limit))

    @property
    def start(self) -> str | None:
        """The address of the first rows."""
        return self.url({"_offset": ()}) if self.query.offset else None

    @property
    def before(self) -> str | None:
        """The address of the rows before these."""
        offset = max(0, self.query.offset - (self.query.limit or 0))
        return self.url({"_offset": [str(offset)] if offset else ()}) if self.query.offset else None

    @property
    def after(self) -> str | None:
        """The address of the rows after these."""
        follows = self.more if self.total is None else self.last < self.total
        return self.url({"_offset": [str(self.last)]}) if self.rows and follows else None

    @property
    def end(self) -> str | None:
        """The address of the last rows."""
        if self.pages is None or self.pages[0] >= self.pages[1]:
            return None
        return self.url({"_offset": [str((self.pages[1] - 1) * (self.query.limit or 0))]})

    @property
    def filters(self) -> list[Chip]:
        """What the rows are filtered by, and the address without that filter."""
        plain = [(item.column, item.op, item.values) for item in self.query.filters]
        having = [(item.aggregate.name, item.op, item.values) for item in self.query.having]
        return [
            Chip(_condition(name, op, values), self.url({name + op.text: (), "_offset": ()}))
            for name, op, values in plain + having
        ]

    @property
    def ignored(self) -> list[Chip]:
        """What was asked and means nothing here, and the address without it."""
        asked = [(name, values) for name, values in self.query.ignored if name not in _CHART_ARGS and any(values)]
        return [Chip(f"{name}={', '.join(values)}", self.url({name: ()})) for name, values in asked]

    @property
    def unfiltered(self) -> str:
        """The address without any filter and search."""
        names = [item.column + item.op.text for item in self.query.filters]
        names += [item.aggregate.name + item.op.text for item in self.query.having]
        return self.url(dict.fromkeys([*names, "_q", "_offset"], ()))

    @property
    def grouping(self) -> controls.Grouping:
        """The form that groups the rows."""
        return controls.grouping(self.schema or self.columns, self.query)

    @property
    def ungrouped(self) -> str:
        """The address of the rows without groups."""
        return self.url({"_by": (), "_c": (), "_sort": (), "_offset": ()})

    @property
    def choice(self) -> list[tuple[str, bool]]:
        """All columns, those that are shown first and in their order, and whether they are shown."""
        shown = dict.fromkeys(column.name for column in self.shown)
        return [(name, True) for name in shown] + [(one.name, False) for one in self.schema if one.name not in shown]

    @property
    def is_chosen(self) -> bool:
        """Whether the columns are others than those of the table."""
        return self.query.by is None and self.query.columns != tuple(column.name for column in self.schema)

    @cached_property
    def chart(self) -> controls.Chart | None:
        """The chart that the address asks for, if charts can be drawn."""
        kind = (list(self.args.get("_chart", ())) or [""])[-1]
        if "svg" not in self.formats or self.prefix or not kind:
            return None
        kind = kind if kind in _CHARTS else _CHARTS[0]
        drawn: Mapping[str, Sequence[str]] = {"_format": ["svg"], "_chart": [kind], "_offset": (), "_limit": ["1000"]}
        pictures = self.url(drawn), self.url({**drawn, "_theme": ["dark"]})
        chosen = {name: (list(self.args.get(name, ())) or [""])[-1] for name in _CHART_ARGS[1:4]}
        names = [column.name for column in self.shown]
        return controls.Chart(kind, _CHARTS, chosen, names, *pictures, self.url(dict.fromkeys(_CHART_ARGS, ())))

    @property
    def charted(self) -> str:
        """The address of the page with a chart."""
        return self.url({"_chart": ["bar"]})

    @property
    def downloads(self) -> list[tuple[str, str]]:
        """The formats to save the rows in, and what to call them. Pictures are on the page itself."""
        known = [(kind, title) for kind, title in _TITLES.items() if kind in self.formats]
        return known + [(kind, kind) for kind in self.formats if kind not in _TITLES and kind not in _SHOWN]

    def download(self, kind: str) -> str:
        """The address of all the rows in a format."""
        return self.url({"_format": [kind], "_offset": (), "_limit": ["-1"], "_download": [self.file(kind)]})

    def file(self, kind: str) -> str:
        """The name of the file to save the rows in: what the address ends in."""
        return f"{self.path.rpartition('/')[2] or self.name}.{kind}"

    def url(self, changed: Mapping[str, Sequence[str]]) -> str:
        """The address of the same query with other arguments; one without values is taken away."""
        query = urlencode(self._flat(changed))
        return f"{self.path}?{query}" if query else self.path

    def _flat(
        self, changed: Mapping[str, Sequence[str]], fields: frozenset[str] = frozenset()
    ) -> list[tuple[str, str]]:
        """The arguments of an address.

        What is taken away and is in force all the same, by a default of the mount, needs to be said: as empty.
        """
        asked = self.args if self.asked is None else self.asked
        own = {self._named(name): values for name, values in changed.items()}
        kept = [(name, value) for name, values in asked.items() if name not in own for value in values]
        new = [(name, value) for name, values in own.items() for value in values]
        gone = [name for name, values in changed.items() if not values and name not in fields]
        return [*kept, *new, *((self._named(name), "") for name in gone if self._is_default(name, asked))]

    def _is_default(self, name: str, asked: Args) -> bool:
        return any(self.args.get(name, ())) and self._named(name) not in asked

    def _named(self, name: str) -> str:
        return name if name in ("_format", "_download") else self.prefix + name


_WORDS = {
    Op.EQUAL: "is",
    Op.NOT_EQUAL: "is not",
    Op.NOT_NULL: "has a value",
    Op.NULL: "is empty",
    Op.GREATER: ">",
    Op.GREATER_EQUAL: "≥",
    Op.LESS: "<",
    Op.LESS_EQUAL: "≤",
    Op.MATCH: "matches",
    Op.NOT_MATCH: "does not match",
    Op.MATCH_NOCASE: "contains",
    Op.NOT_MATCH_NOCASE: "does not contain",
}


_PATTERNS = {Op.MATCH_NOCASE: Op.MATCH, Op.NOT_MATCH_NOCASE: Op.NOT_MATCH}
_SPECIAL = re.compile(r"[.*+?^${}()|[\]\\/]")
"""What the page's script escapes in text that is to be contained as it is written."""


def _condition(name: str, op: Op, values: Sequence[Any]) -> str:
    texts = [_text(value) for value in values]
    if op in _PATTERNS:
        plain = [_plain(text) for text in texts]
        op, texts = (_PATTERNS[op], texts) if None in plain else (op, [text for text in plain if text is not None])
    return f"{name} {_WORDS[op]} {' or '.join(texts)}".rstrip()


def _plain(pattern: str) -> str | None:
    """The text that a pattern means letter by letter; None for one that means more."""
    text = re.sub(r"\\(.)", r"\1", pattern)
    return text if _SPECIAL.sub(r"\\\g<0>", text) == pattern else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, float):
        return f"{value:.15g}"
    text = value.hex(" ") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
