"""What the columns of a SELECT hold, by what the driver says of them, or by looking at values."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count, repeat
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from app.tables.columns import Kind
from app.tables.sql.sqltext import Text

Type: TypeAlias = sa.types.TypeEngine[Any]
Types: TypeAlias = Mapping[str, Type]
"""By the names of the columns; NullType for what is not known."""


class Run(Protocol):
    """Runs the SELECT with something written before and after it."""

    def __call__(self, connection: sa.Connection, before: str, after: str) -> sa.CursorResult[Any]: ...


def columns(connection: sa.Connection, dialect: str, text: Text, run: Run) -> Types:
    """The columns of a SELECT. Of two with the same name the second is called `name__1`, as the original has it."""
    if dialect == "sqlite":
        return _of_sqlite(connection, text)
    if dialect in ("mysql", "mariadb"):
        return _of_mysql(connection, run)
    cursor = run(connection, "SELECT * FROM (", ") AS q LIMIT 0").cursor
    types = _types_of_postgresql(cursor) if dialect == "postgresql" else repeat(sa.types.NullType())
    return _named([column[0] for column in cursor.description], types)


def _named(names: Iterable[str], types: Iterable[Type]) -> Types:
    found: dict[str, Type] = {}
    for name, type_ in zip(names, types, strict=False):
        numbered = (f"{name}__{number}" for number in count(1))
        found[name if name not in found else next(each for each in numbered if each not in found)] = type_
    return found


def _of_sqlite(connection: sa.Connection, text: Text) -> Types:
    """It tells the types of columns of views, which take no values: null is of any type."""
    view = f"CREATE TEMP VIEW {_VIEW} AS {text.written(_null)}\n"
    connection.exec_driver_sql("PRAGMA query_only=OFF")
    try:
        connection.exec_driver_sql(view)
        found = sa.inspect(connection).get_columns(_VIEW)
    finally:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS temp.{_VIEW}")
        connection.exec_driver_sql("PRAGMA query_only=ON")
    names = [each["name"] for each in found]
    return _named(
        (_NUMBERED.sub("", name) if _NUMBERED.sub("", name) in names else name for name in names),
        (each["type"] for each in found),
    )


_VIEW = "skerry_query"
_NUMBERED = re.compile(r":\d+$")
"""What SQLite appends to the second of two columns with the same name."""


def _null(_name: str) -> str:
    return "(NULL)"


def _of_mysql(connection: sa.Connection, run: Run) -> Types:
    """Two columns of a query in brackets cannot have the same name there."""
    connection.exec_driver_sql("SET SESSION sql_select_limit = 0")
    try:
        cursor = run(connection, "", "").cursor
        return _named([column[0] for column in cursor.description], _types_of_mysql(cursor))
    finally:
        connection.exec_driver_sql("SET SESSION sql_select_limit = DEFAULT")


TYPES: Mapping[Kind, Type] = MappingProxyType(
    {
        Kind.BOOLEAN: sa.Boolean(),
        Kind.INTEGER: sa.BigInteger(),
        Kind.FLOAT: sa.Double(),
        Kind.DECIMAL: sa.Numeric(),
        Kind.TEXT: sa.Text(),
        Kind.DATE: sa.Date(),
        Kind.DATETIME: sa.DateTime(),
        Kind.TIME: sa.Time(),
        Kind.BINARY: sa.LargeBinary(),
        Kind.OTHER: sa.types.NullType(),
    }
)
"""A type for each kind."""

_TEXTS: Mapping[str, Type] = {name: sa.Text() for name in ("text", "varchar", "bpchar", "name")}
_OF_POSTGRESQL: Mapping[str, Type] = MappingProxyType(
    {
        **_TEXTS,
        "bool": sa.Boolean(),
        "int2": sa.SmallInteger(),
        "int4": sa.Integer(),
        "int8": sa.BigInteger(),
        "oid": sa.BigInteger(),
        "float4": sa.REAL(),
        "float8": sa.Double(),
        "numeric": sa.Numeric(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(),
        "timestamptz": sa.DateTime(timezone=True),
        "time": sa.Time(),
        "bytea": sa.LargeBinary(),
    }
)


def _types_of_postgresql(cursor: Any) -> list[Type]:
    """The types of the columns of a cursor of psycopg; NullType for one that is not known."""
    known = cursor.adapters.types
    names = [getattr(known.get(column.type_code), "name", "") for column in cursor.description]
    return [_OF_POSTGRESQL.get(name, sa.types.NullType()) for name in names]


_BINARY = 63
"""The number of MariaDB's character set for what is no text."""

_OF_MYSQL: Mapping[int, Type] = MappingProxyType(
    dict.fromkeys((2, 3, 8, 9), sa.BigInteger())
    | dict.fromkeys((0, 246), sa.Numeric())
    | dict.fromkeys((7, 12), sa.DateTime())
    | {4: sa.Float(), 5: sa.Double(), 10: sa.Date(), 11: sa.Time(), 13: mysql.YEAR(), 245: sa.Text()}
)
"""By the numbers of the protocol (dev.mysql.com: Column Definition)."""

_TINY, _BIT = 1, 16


def _types_of_mysql(cursor: Any) -> list[Type]:
    """The types of the columns of a cursor of PyMySQL."""
    return [_type_of_mysql(field) for field in cursor._result.fields]  # its description leaves out the character set


def _type_of_mysql(field: Any) -> Type:
    if field.type_code in (_TINY, _BIT):
        one = field.length == 1
        return mysql.TINYINT(display_width=1 if one else 4) if field.type_code == _TINY else mysql.BIT(field.length)
    if field.type_code in _OF_MYSQL:
        return _OF_MYSQL[field.type_code]
    return sa.LargeBinary() if field.charsetnr == _BINARY else sa.Text()


def kinds_of_values(rows: Sequence[Sequence[Any]], width: int) -> list[Kind]:
    """What columns hold whose values are these."""
    columns = zip(*rows, strict=True) if rows else [()] * width
    return [_kind([value for value in column if value is not None]) for column in columns]


def _kind(values: Sequence[Any]) -> Kind:
    """OTHER, if nothing else fits all of them."""
    types = set(map(type, values))
    if types == {str}:
        return _kind_of_texts(values)
    return next((kind for kind, of in _BY_TYPE if types and types <= of), Kind.OTHER)


_BY_TYPE: Sequence[tuple[Kind, frozenset[type]]] = (
    (Kind.BOOLEAN, frozenset({bool})),
    (Kind.INTEGER, frozenset({int})),
    (Kind.FLOAT, frozenset({int, float})),
    (Kind.DECIMAL, frozenset({int, Decimal})),
    (Kind.DATE, frozenset({date})),
    (Kind.DATETIME, frozenset({datetime})),
    (Kind.TIME, frozenset({time})),
    (Kind.BINARY, frozenset({bytes, memoryview})),
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?")


def _kind_of_texts(texts: Iterable[str]) -> Kind:
    """SQLite's functions of dates give text."""
    for kind, form, read in _FORMS:
        if all(form.fullmatch(text) and _reads(read, text) for text in texts):
            return kind
    return Kind.TEXT


_FORMS: Sequence[tuple[Kind, re.Pattern[str], Callable[[str], Any]]] = (
    (Kind.DATE, _DATE, date.fromisoformat),
    (Kind.DATETIME, _DATETIME, datetime.fromisoformat),
)


def _reads(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
