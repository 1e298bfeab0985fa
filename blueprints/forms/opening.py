"""From the settings of a dataset and a request's arguments to the source that answers it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from app.expressions import Expression
from app.tables import sources
from app.tables.columns import BadValue, Column
from app.tables.query import Query
from app.tables.source import Missing, Result, Source
from blueprints.forms import placeholders
from blueprints.forms.placeholders import Args, Rule

_SQL = re.compile(r"\s*(select|with|show|pragma|values|exec|execute|call|\()\b", re.IGNORECASE)
_DUCKDB = (".duckdb", ".ddb")
OF_FUNCTION = "dataframe"
"""The engine of a dataset that a function makes of nothing."""

_PREFIXED = ("file", "dir")
_ENGINES = (OF_FUNCTION, *_PREFIXED, "http", "https", "sqlalchemy")


def is_sql(text: str) -> bool:
    """Whether a text is SQL, and no expression of Python."""
    return _SQL.match(text) is not None


@dataclass(frozen=True)
class Place:
    """Where a dataset is, and how it is read. Its texts may have placeholders."""

    url: str
    table: str | None
    folder: Path
    engine: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    has_sql: bool = False
    """Whether SQL says what the rows are, so that a database needs no table."""

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names of the arguments that fill its placeholders."""
        texts = [self.url, self.table or "", *(value for value in self.options.values() if isinstance(value, str))]
        return frozenset().union(*map(placeholders.names, texts))

    def check(self, sql: str | None) -> None:
        """Raise ValueError for what can be told to be wrong before there is a request; `sql` is all of the SQL."""
        placeholders.of_url(self.url)
        if self.engine is not None and self.engine not in _ENGINES:
            raise ValueError(f"engine: {self.engine!r} is none of {', '.join(_ENGINES)}")
        if self.has_sql and not _is_database(self.url):
            raise ValueError(f"query: {self.url} is a file: filter it by arguments, or name a database")
        if sql is not None:
            names(sql, self.url)
        if not self.needs and not self.has_sql:
            self.opened()

    def filled(self, args: Args) -> "Place":
        """The place with its placeholders filled. Raises BadValue."""
        if not self.needs:
            return self
        options = {name: _filled(value, args, _rule(name)) for name, value in self.options.items()}
        url = _filled(self.url, args, placeholders.of_url(self.url))
        return replace(self, url=url, table=_filled(self.table, args, placeholders.as_word), options=options)

    def opened(self) -> Source:
        """The source; nothing is read yet. Raises ValueError."""
        if self.engine == OF_FUNCTION:
            return Nothing()
        url = f"{self.engine}:///{self.url}" if self.engine in _PREFIXED and "://" not in self.url else self.url
        return sources.opened(url, self.table, folder=self.folder, **self.options)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells filled places of a dataset apart."""
        return self.url, self.table, *(repr(value) for value in self.options.values())


class Nothing:
    """What a function needs that is not given any data. See `app.tables.source.Source`."""

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        return ()

    def state(self) -> str | None:
        """See Source."""
        return None

    def run(self, query: Query, timeout: float) -> Result:
        """See Source."""
        raise Missing("there is no data: a function makes it")


def names(sql: str, url: str) -> tuple[str, ...]:
    """The `:names` in SQL. Raises ValueError for what is no single SELECT."""
    from app.tables.databases import queries  # only here, as it loads SQLAlchemy

    return queries.names(sql, url)


def queried(place: Place, sql: str, values: Mapping[str, Any], types: Mapping[str, Any], timeout: float) -> Source:
    """What SQL gives, as a source that says within `timeout` seconds what columns it has.

    Raises ValueError for what is no single SELECT, BadValue for a value.
    """
    if _is_duckdb(place.url):
        from app.tables.files import duckdb_files

        read = {name: _read(name, value, types.get(name)) for name, value in values.items()}
        return duckdb_files.Select(place.folder / place.url.removeprefix("duckdb:///"), sql, read)
    from app.tables.databases import queries

    return queries.SQL(place.url, sql, values, types, place.folder, timeout)


def reader(kind: str) -> Callable[[str], Any]:
    """The function that a type of `argstype` names: int, float, str, date, or any expression of a callable."""
    from app.tables.databases.queries import READS

    known = READS.get(kind)
    return known or partial(_called, Expression(kind, ("value",)))


def _called(expression: Expression, text: str) -> Any:
    return expression(value=text)


def _read(name: str, value: Any, parameter: Any) -> Any:
    """The values of a parameter, as its type reads them. Raises BadValue."""
    if parameter is None:
        return value
    try:
        return [parameter.read(one) for one in value] if isinstance(value, list) else parameter.read(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BadValue(name, str(value), "of its type") from error


def _is_database(url: str) -> bool:
    return _is_duckdb(url) or "://" in url and url.partition("://")[0].lower() not in ("file", "dir", "http", "https")


def _is_duckdb(url: str) -> bool:
    return url.startswith("duckdb://") or "://" not in url and url.lower().endswith(_DUCKDB)


def _filled(value: Any, args: Args, rule: Rule) -> Any:
    return placeholders.filled(value, args, rule) if isinstance(value, str) else value


def _rule(option: str) -> Rule:
    return placeholders.as_text if option in ("sheet", "name", "range", "sep") else placeholders.as_word
