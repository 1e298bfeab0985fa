"""Tables that are made when they are first used, from what `columns:` says, or from the first rows.

::

    columns:
      id: {type: INTEGER, primary_key: true, autoincrement: true}
      name: VARCHAR(40)
      added: {type: TIMESTAMP, default: {function: func.now()}}

Columns that a table lacks are added; those that are there never change (reference: gramex.md §9).
"""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import Field, field_validator, model_validator

from app import settings as base
from app.tables.columns import Column, Kind
from app.tables.databases import engines
from app.tables.databases.reflection import reflect
from app.tables.databases.table import Table
from app.tables.edits import writing
from app.tables.edits.changes import PARAMETERS, Given, Number
from app.tables.edits.transactions import Refused
from app.tables.source import Missing

_TYPE = re.compile(r"[A-Za-z][\w ]*(\(\s*\d+\s*(,\s*\d+\s*)?\))?[\w ]*", re.ASCII)
_INTEGERS: Mapping[str, type[sa.Integer]] = {
    "INT": sa.Integer,
    "INTEGER": sa.Integer,
    "BIGINT": sa.BigInteger,
    "SMALLINT": sa.SmallInteger,
}


class ColumnSettings(base.Settings):
    """A column of `columns:`; text is its type."""

    type: str = Field("TEXT", description="Type in the database's SQL")
    default: Any = Field(None, description="Value of rows that say none, or {function: func.now()}")
    nullable: bool = Field(True, description="Whether it may have no value")
    primary_key: bool = Field(False, description="Whether it is the key, or a part of it")
    autoincrement: bool = Field(False, description="Whether the database numbers the rows by it")

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("type")
    @classmethod
    def _is_a_type(cls, text: str) -> str:
        if not _TYPE.fullmatch(text.strip()):
            raise ValueError(f"{text!r} should be a type of SQL, as VARCHAR(40)")
        return text.strip()

    @field_validator("default")
    @classmethod
    def _is_a_default(cls, value: Any) -> Any:
        _default(value, "sqlite")
        return value


def specified(columns: Mapping[str, Any]) -> dict[str, ColumnSettings]:
    """The columns that a mapping of the YAML describes. Raises ValueError."""
    return {
        name: one if isinstance(one, ColumnSettings) else ColumnSettings.model_validate(one)
        for name, one in columns.items()
    }


def _default(value: Any, dialect: str) -> Any:
    """What SQLAlchemy takes as the default of a column. Raises ValueError."""
    if isinstance(value, Mapping):
        return _called(str(value.get("function", "")))
    if isinstance(value, bool):
        return sa.text(("true" if value else "false") if dialect == "postgresql" else str(int(value)))
    if isinstance(value, int | float):
        return sa.text(repr(value))
    return None if value is None else str(value)


def _called(text: str) -> Any:
    """A function of SQL, as `func.now()` names it."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        tree = ast.Constant(None)
    match tree:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="func"), attr=name), args=args, keywords=[]):
            return getattr(sa.func, name)(*(ast.literal_eval(arg) for arg in args))
    raise ValueError(f"default: function: {text!r} should be a function of SQL, as func.now()")


def ensure(table: Table, columns: Mapping[str, Any]) -> None:
    """Make the table, or add the columns that it lacks; once for a table and worker.

    Raises Down while the database does not answer, and Refused for what it does not take.
    """
    made = tuple((name, one.model_dump_json()) for name, one in specified(columns).items())
    if made:
        _ensured(table.url, table.schema, table.name, made)


@cache
def _ensured(url: str, schema: str | None, name: str, columns: tuple[tuple[str, str], ...]) -> None:
    make(Table(url, name, schema), {key: ColumnSettings.model_validate_json(text) for key, text in columns})


def make(table: Table, columns: Mapping[str, ColumnSettings]) -> None:
    """Make the table, or add the columns that it lacks. Raises Down, Refused."""
    engine = writing.engine_of(table.url)
    if engines.is_file(table.url):
        _touch(Path(str(engine.sql.url.database)))
    with writing.our_errors(engine):
        engine.call(lambda: _made(engine, table, columns))


def _touch(file: Path) -> None:
    """Make the file of a database that is not there: to SQLite an empty one is one without tables.

    One that is there is not opened: to close it would take away the locks of this process's connections (POSIX).
    """
    if file.exists():
        return
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        pass  # another worker was faster
    except OSError as error:
        raise Missing(f"{file.name}: cannot be made: {error.strerror}") from error


def _made(engine: engines.Engine, table: Table, columns: Mapping[str, ColumnSettings]) -> None:
    try:
        _attempt(engine, table, columns)
    except sa.exc.DBAPIError as error:  # another worker may have been faster
        try:
            _attempt(engine, table, columns)
        except sa.exc.DBAPIError:
            raise Refused(f"{table.name}: cannot be made: {error.orig}") from error


def _attempt(engine: engines.Engine, table: Table, columns: Mapping[str, ColumnSettings]) -> None:
    with engine.connection() as connection, connection.begin():
        try:
            there = {column.name for column in reflect(connection, table.name, table.schema).columns}
        except Missing:
            cells = [_cell(name, one, engine.dialect, is_new=True) for name, one in columns.items()]
            made = sa.Table(table.name, sa.MetaData(), *cells, schema=table.schema, mysql_charset="utf8mb4")
            connection.execute(sa.schema.CreateTable(made, if_not_exists=True))
            return
        for name, one in columns.items():
            if name not in there:
                _add(connection, table, _cell(name, one, engine.dialect, is_new=False))


def _add(connection: sa.Connection, table: Table, cell: sa.Column[Any]) -> None:
    made = sa.Table(table.name, sa.MetaData(), cell, schema=table.schema)
    preparer = connection.dialect.identifier_preparer
    column = sa.schema.CreateColumn(made.c[cell.name]).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {preparer.format_table(made)} ADD COLUMN {column}".replace("%", "%%"))


def _cell(name: str, column: ColumnSettings, dialect: str, is_new: bool) -> sa.Column[Any]:
    is_key = column.primary_key and is_new
    return sa.Column(
        sa.sql.quoted_name(name, True),
        _type(column.type, dialect, is_key),
        primary_key=is_key,
        autoincrement="auto" if is_key else False,
        nullable=column.nullable and not is_key,
        server_default=_default(column.default, dialect),
    )


def _type(text: str, dialect: str, is_key: bool) -> sa.types.TypeEngine[Any]:
    kind = _INTEGERS.get(text.upper())
    if kind is not None:  # SQLite numbers rows by what is an INTEGER, and no BIGINT
        return sa.Integer() if dialect == "sqlite" and is_key else kind()
    if text.upper() == "TEXT" and is_key and dialect in ("mysql", "mariadb"):
        return sa.String(255)
    return _Named(text)


class _Named(sa.types.UserDefinedType[Any]):
    """A type by its name in SQL."""

    cache_ok = True

    def __init__(self, name: str):
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """The name."""
        return self.name


_SQL: Mapping[Kind, str] = {Kind.BOOLEAN: "BOOLEAN", Kind.INTEGER: "BIGINT", Kind.FLOAT: "DOUBLE PRECISION"}


def of_first(given: Given, key: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table whose first rows these are. A key that they lack numbers the rows."""
    records = given.body if isinstance(given.body, list) else [given.body or {}]
    found: dict[str, list[Any]] = {name: list(values) for name, values in given.args.items() if name not in PARAMETERS}
    for record in records:
        for name, value in record.items():
            found.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    absent = {name: [Number("1")] for name in key if name not in found}
    return tuple(Column(name, _kind(values), key=name in key) for name, values in {**absent, **found}.items())


def _kind(values: Sequence[Any]) -> Kind:
    given = [value for value in values if value is not None and value != ""]
    if given and all(isinstance(value, Number) for value in given):
        return Kind.INTEGER if all(re.fullmatch(r"-?\d{1,18}", value) for value in given) else Kind.FLOAT
    return Kind.BOOLEAN if given and all(isinstance(value, bool) for value in given) else Kind.TEXT


def of_kinds(columns: Sequence[Column]) -> dict[str, ColumnSettings]:
    """The columns as `columns:` would have them."""
    return {
        column.name: ColumnSettings(type=_SQL.get(column.kind, "TEXT"), primary_key=column.key, nullable=not column.key)
        for column in columns
    }


def kinds(columns: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of a file that is made from `columns:`."""
    return tuple(Column(name, _kind_of_sql(one.type), key=one.primary_key) for name, one in specified(columns).items())


_KINDS: Sequence[tuple[str, Kind]] = (
    (r"BOOL", Kind.BOOLEAN),
    (r"(BIG|SMALL|TINY|MEDIUM)?INT|SERIAL", Kind.INTEGER),
    (r"FLOAT|DOUBLE|REAL", Kind.FLOAT),
    (r"DEC|NUMERIC", Kind.DECIMAL),
    (r"DATETIME|TIMESTAMP", Kind.DATETIME),
    (r"DATE", Kind.DATE),
    (r"TIME", Kind.TIME),
    (r"BLOB|BINARY|BYTEA", Kind.BINARY),
)


def _kind_of_sql(text: str) -> Kind:
    return next((kind for pattern, kind in _KINDS if re.match(pattern, text, re.IGNORECASE)), Kind.TEXT)
