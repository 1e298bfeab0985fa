"""Edits of tables in SQLite, PostgreSQL and MariaDB."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal

import pytest

from app.tables.columns import BadValue
from app.tables.databases import engines
from app.tables.databases.table import Table
from app.tables.edits.changes import row_etag
from app.tables.edits.transactions import Conflict, Outdated, Refused
from app.tables.edits.writing import DatabaseEditor
from app.tables.source import Down, Missing, TooLong
from tests.app.tables.databases import run
from tests.app.tables.editing import edit, rows

SERIAL = {"sqlite": "INTEGER PRIMARY KEY", "postgresql": "SERIAL PRIMARY KEY"}
TABLE = (
    "CREATE TABLE orders (id {serial}, city VARCHAR(20) NOT NULL, sales NUMERIC(8, 2) CHECK (sales < 1000), "
    "day DATE, at TIMESTAMP NULL, open BOOLEAN, code VARCHAR(8) UNIQUE, factor DOUBLE PRECISION){more}"
)


def kind(url):
    return url.partition(":")[0]


@pytest.fixture
def orders(database):
    """An empty table, as a source."""
    serial = SERIAL.get(kind(database), "INTEGER AUTO_INCREMENT PRIMARY KEY")
    run(database, TABLE.format(serial=serial, more=" CHARSET utf8mb4" if kind(database) == "mariadb" else ""))
    return Table(database, "orders")


@pytest.fixture
def editor(orders):
    return DatabaseEditor(orders)


def cities(source):
    return [(row[0], row[1]) for row in rows(source)]


def test_rows_are_inserted_and_their_keys_told_in_their_order(editor, orders):
    done = edit(editor, "POST", city=["Oslo", "Bergen", "Voss"], sales="1.50", day="2026-01-02", open="no")
    assert (done.count, done.inserted, done.ids) == (3, [{"id": 1}, {"id": 2}, {"id": 3}], [[1], [2], [3]])
    assert rows(orders)[2][:6] == (3, "Voss", Decimal("1.50"), date(2026, 1, 2), None, False)


def test_records_may_give_different_columns(editor, orders):
    body = '[{"city": "a"}, {"city": "b", "sales": 2}, {"id": 70, "city": "c"}, {"city": "d", "factor": 0.1}]'
    assert [key["id"] for key in edit(editor, "POST", body).inserted] == [1, 2, 70, 71] or kind(
        orders.url
    ) == "postgresql"
    assert [(row[1], row[2], row[7]) for row in rows(orders, _sort="city")] == [
        ("a", None, None),
        ("b", Decimal("2.00"), None),
        ("c", None, None),
        ("d", None, 0.1),
    ]


def test_what_was_written_is_what_is_read(editor, orders):
    values = {"city": "Ø'\";--\\ 🦀", "at": "2026-01-02T03:04:05+01:00", "factor": "-1.5e-3", "code": "007"}
    edit(editor, "POST", **values)
    assert rows(orders)[0][1:] == (
        values["city"],
        None,
        None,
        datetime(2026, 1, 2, 2, 4, 5),
        None,
        "007",
        -0.0015,
    )


def test_an_update_changes_the_rows_of_the_key_and_a_delete_those_that_pass_too(editor, orders):
    edit(editor, "POST", city=["a", "b", "c"], sales=["1", "2", "3"])
    assert edit(editor, "PUT", id=[1, 3], city="x", sales="").count == 2
    assert edit(editor, "DELETE", id=[1, 2, 3], **{"sales!": ""}).ids == [[1], [3]]
    assert cities(orders) == [(2, "b")]


def test_an_update_to_what_is_there_already_counts(editor):
    edit(editor, "POST", city="a")
    assert edit(editor, "PUT", id=1, city="a").count == 1
    assert edit(editor, "PUT", id=9, city="a").count == 0


def test_a_bulk_update_is_made_together_or_not_at_all(editor, orders):
    edit(editor, "POST", city=["a", "b"])
    edit(editor, "PATCH", '[{"id": 1, "city": "x"}, {"id": 2, "sales": 5}]')
    with pytest.raises(BadValue):
        edit(editor, "PATCH", '[{"id": 1, "city": "lost"}, {"id": 2, "sales": 5000}]')
    assert [row[1:3] for row in rows(orders)] == [("x", None), ("b", Decimal("5.00"))]


def test_an_upsert_inserts_what_is_not_there_and_changes_what_is(editor, orders):
    edit(editor, "POST", city=["a", "b"], sales="1")
    body = '[{"id": 2, "city": "B"}, {"id": 7, "city": "new"}, {"id": 7, "city": "newer"}, {"id": 1, "sales": 9}]'
    done = edit(editor, "POST", body, _upsert="y")
    assert (done.count, done.inserted) == (3, [{"id": 7}])
    assert [row[:3] for row in rows(orders)] == [(1, "a", Decimal(9)), (2, "B", Decimal(1)), (7, "newer", None)]


@pytest.mark.parametrize(
    ("args", "error", "says"),
    [
        ({"id": 1, "city": "x"}, Conflict, "id|PRIMARY"),
        ({"city": "x", "code": "taken"}, Conflict, "code"),
        ({"sales": 1}, BadValue, "city: needs a value"),
        ({"city": "x", "sales": 1000}, BadValue, "sales"),
        ({"city": "x", "sales": "abc"}, BadValue, "row 1: sales: 'abc' is not a decimal"),
        ({"city": "x", "day": "yesterday"}, BadValue, "day: 'yesterday' is not a date"),
    ],
    ids=["primary key", "unique", "not null", "check", "number", "date"],
)
def test_what_the_table_does_not_allow_names_the_column_and_changes_nothing(editor, orders, args, error, says):
    edit(editor, "POST", city="a", code="taken")
    with pytest.raises(error, match=says):
        edit(editor, "POST", **args)
    assert len(rows(orders)) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [({"city": "x" * 21}, "city"), ({"city": "x", "sales": "1e7"}, "sales"), ({"id": 2**31, "city": "x"}, "id")],
    ids=["long text", "large decimal", "large integer"],
)
def test_what_is_too_large_for_a_column_is_refused_where_the_database_cares(editor, orders, args, says):
    if kind(orders.url) == "sqlite" and says != "sales":
        assert edit(editor, "POST", **args).count == 1
        return
    with pytest.raises(BadValue, match=says):
        edit(editor, "POST", **args)


def test_a_row_that_another_table_needs_is_a_conflict(editor, orders):
    engine = " ENGINE=InnoDB" if kind(orders.url) == "mariadb" else ""
    run(orders.url, f"CREATE TABLE items (ord INTEGER, FOREIGN KEY (ord) REFERENCES orders (id)){engine}")
    edit(editor, "POST", city="a")
    run(orders.url, "INSERT INTO items VALUES (1)")
    with pytest.raises(Conflict, match="another table"):
        edit(editor, "DELETE", id=1)
    with pytest.raises(Conflict, match="another table"):
        edit(DatabaseEditor(Table(orders.url, "items")), "POST", key=("ord",), ord=5)


def etag(source, **args):
    (row,) = rows(source, **args)
    return row_etag(source.columns(), row)


def test_who_knows_the_row_changes_it_and_who_does_not_is_told(editor, orders):
    edit(editor, "POST", city="a", sales="1.5", day="2026-01-02", at="2026-01-02T03:04:05", open="y", factor="0.1")
    known = frozenset({etag(orders, id=1)})
    assert edit(editor, "PUT", id=1, sales=2, etags=known).count == 1
    with pytest.raises(Outdated):
        edit(editor, "PUT", id=1, sales=3, etags=known)
    with pytest.raises(Outdated):
        edit(editor, "DELETE", id=1, etags=known)
    assert edit(editor, "DELETE", id=1, etags=frozenset({"*"})).count == 1
    with pytest.raises(Outdated, match="no such row"):
        edit(editor, "DELETE", id=1, etags=frozenset({"*"}))


def test_of_many_who_know_the_same_row_one_changes_it(editor, orders):
    edit(editor, "POST", city="a", sales=0)
    known = frozenset({etag(orders, id=1)})

    def change(number):
        try:
            return edit(editor, "PUT", id=1, sales=number, etags=known).count
        except Outdated:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(1, 17))) == 1


def test_no_row_of_many_writers_is_lost(editor, orders):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: edit(editor, "POST", city=f"c{number}"), range(40)))
    assert len({each.ids[0][0] for each in done}) == 40
    assert {row[1] for row in rows(orders)} == {f"c{number}" for number in range(40)}


def test_transactions_that_wait_for_each_other_are_made_one_after_the_other(editor, orders):
    edit(editor, "POST", city=["a", "b"], sales=0)
    bodies = ['[{"id": 1, "sales": 1}, {"id": 2, "sales": 1}]', '[{"id": 2, "sales": 2}, {"id": 1, "sales": 2}]']
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda body: edit(editor, "PATCH", body), bodies * 10))
    assert [each.count for each in done] == [2] * 20
    assert len({row[2] for row in rows(orders)}) == 1


@pytest.mark.parametrize("names", [("a b", 'c"d'), ("se`lect", "über"), ("x]", "a.b"), ("%s", ":x"), ("a%(b)s", "--")])
def test_columns_of_any_name_are_written(database, names):
    quote = (
        (lambda name: f"`{name.replace('`', '``')}`")
        if kind(database) == "mariadb"
        else (lambda name: '"' + name.replace('"', '""') + '"')
    )
    columns = ", ".join(f"{quote(name)} VARCHAR(20)" for name in names)
    percent = "%" if kind(database) == "sqlite" else "%%"
    run(database, f"CREATE TABLE odd (id INTEGER PRIMARY KEY, {columns})".replace("%", percent))
    source = Table(database, "odd")
    edit(DatabaseEditor(source), "POST", id=[1, 2], **dict.fromkeys(names, "v"))
    edit(DatabaseEditor(source), "PUT", id=2, **{names[0]: "w"})
    edit(DatabaseEditor(source), "DELETE", id=1, **{names[1]: "v"})
    assert rows(source) == [(2, "w", "v")]


def test_a_key_of_several_columns(database):
    run(database, "CREATE TABLE cells (x INTEGER, y VARCHAR(9), v INTEGER, PRIMARY KEY (x, y))")
    source = Table(database, "cells")
    change, key = DatabaseEditor(source), ("x", "y")
    assert edit(change, "POST", key=key, x=[1, 1, 2], y=["a", "b", "a"], v="0").inserted[1] == {"x": 1, "y": "b"}
    assert edit(change, "PATCH", '[{"x": 1, "y": "a", "v": 5}, {"x": 2, "y": "a", "v": 6}]', key=key).count == 2
    assert edit(change, "POST", '[{"x": 2, "y": "b", "v": 7}]', key=key, _upsert=1, recording=True).ids == [[2, "b"]]
    assert edit(change, "DELETE", key=key, x=1, y=["a", "b"]).ids == [[1, "a"], [1, "b"]]
    assert rows(source) == [(2, "a", 6), (2, "b", 7)]


def test_a_table_that_is_not_there_is_missing(database):
    run(database, "CREATE TABLE other (id INTEGER)")
    with pytest.raises(Missing, match="nothing"):
        edit(DatabaseEditor(Table(database, "nothing")), "POST", id=1)


def test_a_view_is_refused(editor, orders):
    run(orders.url, "CREATE VIEW seen AS SELECT city, count(*) AS id FROM orders GROUP BY city")
    with pytest.raises(Refused):
        edit(DatabaseEditor(Table(orders.url, "seen")), "POST", city="a", id=1)


def test_a_trigger_that_refuses_is_no_failure_of_ours(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    run(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    run(url, "CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'not today'); END")
    with pytest.raises(BadValue, match="not today"):
        edit(DatabaseEditor(Table(url, "t")), "POST", v="x")


def test_types_of_a_databases_own_are_written_from_their_text(postgresql):
    run(postgresql, "CREATE TYPE mood AS ENUM ('sad', 'glad')")
    run(postgresql, "CREATE TABLE own (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), m mood, j JSONB, a INTEGER[])")
    source = Table(postgresql, "own")
    change = DatabaseEditor(source)
    done = edit(change, "POST", '[{"m": "sad", "j": {"a": [1.50]}, "a": "{1,2}"}, {"m": "glad", "j": "[]"}]')
    assert rows(source, id=done.inserted[0]["id"])[0][1:] == ("sad", {"a": [1.5]}, [1, 2])
    for args in ({"m": "angry"}, {"j": "{"}, {"id": "no"}, {"a": "x"}):
        with pytest.raises(BadValue):
            edit(change, "POST", **args)


def test_a_locked_sqlite_database_is_waited_for_and_then_down(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "BUSY", 0.5)
    url = f"sqlite:///{tmp_path}/locked.db"
    run(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    change = DatabaseEditor(Table(url, "t"))
    holder = sqlite3.connect(tmp_path / "locked.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(Down, match="locked"):
        edit(change, "POST", v="x")
    assert 0.4 < time.monotonic() - started < 5
    threading.Timer(0.2, lambda: holder.execute("ROLLBACK")).start()
    assert edit(change, "POST", v="x").count == 1
    holder.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_sqlite_is_written_durably_in_the_journal_mode_that_it_has(tmp_path, mode):
    url, seen = f"sqlite:///{tmp_path}/a.db", []
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    connection.close()

    def look(table):
        seen.append(table._connection.exec_driver_sql("PRAGMA synchronous").scalar())
        seen.append(table._connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    DatabaseEditor(Table(url, "t")).transact(look, 5)
    assert seen == [2, mode]  # FULL


def test_a_file_of_sqlite_that_was_replaced_is_the_one_that_is_written(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    for name in ("a", "b"):
        run(f"sqlite:///{tmp_path}/{name}.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    change = DatabaseEditor(Table(url, "t"))
    edit(change, "POST", v="old")
    (tmp_path / "b.db").replace(tmp_path / "a.db")
    edit(change, "POST", v="new")
    assert rows(Table(url, "t")) == [(1, "new")]


def test_an_update_that_takes_too_long_is_undone(tmp_path):
    url = f"sqlite:///{tmp_path}/a.db"
    run(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES (1, 'a')")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    run(url, f"CREATE TRIGGER slow AFTER UPDATE ON t BEGIN SELECT ({endless}); END")
    change = DatabaseEditor(Table(url, "t"))
    with pytest.raises(TooLong):
        change.transact(lambda table: table.update((), {"v": "b"}), 0.3)
    assert rows(Table(url, "t")) == [(1, "a")]


def test_ten_thousand_rows_are_inserted_and_deleted(editor, orders):
    body = "[" + ",".join(f'{{"city": "c{number}", "sales": {number % 900}.25}}' for number in range(10_000)) + "]"
    done = edit(editor, "POST", body)
    assert (done.count, len({key["id"] for key in done.inserted})) == (10_000, 10_000)
    body = "[" + ",".join(f'{{"id": {number}, "sales": 1}}' for number in range(1, 1001)) + "]"
    assert edit(editor, "PATCH", body).count == 1000
    assert edit(editor, "DELETE", id=[str(number) for number in range(1, 10_001)]).count == 10_000
