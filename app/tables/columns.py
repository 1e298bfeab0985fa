"""Columns of a table, whatever holds it: their names and kinds, and what a text from a request means in one of them.

One rule for every source: a datetime is naive and UTC (a zone in the text is converted), text never holds U+0000
(PostgreSQL cannot store it), a boolean is false if its text is empty, 0, n, no, f or false in any case.
"""

import base64
import math
import re
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

Value: TypeAlias = bool | int | float | Decimal | str | date | time | datetime | bytes


class Kind(StrEnum):
    """What a column holds."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    BINARY = "binary"
    OTHER = "other"


NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
DATES = frozenset({Kind.DATE, Kind.DATETIME})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `key` says that it is (part of) the primary key."""

    name: str
    kind: Kind
    nullable: bool = True
    key: bool = False


_SHOWN = 100


class BadValue(ValueError):
    """A value that a column or a parameter cannot take; its text names all three, a long value by its beginning."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
        super().__init__(f"{name}: {shown!r} is not {wanted}")
        self.name = name
        self.value = value
        self.wanted = wanted


def convert(text: str, column: Column) -> Value:
    """The value that a text means in a column. Raises `BadValue`."""
    read, wanted = _READERS[column.kind]
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise BadValue(column.name, text, wanted) from error


def truth(text: str) -> bool:
    """Whether a text means yes."""
    return text.strip().lower() not in {"", "0", "n", "no", "f", "false"}


_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_INTEGERS = range(-(2**63), 2**63)
"""What every database takes as an integer: 64 bits."""

_DIGITS = 38
"""What every database takes as a decimal, before and after the point together."""


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError("not an integer")
    number = int(text.strip().partition(".")[0])
    if number not in _INTEGERS:
        raise ValueError("more than 64 bits")
    return number


def _numeral(text: str) -> str:
    """The text without spaces around, if it is a number as SQL has them: Python's readers also take 1_000 and nan."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("not a number")
    return text.strip()


def _float(text: str) -> float:
    number = float(_numeral(text))
    if not math.isfinite(number):
        raise ValueError("too large")
    return number


def _decimal(text: str) -> Decimal:
    number = Decimal(_numeral(text))
    _, digits, exponent = number.as_tuple()
    if max(number.adjusted() + 1, 0) - min(int(exponent), 0) > _DIGITS or len(digits) > _DIGITS:
        raise ValueError("too many digits")
    return number


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("has the character U+0000")
    text.encode()  # raises for half of a surrogate pair, which is no character
    return text


_EPOCH = datetime(1970, 1, 1)
_MILLISECONDS = re.compile(r"-?[0-9]{9,}")
_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?")


def _datetime(text: str) -> datetime:
    """A time in ISO 8601, a year or a month (their first moment), or milliseconds since 1970, as our JSON has them."""
    text = text.strip()
    if _MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    if month := _MONTH.fullmatch(text):
        return datetime(int(month[1]), int(month[2] or 1), 1)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _date(text: str) -> date:
    moment = _datetime(text)
    if moment.time() != time.min:
        raise ValueError("has a time of day")
    return moment.date()


def _time(text: str) -> time:
    moment = time.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        raise ValueError("has a zone")
    return moment


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except NotBase64 as error:
        raise ValueError("not base64") from error


_READERS: Mapping[Kind, tuple[Callable[[str], Value], str]] = MappingProxyType(
    {
        Kind.BOOLEAN: (truth, "a boolean"),
        Kind.INTEGER: (_integer, "an integer of 64 bits"),
        Kind.FLOAT: (_float, "a number"),
        Kind.DECIMAL: (_decimal, f"a decimal number of at most {_DIGITS} digits"),
        Kind.TEXT: (_text, "text of Unicode without U+0000"),
        Kind.DATE: (_date, "a date such as 2026-12-31"),
        Kind.TIME: (_time, "a time of day such as 23:59:00"),
        Kind.DATETIME: (_datetime, "a date and time such as 2026-12-31T23:59:00"),
        Kind.BINARY: (_binary, "base64"),
        Kind.OTHER: (_text, "text of Unicode without U+0000"),
    }
)
