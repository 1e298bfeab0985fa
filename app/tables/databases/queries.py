"""What a SELECT gives, as a table that can be filtered, sorted, grouped and paged like any other.

    SQL("sqlite:///sales.db", "SELECT city, day, sales FROM sales WHERE year = :year", {"year": "2026"})

A query on it is a SELECT around it, so the database filters before it answers. Nothing in it can write: it is one
SELECT, in brackets, in a transaction that only reads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.tables.columns import BadValue, Column, Kind, convert, truth
from app.tables.databases import described, engines
from app.tables.databases.described import Types
from app.tables.databases.reflection import Reflected, kind_of
from app.tables.databases.table import Known, Look, Relation
from app.tables.query import Query
from app.tables.source import Result
from app.tables.sql import sqltext
from app.tables.sql.binding import Slot, Statement
from app.tables.sql.statements import Written

Read: TypeAlias = Callable[[str], Any]
LOOKED_AT = 1000
"""Rows whose values are looked at where the database does not say what a column holds."""


class Parameter(NamedTuple):
    """How the text for a `:name` is read; an `expanding` one is a list, for `IN :name`."""

    read: Read = str
    expanding: bool = False


def _of_kind(kind: Kind) -> Read:
    return lambda text: convert(text, Column("", kind))


READS: Mapping[str, Read] = MappingProxyType(
    {
        kind.value: _of_kind(kind)
        for kind in (Kind.TEXT, Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.DATE, Kind.DATETIME)
    }
    | {"str": str, "int": _of_kind(Kind.INTEGER), "bool": truth, "boolean": truth}
)
"""The types of parameters that have a name."""


def names(sql: str, url: str = "") -> tuple[str, ...]:
    """The `:names` in a query, each once. Raises ValueError for what is no single SELECT."""
    return tuple(dict.fromkeys(sqltext.scan(sql, _is_mysql(url)).names))


def _is_mysql(url: str) -> bool:
    return url.startswith(("mysql", "mariadb"))


class SQL(Relation):
    """What a SELECT gives. See `app.tables.source.Source`."""

    def __init__(
        self,
        url: str,
        sql: str,
        values: Mapping[str, Any],
        types: Mapping[str, Parameter] = MappingProxyType({}),
        folder: Path = Path(),
        timeout: float = 30,
    ):
        """`values` are texts, or what they mean already; a list is for `IN :name`.

        `timeout` is in seconds, for what the database says of the columns. Raises ValueError for what is no single
        SELECT, BadValue for a value that is missing or not of its type.
        """
        self._timeout = timeout
        text = sqltext.scan(sql, _is_mysql(url))
        self._text = text.keeping_order() if _is_mysql(url) else text
        self._given = {name: _given(name, values, types.get(name, Parameter())) for name in dict.fromkeys(text.names)}
        lengths = tuple((name, len(value)) for name, value in self._given.items() if isinstance(value, list))
        super().__init__(url, folder, _known(engines.located(url, folder), sql, lengths))
        self._values = tuple(each for value in self._given.values() for each in _listed(value))

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        with self._bad_values():
            return super().columns()

    def run(self, query: Query, timeout: float) -> Result:
        """See Source."""
        with self._bad_values():
            return super().run(query, timeout)

    @contextmanager
    def _bad_values(self) -> Iterator[None]:
        """Gives a value that the database cannot take our name."""
        try:
            yield
        except sa.exc.DataError as error:
            if not self._given:
                raise
            shown = ", ".join(str(value) for value in self._given.values())
            raise BadValue(", ".join(self._given), shown, f"what the query takes: {error.orig}") from error

    def _reflect(self, connection: sa.Connection, look: Look) -> Reflected:
        running = engines.Running(self._engine, connection, self._timeout, streaming=False)
        look.begin(running)
        with self._engine.step(running):
            self._engine.begin_reading(running)
            types = described.columns(connection, self._engine.dialect, self._text, self._surrounded)
            if self._engine.dialect != "postgresql" and any(type(each) is sa.types.NullType for each in types.values()):
                types = self._looked_at(connection, types)
        columns = tuple(Column(name, kind_of(type_)) for name, type_ in types.items())
        return Reflected(_table(types), columns)

    def _surrounded(self, connection: sa.Connection, before: str, after: str) -> sa.CursorResult[Any]:
        """Run the query with something before and after it."""
        dialect = self._engine.sql.dialect
        written = _compiled(_Around(before, self._clause(), after), dialect)
        return connection.exec_driver_sql(written.sql, written.parameters(self._values))

    def _looked_at(self, connection: sa.Connection, types: Types) -> Types:
        """The types, and where they are not known those of the first values."""
        rows = self._surrounded(connection, "SELECT * FROM (", f") AS q LIMIT {LOOKED_AT}").fetchall()
        kinds = described.kinds_of_values([tuple(row) for row in rows], len(types))
        return {
            name: described.TYPES[kind] if type(type_) is sa.types.NullType else type_
            for (name, type_), kind in zip(types.items(), kinds, strict=True)
        }

    def _writer(self, reflected: Reflected) -> Written:
        return partial(_written, self._clause(), len(reflected.columns), self._engine.sql.dialect)

    def _clause(self) -> sa.TextClause:
        """The query, with slots for its values. They come after those of the query around it, hence from the end."""
        change = _of_sqlite if self._engine.dialect == "sqlite" else None
        places, index = dict[str, list[str]](), -len(self._values)
        bound = []
        for number, (name, value) in enumerate(self._given.items()):
            listed = _listed(value)
            places[name] = [f"given{number}_{each}" for each in range(len(listed))]
            for key, part in zip(places[name], listed, strict=True):
                bound.append(sa.bindparam(key, Slot(index, part, change), type_=sa.types.NullType()))
                index += 1

        def placed(name: str) -> str:
            keys = ", ".join(f":{key}" for key in places[name])
            return f"({keys or 'NULL'})" if isinstance(self._given[name], list) else keys

        return sa.text(self._text.written(placed, _escaped)).bindparams(*bound)


def _escaped(sql: str) -> str:
    """SQL in which SQLAlchemy sees no names."""
    return sql.replace(":", r"\:")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _given(name: str, values: Mapping[str, Any], parameter: Parameter) -> Any:
    """What a name is bound to. Raises BadValue."""
    if name not in values:
        raise BadValue(name, "", "left out: the query needs a value for it")
    value = values[name]
    if parameter.expanding or isinstance(value, list | tuple):
        return [_read(name, each, parameter.read) for each in (value if isinstance(value, list | tuple) else [value])]
    return _read(name, value, parameter.read)


def _read(name: str, value: Any, read: Read) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        wanted = getattr(error, "wanted", f"what {getattr(read, '__name__', 'the query')} takes")
        raise BadValue(name, value, wanted) from error


def _of_sqlite(value: Any) -> Any:
    """A value that SQLite has no type for, as our tables keep it."""
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, date | datetime) else value


@lru_cache(maxsize=256)
def _known(_url: str, _sql: str, _lengths: tuple[tuple[str, int], ...]) -> Known:
    """What is known of a query, whoever runs it with whatever values."""
    return Known()


def _table(types: Types) -> sa.TableClause:
    """The columns of a query. Their names in SQL are ours: those of expressions may be too long to be said again."""
    cells = []
    for number, (name, type_) in enumerate(types.items()):
        cell: sa.ColumnClause[Any] = sa.column(f"c{number}", type_)
        cell.key = name
        cells.append(cell)
    return sa.table(_NAME, *cells)


_NAME = "query"


def _written(clause: sa.TextClause, width: int, dialect: sa.Dialect, select: sa.Select[Any]) -> Statement:
    """A SELECT from the query."""
    cells = ", ".join(f"c{number}" for number in range(width))
    return _compiled(_Around(f"WITH {_NAME} ({cells}) AS (", clause, ")", select), dialect)


def _compiled(around: "_Around", dialect: sa.Dialect) -> Statement:
    made = around.compile(dialect=dialect)
    assert isinstance(made, SQLCompiler)
    return Statement(made, dialect)


class _Around(sa.Executable, sa.ClauseElement):
    """The query with something of ours around it."""

    inherit_cache = False

    def __init__(self, before: str, query: sa.TextClause, after: str, select: sa.Select[Any] | None = None):
        self.before, self.query, self.after, self.select = before, query, after, select


@compiles(_Around)
def _sql_of(around: _Around, compiler: Any, **_: Any) -> str:
    query = compiler.process(around.query)
    rest = "" if around.select is None else " " + compiler.process(around.select)
    return f"{around.before}{query}\n{around.after}{rest}"
