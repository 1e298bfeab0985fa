"""The journal of changes, and the way back."""

import json

import pytest

from app.tables.databases.table import Table
from app.tables.edits.journal import UNDO, Entry, Journal, undo
from app.tables.edits.rewriting import FileEditor
from app.tables.edits.transactions import Conflict, Refused
from app.tables.edits.writing import DatabaseEditor
from app.tables.files.file import File
from tests.app.tables.databases import run
from tests.app.tables.editing import KEY, edit, rows

COLUMNS = "n DECIMAL(8, 2), d DATE, at TIMESTAMP NULL, b BOOLEAN, f DOUBLE PRECISION, x BLOB"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "csv", "json", "xlsx"])
def table(request, tmp_path):
    """An editor and its source, of each kind in turn."""
    if request.param in ("csv", "json", "xlsx"):
        from app.tables.columns import Column, Kind

        source = File(tmp_path / f"a.{request.param}")
        kinds = [Kind.INTEGER, Kind.TEXT, Kind.FLOAT, Kind.DATE, Kind.BOOLEAN]
        editor = FileEditor(source, [Column(*pair) for pair in zip(("id", "t", "n", "d", "b"), kinds, strict=True)])
    else:
        url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else request.getfixturevalue(request.param)
        columns = COLUMNS.replace("BLOB", "BYTEA") if request.param == "postgresql" else COLUMNS
        run(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, t VARCHAR(20), {columns})")
        source = Table(url, "t")
        editor = DatabaseEditor(source)
    edit(editor, "POST", id=[1, 2, 3], t=["a", "b", "c"], n=["1.5", "2.5", "3.5"], d="2026-01-02", b="yes")
    return editor, source


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "var" / "journal.db")


def kept(journal, editor, *request, **args):
    """The entry of a change, as the journal has it."""
    done = edit(editor, *request, recording=True, **args)
    return journal.get(journal.write(Entry("orders", "data", "some", KEY, done.changes, "ann")))


def taken_back(editor, entry):
    return editor.transact(lambda table: undo(table, entry), 10)


@pytest.mark.parametrize(
    "request_",
    [
        ("POST", '[{"id": 8, "t": "x", "n": 4.25}, {"id": 9, "t": "y"}]'),
        ("PUT", '{"id": [1, 3], "t": "new", "n": null, "d": "2020-02-02", "b": false}'),
        ("PATCH", '[{"id": 1, "t": "x"}, {"id": 2, "n": 9}]'),
        ("DELETE", '{"id": [1, 2]}'),
    ],
    ids=lambda request: request[0],
)
def test_a_change_can_be_taken_back_and_that_too(table, journal, request_):
    editor, source = table
    before = sorted(rows(source))
    entry = kept(journal, editor, *request_)
    after = sorted(rows(source))
    changes = taken_back(editor, entry)
    assert sorted(rows(source)) == before != after
    again = journal.get(journal.write(Entry("orders", "data", UNDO, KEY, changes)))
    taken_back(editor, again)
    assert sorted(rows(source)) == after


def test_an_upsert_can_be_taken_back(table, journal):
    editor, source = table
    before = sorted(rows(source))
    entry = kept(journal, editor, "POST", '[{"id": 1, "t": "x"}, {"id": 7, "t": "y"}]', _upsert=1)
    taken_back(editor, entry)
    assert sorted(rows(source)) == before


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_others_have_built_on_is_kept(table, journal, method):
    editor, source = table
    args = {"POST": {"id": 7, "t": "x"}, "PUT": {"id": 1, "t": "x"}, "DELETE": {"id": 2}}[method]
    entry = kept(journal, editor, method, **args)
    edit(editor, "POST", json.dumps({"id": args["id"], "t": "theirs"}), _upsert=1)
    now = sorted(rows(source))
    with pytest.raises(Conflict, match=f"the row id={args['id']} has been changed since"):
        taken_back(editor, entry)
    assert sorted(rows(source)) == now


def test_rows_without_key_cannot_be_found_again(table, journal):
    editor, _ = table
    done = edit(editor, "POST", id=9, t="x", recording=True)
    entry = Entry("orders", "data", "insert", ("nothing",), done.changes)
    with pytest.raises(Refused, match="there is no column nothing"):
        taken_back(editor, entry)


def test_the_journal_lists_the_last_changes_of_a_mount(journal, table):
    editor, _ = table
    first, second = kept(journal, editor, "PUT", id=1, t="x"), kept(journal, editor, "PUT", id=1, t="y")
    assert [entry.id for entry in journal.latest("orders")] == [second.id, first.id]
    assert journal.latest("others") == [] and journal.last("others") is None
    journal.undone(second.id, 99)
    assert journal.last("orders").id == first.id
    journal.remove(first.id)
    assert journal.last() is None
    assert (second.who, second.changes[0].before["t"], second.changes[0].after["t"]) == ("ann", "x", "y")
