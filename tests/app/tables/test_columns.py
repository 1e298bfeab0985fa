from datetime import date, datetime, time
from decimal import Decimal

import pytest

from app.tables.columns import BadValue, Column, Kind, convert

MEANINGS = [
    (Kind.INTEGER, "7", 7),
    (Kind.INTEGER, " -07 ", -7),
    (Kind.INTEGER, "3.0", 3),
    (Kind.INTEGER, "9223372036854775807", 2**63 - 1),
    (Kind.FLOAT, "1.5e3", 1500.0),
    (Kind.FLOAT, ".5", 0.5),
    (Kind.DECIMAL, "0.10", Decimal("0.10")),
    (Kind.DECIMAL, "-1E2", Decimal("-1E2")),
    (Kind.TEXT, " as it is\n", " as it is\n"),
    (Kind.OTHER, "{1,2}", "{1,2}"),
    (Kind.DATE, "2026-12-31", date(2026, 12, 31)),
    (Kind.DATE, "2026", date(2026, 1, 1)),
    (Kind.DATE, "2026-2", date(2026, 2, 1)),
    (Kind.DATE, "1769904000000", date(2026, 2, 1)),
    (Kind.DATE, "2026-02-01T00:00", date(2026, 2, 1)),
    (Kind.DATETIME, "2026-12-31 23:59:58.5", datetime(2026, 12, 31, 23, 59, 58, 500_000)),
    (Kind.DATETIME, "2026-12-31T23:00:00-02:00", datetime(2027, 1, 1, 1)),
    (Kind.DATETIME, "2026-12-31T23:00Z", datetime(2026, 12, 31, 23)),
    (Kind.DATETIME, "-86400000000", datetime(1967, 4, 7)),
    (Kind.TIME, "23:59", time(23, 59)),
    (Kind.BINARY, "aGk=", b"hi"),
]


@pytest.mark.parametrize(("kind", "text", "value"), MEANINGS, ids=lambda item: repr(item))
def test_a_text_means_a_value_of_the_columns_kind(kind, text, value):
    converted = convert(text, Column("x", kind))
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize("text", ["", "0", "n", "No", "F", "FALSE", " false "])
def test_these_texts_are_false(text):
    assert convert(text, Column("paid", Kind.BOOLEAN)) is False


@pytest.mark.parametrize("text", ["1", "y", "Yes", "t", "true", "anything"])
def test_all_other_texts_are_true(text):
    assert convert(text, Column("paid", Kind.BOOLEAN)) is True


NONSENSE = [
    (Kind.INTEGER, ["", "x", "1.5", "1e3", "1_000", "0x1f", "٣", "9223372036854775808", "9" * 5000]),
    (Kind.FLOAT, ["", "x", "nan", "inf", "1_000", "1,5", "1e999", "--1"]),
    (Kind.DECIMAL, ["", "x", "NaN", "Infinity", "sNaN", "1e39", "1e-39", "1" * 39, "1.5.2"]),
    (Kind.TEXT, ["a\0b", "\ud800"]),
    (Kind.OTHER, ["\0"]),
    (Kind.DATE, ["", "soon", "2026-02-30", "2026-13", "0000", "2026-02-01T10:00", "1" * 30]),
    (Kind.DATETIME, ["", "soon", "2026-02-01T25:00", "9" * 15, "0001-01-01T00:00+05:00", "12/31/2026"]),
    (Kind.TIME, ["", "noon", "24:01", "10:00+01:00"]),
    (Kind.BINARY, ["a", "aGk", "a b=", "é"]),
]


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, texts in NONSENSE for text in texts],
    ids=lambda item: repr(str(item)[:40]),
)
def test_what_a_column_cannot_hold_is_an_error_that_says_what_it_can(kind, text):
    with pytest.raises(BadValue) as caught:
        convert(text, Column("a b", kind))
    assert (caught.value.name, caught.value.value) == ("a b", text)
    assert str(caught.value).startswith("a b: ") and caught.value.wanted in str(caught.value)


def test_an_error_shows_the_beginning_of_a_long_value():
    assert str(BadValue("x", "y" * 1000, "a number")) == f"x: {'y' * 100 + '...'!r} is not a number"
