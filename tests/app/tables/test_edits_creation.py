"""Tables that `columns:` or the first rows make."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from app.tables.columns import Kind
from app.tables.databases.table import Table
from app.tables.edits import creation
from app.tables.edits.creation import ColumnSettings
from app.tables.edits.transactions import Refused
from app.tables.edits.writing import DatabaseEditor
from tests.app.tables.databases import run
from tests.app.tables.editing import edit, given, rows

COLUMNS = {
    "id": {"type": "INTEGER", "primary_key": True, "autoincrement": True},
    "na me": {"type": "VARCHAR(40)", "nullable": False},
    "at": {"type": "TIMESTAMP", "default": {"function": "func.now()"}},
    "level": {"type": "INTEGER", "default": 3},
    "word": {"type": "VARCHAR(9)", "default": "o'k"},
    "open": {"type": "BOOLEAN", "default": True},
}


def test_a_table_is_made_with_keys_and_defaults(database):
    creation.ensure(Table(database, "made"), COLUMNS)
    source = Table(database, "made")
    edit(DatabaseEditor(source), "POST", **{"na me": ["a", "b"]})
    row = rows(source)[1]
    assert (row[0], row[1], row[3], row[4], row[5]) == (2, "b", 3, "o'k", True)
    assert abs(row[2] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=2)
    assert [column.name for column in source.columns() if column.key] == ["id"]


def test_columns_that_a_table_lacks_are_added_and_the_others_stay(database):
    run(database, "CREATE TABLE old (id INTEGER PRIMARY KEY, word VARCHAR(3))", "INSERT INTO old VALUES (1, 'abc')")
    creation.ensure(
        Table(database, "old"), {"word": "INTEGER", "level": {"type": "INTEGER", "default": 3}, "no te": "TEXT"}
    )
    source = Table(database, "old")
    assert rows(source) == [(1, "abc", 3, None)]
    assert [column.kind for column in source.columns()] == [Kind.INTEGER, Kind.TEXT, Kind.INTEGER, Kind.TEXT]


def test_several_who_make_the_same_table_at_once_make_one(database):
    def make(_):
        creation.make(Table(database, "made"), creation.specified(COLUMNS))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    assert len(Table(database, "made").columns()) == 6


@pytest.mark.parametrize("body", ['{"name": "Ann", "level": 3, "share": 0.5, "ok": true}'])
def test_the_first_rows_say_what_columns_there_are(database, body):
    first = creation.of_first(given({}, body), ("id",))
    assert [(column.name, column.kind.value) for column in first] == [
        ("id", "integer"),
        ("name", "text"),
        ("level", "integer"),
        ("share", "float"),
        ("ok", "boolean"),
    ]
    source = Table(database, "people")
    creation.make(source, creation.of_kinds(first))
    edit(DatabaseEditor(source), "POST", body)
    assert rows(source) == [(1, "Ann", 3, 0.5, True)]


def test_a_key_of_text_may_be_that_of_any_database(database):
    source = Table(database, "people")
    creation.make(source, creation.of_kinds(creation.of_first(given({"name": "Ann", "x": "1"}), ("name",))))
    edit(DatabaseEditor(source), "POST", key=("name",), name="Ann", x="1")
    assert rows(source) == [("Ann", "1")]


def test_a_type_that_the_database_does_not_know_is_refused(postgresql):
    with pytest.raises(Refused, match="made: cannot be made"):
        creation.ensure(Table(postgresql, "made"), {"id": "NOTHING"})


@pytest.mark.parametrize(
    "column",
    [
        {"type": "TEXT); DROP TABLE x; --"},
        {"type": "TEXT DEFAULT 'x'"},
        {"type": ""},
        {"default": {"function": "__import__('os').system('x')"}},
        {"default": {"function": "func.now"}},
        {"kind": "TEXT"},
    ],
)
def test_a_column_that_is_none_is_a_mistake(column):
    with pytest.raises(ValidationError):
        ColumnSettings.model_validate(column)


def test_kinds_of_a_file_are_those_of_its_columns():
    columns = {"id": "INTEGER", "d": "DATE", "t": "TIMESTAMP", "n": "NUMERIC(5, 2)", "x": "VARCHAR(3)", "b": "BOOLEAN"}
    assert [column.kind.value for column in creation.kinds(columns)] == [
        "integer",
        "date",
        "datetime",
        "decimal",
        "text",
        "boolean",
    ]
