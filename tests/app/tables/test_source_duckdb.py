"""Tables and queries of DuckDB files, also while their owner writes."""

import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from decimal import Decimal

import duckdb
import pytest

from app.tables import sources
from app.tables.columns import BadValue, Kind
from app.tables.files import duckdb_files
from app.tables.files.duckdb_files import Databases, Select, Table
from app.tables.grammar import parse
from app.tables.source import Down, Missing, TooLong, Unreadable
from tests.app.tables.reading import all_rows


@pytest.fixture
def path(tmp_path):
    """A file with a table, a view, and a table in a schema."""
    path = tmp_path / "a.duckdb"
    with duckdb.connect(path) as db:
        db.execute(
            'CREATE TABLE cities (id INTEGER, city VARCHAR, "at" TIMESTAMPTZ, tags VARCHAR[], price DECIMAL(8, 2))'
        )
        values = "(1, 'Oslo', '2026-01-01 12:00:00+02', ['x'], 1.5), (2, 'Bergen', NULL, NULL, NULL)"
        db.execute(f"INSERT INTO cities VALUES {values}")
        db.execute('CREATE VIEW "odd: name" AS SELECT id AS "a:b", \'nan\'::FLOAT AS n FROM cities ORDER BY id DESC')
        db.execute("CREATE SCHEMA other")
        db.execute("CREATE TABLE other.numbers AS FROM range(100000) r(i)")
    return path


OSLO = (1, "Oslo", datetime(2026, 1, 1, 10), ["x"], Decimal("1.50"))


def test_a_table(path):
    source = Table(path, "cities")
    assert [column.kind for column in source.columns()] == [
        Kind.INTEGER,
        Kind.TEXT,
        Kind.DATETIME,
        Kind.OTHER,
        Kind.DECIMAL,
    ]
    assert all_rows(source) == [OSLO, (2, "Bergen", None, None, None)]
    assert all_rows(source, **{"tags~": ["x"], "_sort": ["-id"], "_c": ["id"]}) == [(1,)]


def test_a_view_keeps_its_order_and_a_schema_can_be_told(path):
    assert all_rows(Table(path, "odd: name")) == [(2, None), (1, None)]
    assert all_rows(Table(path, "other.numbers"), _by=[""], _c=["i|count"]) == [(100_000,)]


@pytest.mark.parametrize("url", ["duckdb:///a.duckdb", "a.duckdb"])
def test_urls_of_duckdb_files(path, url):
    assert all_rows(sources.opened(url, "cities", path.parent), id=["1"]) == [OSLO]


def test_a_select_with_values(path):
    sql = "SELECT id, city, price * 2 AS twice FROM cities WHERE city = :city -- the one"
    source = Select(path, sql, {"city": "Oslo"})
    assert all_rows(source) == all_rows(source, id=["1"], _sort=["twice"]) == [(1, "Oslo", Decimal("3.00"))]
    assert all_rows(Select(path, "SELECT city FROM cities WHERE id IN :ids", {"ids": [2, 3]})) == [("Bergen",)]
    assert all_rows(Select(path, "SELECT :x AS x", {"x": "'; DROP TABLE cities; --"})) == [
        ("'; DROP TABLE cities; --",)
    ]


def test_names_in_texts_and_comments_of_sql_are_none(path):
    source = Select(path, "SELECT '12:30' AS a, 1::INT AS b /* :c */ FROM cities WHERE id IN (:ids);", {"ids": [1]})
    assert all_rows(source) == [("12:30", 1)]


def test_a_value_that_is_missing_or_not_what_the_query_takes_is_named(path):
    with pytest.raises(BadValue, match="city: '' is not left out: the query needs a value for it"):
        Select(path, "SELECT * FROM cities WHERE city = :city")
    with pytest.raises(BadValue, match="number: 'one' is not what the query takes: Conversion Error"):
        all_rows(Select(path, "SELECT * FROM cities WHERE id = :number::INTEGER", {"number": "one"}))


def test_groups_of_a_select_know_the_first_row(path):
    source = Select(path, "SELECT id, 'x' AS a FROM cities ORDER BY id DESC")
    assert all_rows(source, _by=["a"], _c=["id|first", "id|last"]) == [("x", 2, 1)]


FORBIDDEN = [
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('/*')",
    "DELETE FROM cities",
    "SELECT 1) AS q; DROP TABLE cities; --",
    "COPY cities TO '{file}'",
    "SET threads = 8",
    "SELECT nothing FROM cities",
    "SELECT",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_sql_that_reaches_out_or_is_none_is_unreadable(path, sql):
    (path.parent / "b.csv").write_text("a\n1\n")
    with pytest.raises((Unreadable, ValueError), match=r"a\.duckdb: |query"):
        Select(path, sql.format(file=path.parent / "b.csv")).columns()
    assert len(all_rows(Table(path, "cities"))) == 2


def test_what_is_not_there_is_missing(path):
    with pytest.raises(Missing, match="nothing does not exist"):
        Table(path, "nothing").columns()
    with pytest.raises(Missing, match=r"b\.duckdb: there is no such file"):
        Table(path.with_name("b.duckdb"), "cities").columns()


def test_a_file_that_is_none_of_duckdb_is_unreadable(tmp_path):
    (tmp_path / "a.duckdb").write_bytes(b"nothing" * 10_000)
    with pytest.raises(Unreadable, match=r"a\.duckdb: no DuckDB file that can be read"):
        Table(tmp_path / "a.duckdb", "x").columns()


OWNER = """
import duckdb, sys
db = duckdb.connect(sys.argv[1])
for line in sys.stdin:
    db.execute(line)
    print("done", flush=True)
"""


@pytest.fixture
def owner(path):
    """`owner(sql)`: another process that has the file open to write, and runs SQL in it."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(sql):
        process.stdin.write(f"{sql}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    with process:
        yield run
        process.stdin.close()


def test_the_owner_writes_while_we_read(path, owner):
    source = Table(path, "cities")
    state = source.state()
    for number in (3, 4):
        owner(f"INSERT INTO cities (id) VALUES ({number})")
        assert all_rows(source, _by=[""], _c=["id|max"]) == [(number,)]
    owner("CHECKPOINT")
    assert len(all_rows(source)) == 4
    assert source.state() != state


def test_a_large_file_is_opened_itself_and_is_down_while_its_owner_writes(path, owner, monkeypatch):
    monkeypatch.setattr(duckdb_files, "COPIED", 0)
    owner("SELECT 1")
    with pytest.raises(Down, match=r"a\.duckdb: is open for writing by another process"):
        Table(path, "cities").columns()


def test_a_large_file_can_be_written_once_its_answers_are_closed(path, monkeypatch):
    monkeypatch.setattr(duckdb_files, "COPIED", 0)
    assert all_rows(Table(path, "cities"), id=["1"]) == [OSLO]
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('DELETE FROM cities')"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30)
    assert all_rows(Table(path, "cities")) == []


def test_a_query_past_its_timeout_is_interrupted(path):
    source = Select(path, "SELECT a.i, b.i AS j FROM other.numbers a, other.numbers b")
    source.columns()
    began = time.monotonic()
    with pytest.raises(TooLong, match=r"the query took longer than 0\.1 s"):
        all_rows(source, timeout=0.1, _by=[""], _c=["j|sum"])
    assert time.monotonic() - began < 5


def test_rows_come_from_the_file_as_it_was_when_the_query_began(path):
    result = Table(path, "other.numbers").run(parse({"_limit": ["5000"]}, Table(path, "other.numbers").columns()), 20)
    batches = result.batches()
    first = next(batches)
    with duckdb.connect(path) as db:
        db.execute("DELETE FROM other.numbers")
    assert all_rows(Table(path, "other.numbers")) == []
    assert sum(len(rows) for rows in batches) + len(first) == 5000
    result.close()


def test_a_copy_is_shared_by_many_and_removed_with_its_last_user(path):
    databases = Databases()
    threads = [threading.Thread(target=databases.opened, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = databases.opened(path)
    assert databases.opened(path) is first
    (folder,) = {
        os.path.dirname(row[0])
        for row in first.cursor().execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchall()
    }
    del first, databases
    assert not os.path.exists(folder)
