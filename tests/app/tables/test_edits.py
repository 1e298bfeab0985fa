"""What the arguments and the JSON of a request ask to change."""

from datetime import date
from decimal import Decimal

import pytest

from app.tables.columns import BadValue, Column, Kind
from app.tables.edits.changes import Delete, Insert, Update, deletes, from_json, inserts, row_etag, updates
from app.tables.query import Filter, Op
from tests.app.tables.editing import given

COLUMNS = (
    Column("id", Kind.INTEGER, key=True),
    Column("city", Kind.TEXT),
    Column("sales", Kind.DECIMAL),
    Column("day", Kind.DATE),
    Column("open", Kind.BOOLEAN),
    Column("more", Kind.OTHER),
)
KEY = ("id",)


def inserted(body=None, key=KEY, **args):
    edits = inserts(given(args, body), COLUMNS, key)
    (insert,) = edits.each
    return list(insert.rows)


@pytest.mark.parametrize(
    ("args", "rows"),
    [
        ({"city": "Oslo"}, [{"city": "Oslo"}]),
        ({"city": ["a", "b"], "sales": "3"}, [{"city": "a", "sales": 3}, {"city": "b", "sales": 3}]),
        ({"city": ["a", "b", "c"], "sales": ["1", "2"]}, [("a", 1), ("b", 2), ("c", 2)]),
        ({"city": "", "sales": "1"}, [{"city": None, "sales": 1}]),
        ({"city": "x", "day": "2026-01-02", "open": "no"}, [{"city": "x", "day": date(2026, 1, 2), "open": False}]),
        ({"city": "x", "_format": "json", "_xsrf": "a"}, [{"city": "x"}]),
    ],
    ids=["one row", "padded", "padded with the last", "empty is null", "types", "parameters are no columns"],
)
def test_arguments_are_columns_of_rows(args, rows):
    assert inserted(**args) == [
        row if isinstance(row, dict) else dict(zip(("city", "sales"), row, strict=True)) for row in rows
    ]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ('{"city": "Oslo", "sales": 1.50}', [{"city": "Oslo", "sales": Decimal("1.50")}]),
        ('{"city": ["a", "b"], "open": true}', [{"city": "a", "open": True}, {"city": "b", "open": True}]),
        ('[{"city": "a"}, {"sales": 2, "day": null}]', [{"city": "a"}, {"sales": 2, "day": None}]),
        ('{"sales": 12345678901234567890.123456789}', [{"sales": Decimal("12345678901234567890.123456789")}]),
        ('{"more": {"a": [1.50, {"b": null}]}}', [{"more": '{"a": [1.50, {"b": null}]}'}]),
        ('{"city": "a", "more": [1, 2]}', [{"city": "a", "more": "[1, 2]"}]),
        ('{"city": ["a", "b"], "more": [1, [2]]}', [{"city": "a", "more": "1"}, {"city": "b", "more": "[2]"}]),
        ('{"city": 1.50}', [{"city": "1.50"}]),
        ("[]", None),
    ],
    ids=[
        "scalars",
        "columns of lists",
        "records",
        "all digits",
        "nested",
        "a list as value",
        "lists of lists",
        "a number as text",
        "no rows",
    ],
)
def test_json_is_one_row_columns_or_records(body, rows):
    if rows is None:
        assert inserts(given({}, body), COLUMNS, KEY).each == ()
    else:
        assert inserted(body) == rows


def test_arguments_are_for_all_records_of_the_body_that_say_nothing_else():
    assert inserted('[{"sales": 1}, {"city": "b"}]', city="a") == [{"city": "a", "sales": 1}, {"city": "b"}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('[{"sales": 1}, {"sales": "x"}]', "row 2: sales: 'x' is not a decimal number"),
        ('{"id": 99999999999999999999}', "row 1: id: '99999999999999999999' is not an integer of 64 bits"),
        ('{"id": 1e400}', "row 1: id: '1e400' is not an integer"),
        ('{"sales": true}', "row 1: sales: 'true' is not the decimal"),
        ('{"city": {"a": 1}}', "row 1: city: '{\"a\": 1}' is not one value: it is nested"),
        ('{"day": "2026-13-01"}', "row 1: day: '2026-13-01' is not a date"),
        ('{"city": "a\\u0000b"}', "row 1: city: 'a\\x00b' is not text of Unicode without U+0000"),
        ('{"city": "\\ud800"}', "row 1: city: '\\ud800' is not text"),
        ('{"nothing": 1}', "row 1: none of its names is a column: there are id, city"),
        ("{}", None),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_row_and_column(body, says):
    if says is None:
        assert inserts(given({}, body), COLUMNS, KEY).each == ()
        return
    with pytest.raises(BadValue) as error:
        inserted(body)
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "line 1, column 2"),
        (b'"text"', "should be an object, or a list of objects"),
        (b"[1]", "it is a list of something else"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b"\xff{}", "not UTF-8"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper than 100"),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested deeper than 100"),
    ],
    ids=["broken", "text", "list of numbers", "nan", "infinity", "not utf-8", "deep", "very deep"],
)
def test_what_is_no_json_of_rows_is_said(body, says):
    with pytest.raises(ValueError, match=says):
        from_json(body)


def test_a_number_of_a_million_digits_takes_no_time_and_does_not_fit():
    with pytest.raises(BadValue, match="is not an integer of 64 bits"):
        inserted('{"id": ' + "9" * 1_000_000 + "}")


def test_an_update_sets_first_values_where_the_key_is():
    edits = updates(given({"id": ["3", "4"], "city": ["a", "b"], "nothing": "x"}), COLUMNS, KEY)
    assert edits.each == (Update((Filter("id", Op.EQUAL, (3, 4)),), {"city": "a"}),)
    assert edits.ignored == (("nothing", ("x",)),)
    assert edits.filters == [["id", "", [3, 4]]]


def test_a_list_is_one_value_where_a_column_can_hold_it():
    (update,) = updates(given({}, '{"id": [1, 2], "more": [1, 2]}'), COLUMNS, KEY).each
    assert (update.filters[0].values, update.values) == ((1, 2), {"more": "[1, 2]"})


def test_each_record_of_a_bulk_update_has_its_key():
    edits = updates(given({}, '[{"id": 1, "city": "a"}, {"id": 2, "sales": null}]'), COLUMNS, KEY)
    assert [(each.filters[0].values, each.values) for each in edits.each] == [
        ((1,), {"city": "a"}),
        ((2,), {"sales": None}),
    ]


def test_a_delete_has_the_key_and_conditions_of_the_query_language():
    edits = deletes(given({"id": "3", "sales>": "1", "city!": ""}), COLUMNS, KEY)
    filters = (Filter("id", Op.EQUAL, (3,)), Filter("sales", Op.GREATER, (Decimal(1),)), Filter("city", Op.NULL))
    assert edits.each == (Delete(filters),)


def test_null_in_the_json_of_a_delete_is_a_condition():
    (delete,) = deletes(given({}, '{"id": 3, "city": null, "open": true}'), COLUMNS, KEY).each
    assert delete.filters[1:] == (Filter("city", Op.NULL), Filter("open", Op.EQUAL, (True,)))


@pytest.mark.parametrize("read", [updates, deletes], ids=["update", "delete"])
@pytest.mark.parametrize(
    ("args", "body"),
    [
        ({"city": "x"}, None),
        ({"id": "", "city": "x"}, None),
        ({"id>": "0", "city": "x"}, None),
        ({}, '{"id": null, "city": "x"}'),
        ({}, '{"id": [], "city": "x"}'),
        ({}, '[{"id": 1, "city": "x"}, {"city": "y"}]'),
    ],
    ids=["missing", "empty", "another operator", "null", "no values", "in the second record"],
)
def test_without_the_key_nothing_is_changed(read, args, body):
    with pytest.raises(BadValue, match="id: the key is missing"):
        read(given(args, body), COLUMNS, KEY)


@pytest.mark.parametrize("read", [inserts, updates, deletes])
def test_a_table_without_id_in_the_yaml_cannot_be_changed(read):
    with pytest.raises(BadValue, match="`id:` in the YAML"):
        read(given({"city": "x"}), COLUMNS, ())


def test_an_update_of_nothing_is_refused():
    with pytest.raises(BadValue, match="nothing to change: give a column besides id"):
        updates(given({"id": "1", "nothing": "x"}), COLUMNS, KEY)


@pytest.mark.parametrize("read", [inserts, updates, deletes])
def test_strict_refuses_names_that_are_no_columns(read):
    with pytest.raises(BadValue, match="citty: 'citty' is not a column"):
        read(given({"id": "1", "city": "x", "citty": "y"}), COLUMNS, KEY, True)


def test_an_upsert_needs_the_key_of_each_row():
    edits = inserts(given({"_upsert": "1", "id": "3", "city": "x"}), COLUMNS, KEY)
    assert edits.each == (Insert(({"id": 3, "city": "x"},), upsert=True),)
    with pytest.raises(BadValue, match="row 2: id: `_upsert` needs the key"):
        inserts(given({"_upsert": "1"}, '[{"id": 1, "city": "x"}, {"city": "y"}]'), COLUMNS, KEY)


def test_the_etag_of_a_row_changes_with_each_value():
    row = (3, "Oslo", Decimal("1.50"), date(2026, 1, 2), None, {"a": 1})
    tags = {row_etag(COLUMNS, (*row[:index], "other", *row[index + 1 :])) for index in range(6)}
    assert row_etag(COLUMNS, row) == row_etag(COLUMNS, tuple(row))
    assert len(tags | {row_etag(COLUMNS, row)}) == 7
