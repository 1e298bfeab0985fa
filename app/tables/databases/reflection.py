"""What columns a table or view of a database has."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from app.tables.columns import Column, Kind
from app.tables.source import Missing
from app.tables.sql.dialects import ROWID


class Reflected(NamedTuple):
    """A table: as SQLAlchemy writes it in SQL, and its columns as everybody else sees them."""

    table: sa.TableClause
    columns: tuple[Column, ...]

    def is_like(self, other: "Reflected") -> bool:
        """Whether the same statements serve both."""
        types, others = ([repr(cell.type) for cell in each.table.c] for each in (self, other))
        return self.columns == other.columns and types == others


def reflect(connection: sa.Connection, name: str, schema: str | None) -> Reflected:
    """What the database says of a table or view now. Raises Missing, and what its driver does."""
    inspector = sa.inspect(connection)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sa.exc.SAWarning)  # of a type it does not know: ours is OTHER then
            found = inspector.get_columns(name, schema)
        key = inspector.get_pk_constraint(name, schema)["constrained_columns"]
    except sa.exc.NoSuchTableError:
        found = []
    if not found:
        raise Missing(f"there is no table {name!r}")
    names = [_as_written(connection, each["name"]) for each in found]
    columns = tuple(
        Column(
            name, kind_of(each["type"]), each["nullable"] and not _is_rowid(inspector, each, key), each["name"] in key
        )
        for name, each in zip(names, found, strict=True)
    )
    cells = [
        sa.column(column.name, _comparing(each["type"], column.kind))
        for column, each in zip(columns, found, strict=True)
    ]
    if not key and _has_rowid(inspector, name, schema):
        cells.append(sa.column(ROWID, sa.BigInteger()))
    return Reflected(sa.table(name, *cells, schema=schema), columns)


def _has_rowid(inspector: sa.Inspector, name: str, schema: str | None) -> bool:
    """Whether SQLite numbers the rows of a table without a key. It gives those of views no number."""
    return inspector.dialect.name == "sqlite" and name not in inspector.get_view_names(schema)


def _is_rowid(inspector: sa.Inspector, column: Mapping[str, Any], key: Sequence[str]) -> bool:
    """Whether it is the number of the row by another name. SQLite says that it may be null, which it cannot."""
    return inspector.dialect.name == "sqlite" and key == [column["name"]] and type(column["type"]) is sa.INTEGER


def _as_written(connection: sa.Connection, name: str) -> str:
    """The name of a column: SQLAlchemy leaves backticks doubled, as MariaDB's SHOW CREATE TABLE has them."""
    return name.replace("``", "`") if connection.dialect.name in ("mysql", "mariadb") else name


def _comparing(found: sa.types.TypeEngine[Any], kind: Kind) -> sa.types.TypeEngine[Any]:
    """The type of a column in expressions: SQLAlchemy says which it has operators for, and has none for rare ones."""
    if isinstance(found, postgresql.DOMAIN):
        return _comparing(found.data_type, kind)
    if isinstance(found, mysql.BIT | mysql.YEAR):
        return sa.Integer()
    return sa.types.NullType() if kind is Kind.OTHER else found


_KINDS: Mapping[type[sa.types.TypeEngine[Any]], Kind] = {
    sa.Boolean: Kind.BOOLEAN,
    mysql.YEAR: Kind.INTEGER,
    sa.Integer: Kind.INTEGER,
    sa.Float: Kind.FLOAT,
    sa.Numeric: Kind.DECIMAL,
    sa.DateTime: Kind.DATETIME,
    sa.Date: Kind.DATE,
    sa.Time: Kind.TIME,
    sa.LargeBinary: Kind.BINARY,
    sa.types._Binary: Kind.BINARY,
    sa.Uuid: Kind.OTHER,
    sa.String: Kind.TEXT,
}
"""The first that a type is one of; SQLAlchemy's floats are also its numerics."""


def kind_of(found: sa.types.TypeEngine[Any]) -> Kind:
    """The kind of a column that has this type of SQLAlchemy."""
    if isinstance(found, mysql.TINYINT | mysql.BIT):  # BOOLEAN is another name for TINYINT(1)
        one = getattr(found, "display_width", None) == 1 or getattr(found, "length", None) == 1
        return Kind.BOOLEAN if one else Kind.INTEGER if isinstance(found, mysql.TINYINT) else Kind.OTHER
    if isinstance(found, postgresql.DOMAIN):
        return kind_of(found.data_type)
    return next((kind for known, kind in _KINDS.items() if isinstance(found, known)), Kind.OTHER)
