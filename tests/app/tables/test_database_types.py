"""Columns of types that only one database has, and what SQLite lets columns hold."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from app.tables.columns import Column, Kind
from app.tables.databases.table import Table
from tests.app.tables.databases import answer, run


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/data.db"


def made(url, *statements, name="cases"):
    """The table of that name, once the statements have run."""
    run(url, *statements)
    return Table(url, name)


POSTGRESQL = """CREATE TABLE cases (
    id serial PRIMARY KEY, mood mood, "user" uuid, tags text[], extra jsonb, small real, at timestamptz, clock time,
    price money_ish, code char(3), raw bytea)"""
PERSON = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


@pytest.fixture
def of_postgresql(postgresql):
    types = ["CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN money_ish AS numeric(10, 2)"]
    values = f"'ok', '{PERSON}', '{{a,b}}', '{{\"a\": 1}}', 0.1, '2026-01-01 12:00+02', '08:30', 9.50, 'ab', 'x'"
    row = f'INSERT INTO cases (mood, "user", tags, extra, small, at, clock, price, code, raw) VALUES ({values})'
    return made(postgresql, *types, POSTGRESQL, row)


def test_types_of_postgresql_become_values_of_their_kinds(of_postgresql):
    row = dict(zip([column.name for column in of_postgresql.columns()], answer(of_postgresql, "")[0], strict=True))
    assert (row["mood"], row["user"], row["tags"], row["extra"]) == ("ok", PERSON, ["a", "b"], {"a": 1})
    assert (row["small"], row["at"], row["clock"]) == (0.1, datetime(2026, 1, 1, 10), time(8, 30))
    assert (row["price"], row["raw"]) == (Decimal("9.50"), b"x")


@pytest.mark.parametrize(
    "query",
    ["mood=ok", "mood~=^o", "mood>=a", f"user={PERSON}", "user~=^6f", "tags~=b", "extra~=a", "small=0.1", "_q=OK"]
    + [
        "at=2026-01-01T10:00",
        "at=2026-01-01T12:00%2B02:00".replace("%2B", "+"),
        "clock=08:30",
        "price=9.5",
        "price<~=9.50",
    ]
    + [
        "code~=^ab",
        "raw=eA==",
        "_sort=extra&_sort=tags",
        "_by=extra&_c=id|count",
        "_by=mood&_c=mood|max&_c=user|nunique",
    ],
)
def test_types_of_postgresql_can_be_asked_for(of_postgresql, query):
    assert len(answer(of_postgresql, query)) == 1


MARIADB = """CREATE TABLE cases (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, flag TINYINT(1), bits BIT(1), born YEAR, clock TIME, at TIMESTAMP NULL,
    mood ENUM('sad', 'ok'), extra JSON, city VARCHAR(20) CHARACTER SET latin1, raw BLOB, small FLOAT)"""


@pytest.fixture
def of_mariadb(mariadb):
    values = "1, b'1', 1999, '08:30', '2026-01-01 10:00', 'ok', '{\"a\": 1}', 'Århus', 'x', 0.5"
    columns = "flag, bits, born, clock, at, mood, extra, city, raw, small"
    zone = "SET time_zone = '+00:00'"
    return made(mariadb, MARIADB, zone, f"INSERT INTO cases ({columns}) VALUES ({values})")


def test_types_of_mariadb_become_values_of_their_kinds(of_mariadb):
    _, *row = answer(of_mariadb, "")[0]
    assert row[:5] == [True, True, 1999, time(8, 30), datetime(2026, 1, 1, 10)]
    assert row[5:] == ["ok", '{"a": 1}', "Århus", b"x", 0.5]


@pytest.mark.parametrize(
    "query",
    ["flag=1", "bits=yes", "born=1999", "born~=^19", "clock=08:30", "at=2026-01-01T10:00", "mood=ok", "city=Århus"]
    + ["city*=århus", "_q=ÅRHUS", "extra~=a", "raw=eA==", "small=0.5", "_by=city&_c=flag|max&_c=bits|min"]
    + ["_by=flag&_c=flag|sum", "_by=mood&_c=id|count&_sort=-mood"]
    + ["_by=&_c=raw|first&_c=raw|max&_c=extra|max&_c=bits|first&_c=clock|last&_c=small|median&_c=born|sum"],
)
def test_types_of_mariadb_can_be_asked_for(of_mariadb, query):
    assert len(answer(of_mariadb, query)) == 1


def test_dates_in_sqlite_are_alike_however_they_were_written(sqlite):
    rows = (
        "('2026-01-05 08:00:00'), ('2026-01-05T08:00'), ('2026-01-05 08:00:00.000000'), ('2026-01-05T10:00:00+02:00')"
    )
    table = made(sqlite, "CREATE TABLE cases (at DATETIME)", f"INSERT INTO cases VALUES {rows}")
    assert answer(table, "at=2026-01-05T08:00") == [(datetime(2026, 1, 5, 8),)] * 4
    assert answer(table, "_by=at&_c=at|size") == [(datetime(2026, 1, 5, 8), 4)]


def test_what_sqlite_lets_a_column_hold_is_given_as_it_is(sqlite):
    rows = "('soon', 'many', 'yes', 1), (20260105, 1.5, 2, 'x'), ('2026-01-05', 7, 0, x'00')"
    create = "CREATE TABLE cases (day DATE, number INTEGER, flag BOOLEAN, text TEXT)"
    table = made(sqlite, create, f"INSERT INTO cases VALUES {rows}")
    assert answer(table, "_c=day&_c=number") == [("soon", "many"), (20260105, 1.5), (date(2026, 1, 5), 7)]
    assert answer(table, "_by=&_c=number|var&_c=number|prod&_c=text|max")[0][:2] == (15.125, 10.5)


def test_rows_without_a_key_stay_in_the_order_of_sqlite(sqlite):
    table = made(
        sqlite, "CREATE TABLE cases (n INT, city TEXT)", "INSERT INTO cases VALUES (2, 'b'), (1, 'b'), (3, 'a')"
    )
    assert answer(table, "_sort=city") == [(3, "a"), (2, "b"), (1, "b")]
    assert answer(table, "_by=&_c=n|first&_c=n|last") == [(2, 3)]


def test_views_and_tables_without_rowid_are_tables_too(sqlite):
    run(
        sqlite,
        "CREATE TABLE t (a INT, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID",
        "CREATE VIEW v AS SELECT b, a FROM t",
    )
    run(sqlite, "INSERT INTO t VALUES (2, 'x'), (1, 'x'), (1, 'w')")
    assert answer(Table(sqlite, "t"), "_sort=b") == [(1, "w"), (1, "x"), (2, "x")]
    assert answer(Table(sqlite, "v"), "_sort=b&_sort=a&_limit=1") == [("w", 1)]


def test_a_table_may_be_in_a_schema(postgresql):
    run(postgresql, 'CREATE SCHEMA "my schema"', 'CREATE TABLE "my schema".cases (id INT PRIMARY KEY)')
    assert Table(postgresql, "cases", schema="my schema").columns() == (Column("id", Kind.INTEGER, False, True),)


def test_unusual_regular_expressions_mean_the_same(database, subtests):
    run(database, "CREATE TABLE cases (id INT, said VARCHAR(50))")
    run(database, "INSERT INTO cases VALUES (1, 'a cat'), (2, 'concat'), (3, 'CAT\nfish'), (4, 'c.t')")
    patterns = {
        r"\bcat\b": [1],
        r"^(a|b) ": [1],
        "a|CAT": [1, 2, 3],
        r"c\.t": [4],
        "T.f": [],
        "(?i)cat$": [1, 2],
        "(?s)T.f": [3],
    }
    for pattern, ids in patterns.items():
        with subtests.test(pattern):
            assert answer(Table(database, "cases"), f"said~={pattern}&_c=id&_sort=id") == [(number,) for number in ids]
