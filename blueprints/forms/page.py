"""What the page of a table shows: its rows as text, and links that change one thing of the query and keep the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from app.tables.columns import DATES, NUMBERS, Column, Kind
from app.tables.grammar import Query

ROWS = 50
"""Rows of a page, unless the request says how many."""

_LONGEST = 500
"""Characters of a cell; the download has all of them."""


def limited(query: Query, args: Mapping[str, Sequence[str]]) -> Query:
    """The query with as many rows as a page has."""
    return query if any(args.get("_limit", ())) else replace(query, limit=ROWS)


@dataclass(frozen=True)
class Head:
    """The head of a column: where a click leads, and how the rows are sorted by it now."""

    name: str
    url: str
    order: str
    """ascending, descending, or empty."""
    style: str
    """number, date, or empty."""


@dataclass(frozen=True)
class Page:
    """A page of a table."""

    path: str
    args: Mapping[str, Sequence[str]]
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    total: int
    query: Query

    @property
    def heads(self) -> list[Head]:
        """The heads of the columns. A click sorts up, a second one down, a third one no more."""
        orders = {sort.name: "ascending" if sort.ascending else "descending" for sort in self.query.sort}
        return [self._head(column, orders.get(column.name, "")) for column in self.columns]

    def _head(self, column: Column, order: str) -> Head:
        sort = {"": column.name, "ascending": f"-{column.name}", "descending": None}[order]
        style = "number" if column.kind in NUMBERS else "date" if column.kind in (*DATES, Kind.TIME) else ""
        return Head(column.name, self.url(_sort=sort, _offset=None), order, style)

    @property
    def cells(self) -> list[list[str]]:
        """The rows as text."""
        return [[_text(value) for value in row] for row in self.rows]

    @property
    def search(self) -> str:
        """The words that are searched for."""
        return " ".join(self.query.words)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The arguments that a search keeps."""
        return [(name, value) for name, value in self._flat({"_q": None, "_offset": None})]

    @property
    def first(self) -> int:
        """The number of the first row that is shown, from 1."""
        return min(self.query.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row that is shown."""
        return min(self.query.offset + len(self.rows), self.total)

    @property
    def before(self) -> str | None:
        """The address of the rows before these."""
        offset = max(0, self.query.offset - (self.query.limit or 0))
        return self.url(_offset=str(offset) if offset else None) if self.query.offset else None

    @property
    def after(self) -> str | None:
        """The address of the rows after these."""
        return self.url(_offset=str(self.last)) if self.rows and self.last < self.total else None

    @property
    def filters(self) -> list[tuple[str, str]]:
        """What the rows are filtered by, and the address without that filter."""
        ignored = {name for name, _ in self.query.ignored}
        own = [name for name in self.args if not name.startswith("_") and name not in ignored]
        return [(_condition(name, self.args[name]), self.url(**{name: None}, _offset=None)) for name in own]

    def download(self, kind: str) -> str:
        """The address of all the rows in a format."""
        return self.url(_format=kind, _offset=None, _download=f"data.{kind}")

    def url(self, **changed: str | None) -> str:
        """The address of the same query with other arguments; None takes one away."""
        query = urlencode(self._flat(changed))
        return f"{self.path}?{query}" if query else self.path

    def _flat(self, changed: Mapping[str, str | None]) -> list[tuple[str, str]]:
        kept = [(name, value) for name, values in self.args.items() if name not in changed for value in values]
        return [*kept, *((name, value) for name, value in changed.items() if value is not None)]


def _condition(name: str, values: Sequence[str]) -> str:
    return f"{name}={', '.join(values)}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, float):
        return f"{value:.15g}"
    text = value.hex(" ") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
