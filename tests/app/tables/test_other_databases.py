"""A database that only SQLAlchemy knows: here SQLite under the name of another one."""

import sqlite3

import pytest
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.tables import sources
from app.tables.edits.writing import DatabaseEditor
from app.tables.grammar import parse
from tests.app.tables.cases import arguments
from tests.app.tables.databases import answer


class Unheard(SQLiteDialect_pysqlite):
    """A dialect of which Skerry has no knowledge of its own."""

    name = "unheard"
    supports_statement_cache = True


registry.register("unheard", __name__, "Unheard")


@pytest.fixture
def table(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, city TEXT, n DOUBLE PRECISION)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, "Oslo", 2.5), (2, "Bergen", None), (3, "Oslo", 1)])
    database.close()
    return sources.opened(f"unheard:///{tmp_path}/x.db", "t")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("_c=id&_sort=n", [(3,), (1,), (2,)]),
        ("_c=id&_sort=-n", [(1,), (3,), (2,)]),
        ("_c=id&city=Oslo&n>=1", [(1,)]),
        ("_c=id&city!=Oslo", [(2,)]),
        ("_c=id&n!", [(2,)]),
        ("_c=id&_q=ERG", [(2,)]),
        ("_c=id&_limit=1&_offset=1", [(2,)]),
        ("_by=city&_c=n|sum&_c=id|count", [("Bergen", None, 1), ("Oslo", 3.5, 2)]),
        ("_by=city&_c=n|median&_c=n|mean", [("Bergen", None, None), ("Oslo", 1.75, 1.75)]),
    ],
)
def test_queries_are_answered(table, query, rows):
    assert answer(table, query) == rows


def test_what_sqlalchemy_cannot_write_for_it_is_a_bad_request(table, monkeypatch):
    monkeypatch.setattr(SQLiteDialect_pysqlite.statement_compiler, "visit_regexp_match_op_binary", refused)
    with pytest.raises(ValueError, match="this database cannot answer that"):
        table.run(parse(arguments("city~=a.c"), table.columns()), 10)


def refused(self, *_args, **_options):
    from sqlalchemy.exc import CompileError

    raise CompileError("unheard dialect does not support regular expressions")


def test_rows_are_changed(table):
    DatabaseEditor(table).transact(lambda rows: rows.insert([{"id": 4, "city": "Voss"}], ["id"]), 10)
    assert answer(table, "_c=city&id=4") == [("Voss",)]
