"""What databases write differently: text by code point, text forms, regular expressions, dates, some aggregates.

Everything here is an expression of SQLAlchemy. Units and formats are constants of ours and written into the SQL,
because PostgreSQL does not see that two expressions with equal bound values are the same in GROUP BY and SELECT.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from app.tables.columns import Kind
from app.tables.query import Unit
from app.tables.sql.binding import Bound, bind, example

Expression: TypeAlias = sa.ColumnElement[Any]

_TYPES: Mapping[Kind, sa.types.TypeEngine[Any]] = MappingProxyType(
    {
        Kind.BOOLEAN: sa.Boolean(),
        Kind.INTEGER: sa.BigInteger(),
        Kind.FLOAT: sa.Double(),
        Kind.DECIMAL: sa.Numeric(),
        Kind.DATE: sa.Date(),
        Kind.DATETIME: sa.DateTime(),
        Kind.TIME: sa.Time(),
        Kind.BINARY: sa.LargeBinary(),
    }
)
_STRING = sa.String()
_LARGEST = 709.0
"""The logarithm of a double is not much more."""

_ESCAPE = "/"


def constant(text: str) -> Expression:
    """A text of ours as SQL. Not for anything that a user wrote."""
    return sa.literal_column(f"'{text}'", sa.String())


def number(value: int) -> Expression:
    """A number of ours as SQL."""
    return sa.literal_column(str(value), sa.Integer())


def _within(word: str) -> str:
    """What LIKE finds a word by, in lower case."""
    escaped = word.lower().replace(_ESCAPE, _ESCAPE * 2).replace("%", _ESCAPE + "%").replace("_", _ESCAPE + "_")
    return f"%{escaped}%"


class Dialect:
    """What PostgreSQL writes, and the others as far as they agree."""

    keeps_order = False
    """Whether rows come in the order of the source by themselves."""

    def order(self, cell: Expression, kind: Kind) -> Expression:
        """What to compare, sort and group by."""
        if kind is Kind.TEXT or kind is Kind.OTHER:
            return self.by_code_point(self.text(cell, kind))
        return cell

    def by_code_point(self, text: Expression) -> Expression:
        """Text that compares by code point."""
        return sa.collate(text, "C")

    def bound(self, value: Bound, kind: Kind, cell: Expression) -> Expression:
        """A value to compare a cell of this kind with."""
        bound = bind(value, _TYPES.get(kind, _STRING))
        # 0.1 as a REAL is another number than 0.1
        return sa.cast(bound, sa.REAL()) if isinstance(cell.type, sa.REAL) else bound

    def equal(self, cell: Expression, kind: Kind, values: Sequence[Expression]) -> Expression:
        """Whether the cell is one of the values."""
        return self.order(cell, kind).in_(values) if len(values) > 1 else self.order(cell, kind) == values[0]

    def text(self, cell: Expression, kind: Kind) -> Expression:
        """The text form of a cell."""
        if kind is Kind.TEXT and not isinstance(cell.type, sa.Enum):
            return cell
        if kind is Kind.BOOLEAN:
            return sa.case((cell == sa.true(), constant("true")), (cell == sa.false(), constant("false")))
        return self.cast_to_text(cell, kind)

    def cast_to_text(self, cell: Expression, kind: Kind) -> Expression:
        """A cell that is neither text nor a boolean as text."""
        return sa.cast(cell, sa.Text())

    def matches(self, text: Expression, pattern: Bound, ignoring_case: bool) -> Expression:
        """Whether a regular expression is found in the text."""
        search = text.op("~*" if ignoring_case else "~", is_comparison=True)
        return search(bind(pattern, _STRING, _for_postgresql))

    def contains(self, text: Expression, word: Bound) -> Expression:
        """Whether a word is in the text, ignoring case."""
        lower: Expression = sa.func.lower(text)
        return lower.like(bind(word, _STRING, _within), escape=_ESCAPE)

    def truncated(self, cell: Expression, kind: Kind, unit: Unit) -> Expression:
        """A date or time, at the beginning of its year, month, ..."""
        return sa.cast(sa.func.date_trunc(constant(unit), cell), sa.Date() if kind is Kind.DATE else sa.DateTime())

    def sort(self, expression: Expression, nullable: bool, ascending: bool) -> list[Expression]:
        """What to order by: nulls are last, both ways. Without any, an index that puts them elsewhere is of use too."""
        directed = expression.asc() if ascending else expression.desc()
        return [directed.nulls_last() if nullable else directed]

    def of_group(self, key: Expression) -> Expression:
        """What a group was made by, in a condition on it."""
        return key

    def double(self, cell: Expression) -> Expression:
        """A number as a double, as averages and the like are of any kind of number."""
        return sa.cast(cell, sa.Double())

    def variance(self, cell: Expression) -> Expression:
        """The variance of a sample."""
        return sa.func.var_samp(self.double(cell))

    def deviation(self, cell: Expression) -> Expression:
        """The standard deviation of a sample."""
        return sa.func.stddev_samp(self.double(cell))

    def sum(self, cell: Expression) -> Expression:
        """The sum."""
        return sa.func.sum(cell)

    def product(self, cell: Expression, kind: Kind) -> Expression:
        """The product, by logarithms, as there is no aggregate for it; of integers without the error of these.

        What is too large for a double is null.
        """
        number = self.double(cell)
        logarithm: Expression = sa.func.sum(sa.func.ln(sa.func.nullif(sa.func.abs(number), 0)))
        size = sa.case((logarithm > _LARGEST, sa.null()), (logarithm < -_LARGEST, 0.0), else_=sa.func.exp(logarithm))
        negative = sa.func.sum(sa.case((number < 0, 1), else_=0)) % 2 == 1
        zero = sa.func.sum(sa.case((number == 0, 1), else_=0)) > 0
        found = sa.case((zero, 0.0), (negative, -size), else_=size)
        return sa.func.round(found) if kind is Kind.INTEGER else found

    def source_order(self, table: sa.FromClause) -> list[Expression]:
        """The order of rows in a table without a key, where it has one."""
        return []


_BOUNDARY = re.compile(r"\\([\\bB])")
_TO_POSTGRESQL = MappingProxyType({"b": r"\y", "B": r"\Y", "\\": r"\\"})
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_LINES = MappingProxyType({"": "p", "s": "s", "m": "n", "ms": "w"})
"""How PostgreSQL calls it that dots match line ends (s) and that ^ and $ match at them (m)."""


def _for_postgresql(pattern: str) -> str:
    """A pattern of RE2 as PostgreSQL writes it: word boundaries, and flags at its beginning."""
    found = _FLAGS.match(pattern)
    flags = found[1] if found else ""
    lines = _LINES["".join(flag for flag in "ms" if flag in flags)]
    rest = pattern[found.end() if found else 0 :]
    translated = _BOUNDARY.sub(lambda escape: _TO_POSTGRESQL[escape[1]], rest)
    return f"(?{lines}{'i' if 'i' in flags else ''}){translated}"


class DuckDB(Dialect):
    """DuckDB, by the compiler for PostgreSQL: text compares by code point already."""

    keeps_order = True

    def by_code_point(self, text: Expression) -> Expression:
        return text

    def cast_to_text(self, cell: Expression, kind: Kind) -> Expression:
        text = sa.cast(cell, sa.Text())
        return _without_point(text) if kind is Kind.FLOAT else text

    def matches(self, text: Expression, pattern: Bound, ignoring_case: bool) -> Expression:
        return sa.func.regexp_matches(text, bind(pattern, _STRING), constant("i" if ignoring_case else "c"))

    def product(self, cell: Expression, kind: Kind) -> Expression:
        return sa.func.product(cell)

    def source_order(self, table: sa.FromClause) -> list[Expression]:
        return [sa.literal_column("rowid", sa.BigInteger())]


def _without_point(text: Expression) -> Expression:
    """1.0 is written 1, as PostgreSQL and MariaDB have it."""
    return sa.case((text.like(constant("%.0")), sa.func.substr(text, 1, sa.func.length(text) - 2)), else_=text)


_SQLITE_TRUNCATED: Mapping[Unit, str] = MappingProxyType(
    {Unit.YEAR: "%Y-01-01", Unit.MONTH: "%Y-%m-01", Unit.HOUR: "%Y-%m-%d %H:00:00"}
)


class SQLite(Dialect):
    """SQLite with the functions of `app.tables.databases.sqlite_functions`. It keeps dates and times as text."""

    def order(self, cell: Expression, kind: Kind) -> Expression:
        # Times are text that may have a T or fractions or not: equal moments become equal texts.
        if kind is Kind.DATETIME:
            return sa.func.strftime(constant("%Y-%m-%d %H:%M:%f"), cell)
        return sa.func.strftime(constant("%H:%M:%f"), cell) if kind is Kind.TIME else super().order(cell, kind)

    def by_code_point(self, text: Expression) -> Expression:
        return sa.collate(text, "BINARY")

    def bound(self, value: Bound, kind: Kind, cell: Expression) -> Expression:
        if isinstance(example(value), Decimal):
            return bind(value, sa.Double(), float)
        if kind is Kind.DATETIME or kind is Kind.TIME:
            return self.order(bind(value, _STRING, _as_iso), kind)  # it rounds to milliseconds in its own way
        return bind(value, _TYPES.get(kind, _STRING))

    def cast_to_text(self, cell: Expression, kind: Kind) -> Expression:
        if kind is Kind.DATETIME:
            return sa.func.strftime(constant("%Y-%m-%d %H:%M:%S"), cell)
        if kind is Kind.DECIMAL and isinstance(cell.type, sa.Numeric) and cell.type.scale is not None:
            return sa.func.printf(constant(f"%.{int(cell.type.scale)}f"), cell)
        text = sa.cast(cell, sa.Text())
        return _without_point(text) if kind is Kind.FLOAT else text

    def matches(self, text: Expression, pattern: Bound, ignoring_case: bool) -> Expression:
        search = sa.func.iregexp if ignoring_case else sa.func.regexp
        return search(bind(pattern, _STRING), text, type_=sa.Boolean()) == sa.true()

    def contains(self, text: Expression, word: Bound) -> Expression:
        # Its own LIKE ignores the case of ASCII only, and is the faster one.
        if str(example(word)).isascii():
            return text.like(bind(word, _STRING, _within), escape=_ESCAPE)
        return sa.func.contains_nocase(text, bind(word, _STRING, str.lower), type_=sa.Boolean())

    def truncated(self, cell: Expression, kind: Kind, unit: Unit) -> Expression:
        if unit is Unit.WEEK:  # the Monday after the day six days before
            return sa.func.date(cell, constant("-6 days"), constant("weekday 1"))
        if unit is Unit.QUARTER:
            year, month = (sa.func.strftime(constant(part), cell) for part in ("%Y", "%m"))
            first = (sa.cast(month, sa.Integer()) - number(1)) // number(3) * number(3) + number(1)
            written = sa.func.printf(constant("%s-%02d-01"), year, first)
            return sa.case((cell.is_not(None), written))  # it writes nulls too
        return sa.func.strftime(constant(_SQLITE_TRUNCATED.get(unit, "%Y-%m-%d")), cell)

    def variance(self, cell: Expression) -> Expression:
        return sa.func.variance(cell)

    def deviation(self, cell: Expression) -> Expression:
        return sa.func.deviation(cell)

    def product(self, cell: Expression, kind: Kind) -> Expression:
        return sa.func.product(cell)

    def source_order(self, table: sa.FromClause) -> list[Expression]:
        return [table.c[ROWID]] if ROWID in table.c else []


class WideSQLite(SQLite):
    """SQLite for sums of more than 64 bits, on which its own fails. It takes five times as long."""

    def sum(self, cell: Expression) -> Expression:
        return sa.func.wide_sum(cell)


def _as_iso(moment: datetime | time) -> str:
    return moment.isoformat()


ROWID = "_rowid_"
"""Under this name `app.tables.databases.reflection` gives a table of SQLite the number of the row, where it has one."""

_MYSQL_TRUNCATED: Mapping[Unit, str] = MappingProxyType(
    {Unit.YEAR: "%Y-01-01", Unit.MONTH: "%Y-%m-01", Unit.DAY: "%Y-%m-%d", Unit.HOUR: "%Y-%m-%d %H:00:00"}
)


class MySQL(Dialect):
    """MySQL. Its text ignores case, accents and spaces at the end unless it is told not to."""

    collation = "utf8mb4_0900_bin"

    def by_code_point(self, text: Expression) -> Expression:
        return sa.collate(sa.cast(text, mysql.CHAR(charset="utf8mb4")), self.collation)

    def equal(self, cell: Expression, kind: Kind, values: Sequence[Expression]) -> Expression:
        exact = super().equal(cell, kind, values)
        # The first condition alone would let through too much, but it is the one that finds the index.
        return sa.and_(cell.in_(values), exact) if kind is Kind.TEXT else exact

    def cast_to_text(self, cell: Expression, kind: Kind) -> Expression:
        return sa.cast(cell, mysql.CHAR(charset="utf8mb4"))

    def matches(self, text: Expression, pattern: Bound, ignoring_case: bool) -> Expression:
        flags = "(?i)" if ignoring_case else "(?-i)"
        return text.op("REGEXP", is_comparison=True)(bind(pattern, _STRING, flags.__add__))

    def contains(self, text: Expression, word: Bound) -> Expression:
        return self.by_code_point(sa.func.lower(text)).like(bind(word, _STRING, _within), escape=_ESCAPE)

    def truncated(self, cell: Expression, kind: Kind, unit: Unit) -> Expression:
        to = sa.Date() if kind is Kind.DATE else mysql.DATETIME()
        if unit is Unit.WEEK:
            return sa.cast(sa.func.subdate(sa.func.date(cell), sa.func.weekday(cell)), to)
        if unit is Unit.QUARTER:
            month = sa.func.quarter(cell) * number(3) - number(2)
            return sa.cast(sa.func.concat(sa.func.year(cell), constant("-"), month, constant("-01")), to)
        return sa.cast(sa.func.date_format(cell, constant(_MYSQL_TRUNCATED[unit])), to)

    def sort(self, expression: Expression, nullable: bool, ascending: bool) -> list[Expression]:
        directed = expression.asc() if ascending else expression.desc()
        return [expression.is_(None), directed] if nullable else [directed]

    def of_group(self, key: Expression) -> Expression:
        return sa.func.min(key)  # of equal ones: it takes only columns and aggregates there


class MariaDB(MySQL):
    """MariaDB."""

    collation = "utf8mb4_nopad_bin"


class Other(Dialect):
    """A database of which nobody has told us: what SQLAlchemy writes for it, and text in its own order."""

    def by_code_point(self, text: Expression) -> Expression:
        return text

    def matches(self, text: Expression, pattern: Bound, ignoring_case: bool) -> Expression:
        return text.regexp_match(bind(pattern, _STRING), flags="i" if ignoring_case else None)

    def sort(self, expression: Expression, nullable: bool, ascending: bool) -> list[Expression]:
        directed = expression.asc() if ascending else expression.desc()
        return [sa.case((expression.is_(None), number(1)), else_=number(0)), directed] if nullable else [directed]


WIDE = "sqlite-wide"
DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "sqlite": SQLite(),
        WIDE: WideSQLite(),
        "postgresql": Dialect(),
        "mysql": MySQL(),
        "mariadb": MariaDB(),
        "duckdb": DuckDB(),
    }
)


def of(name: str) -> Dialect:
    """How the database of that name writes things."""
    return DIALECTS.get(name) or _OTHER


_OTHER = Other()
