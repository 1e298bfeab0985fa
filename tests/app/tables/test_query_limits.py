"""What is too much for a query, what SQLite alone holds, and which of its queries are answered at once."""

import math
import os
import sqlite3
from decimal import Decimal

import pytest

from app.tables.columns import BadValue, Column, Kind
from app.tables.databases import at_once
from app.tables.grammar import parse
from app.tables.source import Missing
from tests.app.tables.cases import COLUMNS, ROWS, arguments
from tests.app.tables.databases import NUMBERS, answer, filled, many, run
from tests.app.tables.test_database_types import made

LARGEST = 2**63 - 1


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/data.db"


# Too much


def test_two_hundred_conditions_work_and_one_more_is_refused(database):
    columns = [Column("id", Kind.INTEGER, key=True), *(Column(f"c{number}", Kind.INTEGER) for number in range(60))]
    table = filled(database, columns, [tuple(range(61))])
    args = {f"c{number}{op}": ["-1"] for number in range(60) for op in (">", ">~", "!", "!~")}
    allowed = dict(list(args.items())[:200])
    assert len(answer_of(table, allowed)) == 1
    with pytest.raises(BadValue, match="within the 200 conditions that a query may have"):
        parse(args, table.columns())


def answer_of(table, args):
    return [row for batch in table.run(parse(args, table.columns()), 10).batches() for row in batch]


def test_a_thousand_values_work_and_one_more_is_refused(database):
    table = filled(database, NUMBERS, [(1, "Oslo"), (999, "Bergen"), (1000, "Bergen")])
    for _ in range(2):
        assert len(answer_of(table, {"id": [str(number) for number in range(1000)]})) == 2
    with pytest.raises(BadValue, match="at most 1000 values"):
        parse({"id": [str(number) for number in range(1001)]}, NUMBERS)


@pytest.mark.parametrize("pattern", ["a" * 1001, "(" * 500, "(a*)*" * 201])
def test_a_regular_expression_may_not_be_too_long(pattern):
    with pytest.raises(BadValue, match="city~: .* is not a regular expression"):
        parse({"city~": [pattern]}, NUMBERS)


@pytest.mark.parametrize("query", ["_offset=999999999999999999", "_limit=999999999999999999&_offset=1"])
def test_pages_far_beyond_the_end_are_empty_or_short(database, query):
    table = filled(database, NUMBERS, [(1, "Oslo")])
    assert answer(table, query) == []


# Strict


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("nowhere=1", "nowhere: '1' is not a condition: no column has this name"),
        ("City=Oslo", "City: 'Oslo' is not a condition"),
        ("_sort=nowhere", "_sort: 'nowhere' is not something to sort by"),
        ("_c=nowhere", "_c: 'nowhere' is not something to choose here"),
        ("_by=nowhere&_c=id|count", "_by: 'nowhere' is not a column to group by"),
        ("_by=city&_c=day&_c=id|count", "_c: 'day' is not something to choose here"),
    ],
)
def test_what_would_be_ignored_is_refused_where_it_is_strict(query, message):
    with pytest.raises(BadValue) as caught:
        parse(arguments(query), COLUMNS, strict=True)
    assert str(caught.value).startswith(message)


def test_arguments_of_others_are_no_mistake():
    query = "city=Oslo&_format=csv&_meta=y&_schema=&_download=x&_0=a&name=b&_count=y&_after="
    found = parse(arguments(query), COLUMNS, strict=True, passed=("_0", "name"))
    assert (found.ignored, len(found.filters)) == ((), 1)


def test_the_same_arguments_mean_something_else_for_another_table():
    first, second = (Column("a", Kind.INTEGER),), (Column("a", Kind.TEXT),)
    assert [parse({"a": ["1"]}, columns).filters[0].values for columns in (first, second, first)] == [
        (1,),
        ("1",),
        (1,),
    ]


# Numbers


def test_sums_beyond_64_bits_are_numbers(database, subtests):
    run(database, "CREATE TABLE cases (id INT PRIMARY KEY, city VARCHAR(9), n BIGINT)")
    run(
        database,
        f"INSERT INTO cases VALUES (1, 'a', {LARGEST}), (2, 'a', {LARGEST}), (3, 'b', {LARGEST}), (4, 'b', NULL)",
    )
    from app.tables.databases.table import Table

    table = Table(database, "cases")
    for _ in range(2):  # the second time the statement is known
        (_, first), second = answer(table, "_by=city&_c=n|sum")
        assert (math.isclose(first, 2 * LARGEST), second) == (True, ("b", LARGEST))
    assert len(answer(table, f"_by=city&_c=n|sum&n|sum>={LARGEST}")) == 1
    assert [row[0] for row in answer(table, "_by=city&_c=n|sum&_sort=-n|sum")] == ["a", "b"]


def test_infinite_numbers_in_sqlite_are_given_as_they_are(sqlite):
    create = "CREATE TABLE cases (id INTEGER PRIMARY KEY, x REAL, d DECIMAL(10, 2))"
    table = made(sqlite, create, "INSERT INTO cases VALUES (1, 9e999, 9e999), (2, -9e999, 1.5), (3, 2, NULL)")
    assert answer(table, "_sort=-x&_c=x&_c=d") == [(math.inf, math.inf), (2.0, None), (-math.inf, Decimal("1.5"))]
    assert answer(table, "_by=&_c=x|sum&_c=x|var&_c=x|std&_c=x|max&_c=x|prod") == [
        (None, None, None, math.inf, -math.inf)
    ]
    assert answer(table, "x>=1e308&_c=id") == [(1,)]


def test_products_that_are_too_large_are_null_or_infinite(database):
    table = filled(database, [Column("id", Kind.INTEGER, key=True), Column("x", Kind.FLOAT)], [(1, 1e200), (2, 1e200)])
    assert answer(table, "_by=&_c=x|prod") in ([(None,)], [(math.inf,)])


def test_moments_that_differ_in_microseconds_can_be_asked_for(database):
    run(database, "CREATE TABLE cases (id INT PRIMARY KEY, at TIMESTAMP(6) NULL)")
    run(database, "INSERT INTO cases VALUES (1, '2026-01-05 08:00:00.123956'), (2, '2026-01-05 08:00:01')")
    from app.tables.databases.table import Table

    table = Table(database, "cases")
    assert answer(table, "at=2026-01-05T08:00:00.123956&_c=id") == [(1,)]
    assert answer(table, "at>=2026-01-05T08:00:00.123956&_c=id") == [(2,)]


# At once


def slow(table):
    """Whether queries of the last shape run in a thread now."""
    return [plan.slow_until > 0 for plan in table._plans()._known.values()][-1]


def test_a_few_rows_are_answered_at_once_and_many_are_not(sqlite):
    table = many(sqlite, 2**17)
    for query, in_a_thread in (("_limit=10", False), ("city=nowhere", True), ("_limit=5000", True), ("id=77", False)):
        answer(table, query)
        assert slow(table) is in_a_thread, query


def test_what_was_slow_is_tried_again(sqlite, monkeypatch):
    table = filled(sqlite, NUMBERS, [(1, "Oslo")])
    monkeypatch.setattr(at_once, "BATCH", 0)
    assert (answer(table, ""), slow(table)) == ([(1, "Oslo")], True)
    monkeypatch.undo()
    monkeypatch.setattr(at_once, "monotonic", lambda: 1e18)
    plan = next(iter(table._plans()._known.values()))
    assert at_once.reads(table._engine).run(plan, [10_000]) is not None


def test_a_file_that_was_replaced_is_read_anew(sqlite, tmp_path):
    table = filled(sqlite, NUMBERS, [(1, "Oslo")])
    assert answer(table, "") == [(1, "Oslo")]
    filled(f"sqlite:///{tmp_path}/new.db", NUMBERS, [(2, "Bergen")])
    os.replace(tmp_path / "new.db", tmp_path / "data.db")
    assert (answer(table, ""), answer(table, "_limit=-1")) == ([(2, "Bergen")], [(2, "Bergen")])
    (tmp_path / "data.db").unlink()
    with pytest.raises(Missing, match="no file"):
        answer(table, "")


def test_reads_at_once_see_what_others_write(sqlite, tmp_path):
    table = filled(sqlite, NUMBERS, [(1, "Oslo")])
    assert len(answer(table, "")) == 1
    other = sqlite3.connect(tmp_path / "data.db")
    other.execute("INSERT INTO cases VALUES (2, 'Bergen')")
    other.commit()
    other.close()
    assert len(answer(table, "")) == 2


def test_a_query_at_once_counts_too(sqlite):
    table = filled(sqlite, COLUMNS, ROWS)
    assert table.run(parse(arguments("_limit=2&_count=1&city=Oslo"), table.columns()), 10).count == 2


def test_a_column_that_was_added_is_there_once_the_table_is_asked_to_forget(database):
    table = filled(database, NUMBERS, [(1, "Oslo")])
    assert answer(table, "") == [(1, "Oslo")]
    run(database, "ALTER TABLE cases ADD COLUMN units INT")
    table.forget()
    assert answer(table, "units!") == [(1, "Oslo", None)]
