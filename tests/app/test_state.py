"""Databases by plain SQL: SQLite, PostgreSQL and MariaDB behave alike."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from app.state import Conflict, Unavailable, connect, database, files, tables
from app.state.database import execute

REPO = Path(__file__).parents[2]
ALL = ("sqlite", "postgresql", "mariadb")


@pytest.fixture
def db(request, tmp_path):
    """A database with the table `t`, of a key and a number."""
    kind = request.param
    url = "sqlite:///own.db" if kind == "sqlite" else request.getfixturevalue(kind)
    db = connect(url, tmp_path)
    execute(db, "CREATE TABLE t (id VARCHAR(20) PRIMARY KEY, n INTEGER)")
    return db


each = pytest.mark.parametrize("db", ALL, indirect=True)


def add(db, id, n=0):
    return execute(db, "INSERT INTO t (id, n) VALUES (:id, :n)", id=id, n=n)


@each
def test_rows_are_read_by_name(db):
    add(db, "a", 1)
    (row,) = db.read("SELECT id, n AS number FROM t WHERE id = :id", id="a")
    assert dict(row) == {"id": "a", "number": 1}


@each
def test_a_write_tells_how_many_rows_it_changed(db):
    for id in "abc":
        add(db, id, 5)
    assert execute(db, "UPDATE t SET n = n + 1 WHERE id <> :id", id="a").changed == 2
    assert execute(db, "SELECT n FROM t WHERE id = :id", id="x").first is None


@each
def test_a_key_that_is_there_is_a_conflict_and_undoes_the_transaction(db):
    add(db, "a")

    def work(run):
        run("INSERT INTO t (id, n) VALUES ('b', 1)")
        run("INSERT INTO t (id, n) VALUES ('a', 1)")

    with pytest.raises(Conflict):
        db.write(work)
    assert [row["id"] for row in db.read("SELECT id FROM t")] == ["a"]


@each
def test_whatever_fails_undoes_the_transaction_and_is_raised(db):
    def work(run):
        run("INSERT INTO t (id, n) VALUES ('a', 1)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.write(work)
    assert db.read("SELECT id FROM t") == []
    assert add(db, "a").changed == 1


@each
def test_transactions_that_change_a_row_at_once_take_turns(db):
    add(db, "a")

    def count(run):
        (row,) = run(f"SELECT n FROM t WHERE id = 'a'{db.for_update}")
        run("UPDATE t SET n = :n WHERE id = 'a'", n=row["n"] + 1)

    at_once(8, lambda: [db.write(count) for _ in range(5)])
    assert db.read("SELECT n FROM t")[0]["n"] == 40


@pytest.mark.parametrize("db", ["postgresql", "mariadb"], indirect=True)
def test_a_transaction_that_was_the_victim_of_a_deadlock_runs_again(db):
    add(db, "a")
    add(db, "b")
    both = threading.Barrier(2)

    def cross(first, second):
        met = []

        def work(run):
            run("UPDATE t SET n = n + 1 WHERE id = :id", id=first)
            if not met:
                met.append(both.wait(10))
            run("UPDATE t SET n = n + 1 WHERE id = :id", id=second)

        db.write(work)

    threads = [threading.Thread(target=cross, args=names) for names in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["n"] for row in db.read("SELECT n FROM t")] == [2, 2]


def at_once(count, call):
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nobody_else_reads_the_file(tmp_path):
    execute(connect("sqlite:///a/b.db", tmp_path), "CREATE TABLE t (n)")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "a").iterdir()} == {0o600}


def test_what_root_makes_belongs_to_whom_its_folder_belongs(tmp_path):
    owner = 1234 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path, owner, -1)
    execute(connect("sqlite:///a/b.db", tmp_path), "CREATE TABLE t (n)")
    files.create(tmp_path / "a" / "c", b"")
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {owner}


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "a.db").write_text("this is no database, but a long text " * 100)
    for use in (lambda db: db.read("SELECT 1"), lambda db: execute(db, "CREATE TABLE t (n)")):
        with pytest.raises(Unavailable) as caught:
            use(connect("sqlite:///a.db", tmp_path))
        assert caught.value.reason.endswith("a.db: file is not a database")


def test_a_database_that_stays_locked_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY", 0.1)
    db = connect("sqlite:///a.db", tmp_path)
    execute(db, "CREATE TABLE t (n)")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="503"):
        connect_anew(tmp_path).write(lambda run: run("INSERT INTO t VALUES (1)"))
    assert db.read("SELECT n FROM t") == []
    other.close()
    assert execute(db, "INSERT INTO t VALUES (1)").changed == 1


def connect_anew(folder):
    return database.SQLite(folder / "a.db")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_that_is_not_there_is_unavailable_soon_and_by_name(kind):
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        connect(f"{kind}://me:hush@127.0.0.1:1/x", None).read("SELECT 1")
    assert time.monotonic() - started < 5
    assert "127.0.0.1:1/x" in caught.value.reason
    assert "hush" not in caught.value.reason


@pytest.mark.parametrize("db", ["postgresql", "mariadb"], indirect=True)
def test_no_failure_quotes_a_value(db):
    with pytest.raises(Unavailable) as caught:
        execute(db, "INSERT INTO missing (n) VALUES (:n)", n="hush-hush")
    assert "hush-hush" not in caught.value.reason


def test_a_value_that_does_not_fit_is_no_failure_of_the_database(mariadb, tmp_path):
    import sqlalchemy

    db = connect(mariadb, tmp_path)
    execute(db, "CREATE TABLE t (id VARCHAR(3))")
    with pytest.raises(sqlalchemy.exc.DataError):
        execute(db, "INSERT INTO t VALUES ('four')")


def test_a_second_connection_leaves_the_locks_of_the_first(tmp_path):
    # POSIX takes a process's locks away when it closes any descriptor of a file. Another program would then think that
    # it is alone, and remove the log from which this process goes on to read what was long since changed.
    db = connect("sqlite:///own.db", tmp_path)
    execute(db, "CREATE TABLE t (id VARCHAR(20) PRIMARY KEY, n INTEGER)")
    add(db, "revoked")
    assert len(db.read("SELECT id FROM t")) == 1  # by a connection of its own
    code = (
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('DELETE FROM t')\ndb.commit()\ndb.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "own.db")], check=True)
    assert db.read("SELECT id FROM t") == []
    add(db, "new")
    with sqlite3.connect(tmp_path / "own.db") as other:
        assert other.execute("SELECT id FROM t").fetchall() == [("new",)]
    other.close()


def test_a_table_that_another_worker_makes_at_the_same_moment_is_made(postgresql, tmp_path):
    sql, failures = "CREATE TABLE IF NOT EXISTS twin (id VARCHAR(20) PRIMARY KEY)", []
    other, waiting = psycopg.connect(postgresql), psycopg.connect(postgresql, autocommit=True)

    def make():
        try:
            tables.make_once(connect(postgresql, tmp_path), sql)
        except Exception as error:
            failures.append(error)

    with other, waiting:
        other.execute(sql)
        thread = threading.Thread(target=make)
        thread.start()
        wait_for(lambda: waiting.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
        other.commit()
        thread.join()
    assert failures == []


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


MANY = """
from gevent import monkey; monkey.patch_all()
import gevent, sys
from pathlib import Path
from app import offload
from app.state import connect
from app.state.database import execute

db = connect("sqlite:///own.db", Path(sys.argv[1]))
execute(db, "CREATE TABLE t (n INTEGER)")

def write(number):
    for _ in range(20):
        execute(db, "INSERT INTO t VALUES (:n)", n=number)

jobs = [gevent.spawn(write, n) if n % 2 else gevent.spawn(offload.run, write, n) for n in range(12)]
gevent.joinall(jobs, raise_error=True)
print(db.read("SELECT count(*) AS n FROM t")[0]["n"])
"""


def test_greenlets_and_threads_write_beside_each_other(tmp_path):
    done = subprocess.run([sys.executable, "-c", MANY, tmp_path], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("240\n", "")
