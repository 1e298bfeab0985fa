"""What drivers give, as Python's own values for the kinds of the columns.

SQLite keeps dates as text and decimals as doubles, MariaDB has numbers for booleans and durations for times of day,
sums of integers come as decimals. What cannot be what its column says, as SQLite allows, stays what it is.
"""

import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any, TypeAlias

from app.tables.columns import Column, Kind
from app.tables.source import Row

Read: TypeAlias = Callable[[Any], Any]


def reader(columns: Sequence[Column]) -> Callable[[Iterable[Row]], list[Row]]:
    """What makes rows of what a driver gave for columns of these kinds."""
    kinds = [column.kind for column in columns]
    if not columns:  # SQL cannot select nothing
        return lambda rows: [() for _ in rows]
    if all(kind not in _READS for kind in kinds):
        return list
    return lambda rows: _by_column(kinds, rows)


def _by_column(kinds: Sequence[Kind], rows: Iterable[Row]) -> list[Row]:
    """Column by column, as most have nothing to read and no call per value then."""
    columns = zip(kinds, zip(*rows, strict=True), strict=False)  # of no rows there are no columns
    return list(zip(*(_column(kind, values) for kind, values in columns), strict=True))


def _column(kind: Kind, values: tuple[Any, ...]) -> Iterable[Any]:
    if kind not in _READS or set(map(type, values)) <= _WANTED.get(kind, _NOTHING):
        return values
    return map(_READS[kind], values)


def _boolean(value: Any) -> Any:
    if isinstance(value, bytes):  # BIT(1)
        return value != b"\0"
    return bool(value) if isinstance(value, int) else value


def _integer(value: Any) -> Any:
    if type(value) is int or not isinstance(value, Decimal | float):
        return value
    return int(value) if value == value // 1 else value


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int | Decimal) else value


def _decimal(value: Any) -> Any:
    """A decimal; of a double what is left without the error of sums, ten digits after the point."""
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(round(value, 10)))
    return Decimal(value) if isinstance(value, int) else value


_DAY = len("2026-12-31")


def _date(value: Any) -> Any:
    if isinstance(value, str):
        value = _parsed(date.fromisoformat if len(value) == _DAY else datetime.fromisoformat, value)
    return value.date() if isinstance(value, datetime) else value


def _datetime(value: Any) -> Any:
    if isinstance(value, str):
        value = _parsed(datetime.fromisoformat, value)
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value


def _time(value: Any) -> Any:
    if isinstance(value, timedelta) and timedelta() <= value < timedelta(days=1):
        return (datetime.min + value).time()
    return _parsed(time.fromisoformat, value) if isinstance(value, str) else value


def _parsed(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return text


def _other(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


_READS: Mapping[Kind, Read] = MappingProxyType(
    {
        Kind.BOOLEAN: _boolean,
        Kind.INTEGER: _integer,
        Kind.FLOAT: _float,
        Kind.DECIMAL: _decimal,
        Kind.DATE: _date,
        Kind.DATETIME: _datetime,
        Kind.TIME: _time,
        Kind.OTHER: _other,
    }
)
_NOTHING: frozenset[type] = frozenset()
_WANTED: Mapping[Kind, frozenset[type]] = MappingProxyType(
    {
        Kind.BOOLEAN: frozenset({bool, NoneType}),
        Kind.INTEGER: frozenset({int, NoneType}),
        Kind.FLOAT: frozenset({float, NoneType}),
        Kind.DECIMAL: frozenset({Decimal, NoneType}),
        Kind.DATE: frozenset({date, NoneType}),
        Kind.TIME: frozenset({time, NoneType}),
    }
)
"""The types of values with which a column is what it should be, as most are. A datetime may still have a zone."""
