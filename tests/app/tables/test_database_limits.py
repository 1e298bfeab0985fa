"""Queries that take too long, that nobody waits for any more, and databases that are not there."""

import contextlib
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.state.database import with_driver
from app.tables.columns import BadValue
from app.tables.databases.table import Table
from app.tables.source import Down, Missing, TooLong
from tests.app.tables.databases import NUMBERS, answer, asked, endless, filled, many, run
from tests.services import free_port

REPO = Path(__file__).parents[3]
BUSY = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend' AND datname = current_database()",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE command = 'Query' AND id <> connection_id()"
    " AND db = database()",
}


def becomes_idle(url):
    """Whether the server soon runs no query on this database any more."""
    statement = BUSY.get(url.partition(":")[0], "SELECT 0")
    engine = sa.create_engine(with_driver(url), poolclass=sa.NullPool)
    deadline = time.monotonic() + 5
    with engine.connect() as connection:
        while connection.exec_driver_sql(statement).scalar():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True


def in_pool(table):
    return table._engine.sql.pool.checkedout()


def test_a_query_that_takes_too_long_is_stopped_in_the_database(database, subtests):
    table = endless(database)
    for query in ["_by=&_c=id|sum", "city=nowhere", "city=nowhere&_limit=-1", "city~=^n", "_count=1"]:
        started = time.monotonic()
        with subtests.test(query), pytest.raises(TooLong):
            answer(table, query, timeout=0.3)
        assert time.monotonic() - started < 5
        assert becomes_idle(database) and in_pool(table) == 0


def test_time_counts_for_the_database_and_not_for_who_reads_slowly(database):
    table = many(database, 2**13)
    with asked(table, "_limit=-1", timeout=0.4) as result:
        batches = result.batches()
        rows = len(next(batches))
        time.sleep(0.6)
        assert rows + sum(map(len, batches)) == 2**13


def test_all_rows_come_in_batches_and_the_connection_goes_back(database):
    table = many(database, 2**12)
    with asked(table, "_limit=-1&_c=id") as result:
        sizes = [len(batch) for batch in result.batches()]
    assert sizes == [1000, 1000, 1000, 1000, 96]
    assert in_pool(table) == 0


def test_who_closes_early_stops_the_query(database):
    table = endless(database)
    with asked(table, "_limit=-1") as result:
        assert len(next(result.batches())) == 1000
    assert becomes_idle(database) and in_pool(table) == 0
    assert len(answer(table, "_limit=5")) == 5


def test_who_reads_ends_when_somebody_else_closes(database):
    table = endless(database)
    with asked(table, "_limit=-1", timeout=30) as result:
        batches = result.batches()
        next(batches)
        reader = threading.Thread(target=list, args=[map(len, batches)])
        reader.start()
        time.sleep(0.2)
        result.close()
        reader.join(5)
    assert not reader.is_alive() and in_pool(table) == 0


def test_the_memory_of_a_long_answer_stays_the_same(database):
    table, growth = endless(database), []
    with asked(table, "_limit=-1", timeout=30) as result:
        for number, _ in enumerate(result.batches()):
            growth.append(memory())
            if number == 100:
                break
    assert growth[-1] - growth[10] < 8


def memory():
    """The megabytes of this process."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


GEVENT = """
    from gevent import monkey; monkey.patch_all()
    import gevent, time
    from tests.app.tables.databases import asked
    from app.tables.databases.table import Table

    table = Table({url!r}, "endless")
    table.columns()
    gaps = []
    def tick():
        last = time.perf_counter()
        while True:
            gevent.sleep(0.005)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()
    gevent.spawn(tick)
    query = gevent.spawn(asked, table, "_by=&_c=id|sum", 30)
    gevent.sleep(0.5)
    started = time.perf_counter()
    query.kill()
    deadline = time.monotonic() + 5
    while table._engine.sql.pool.checkedout() and time.monotonic() < deadline:
        gevent.sleep(0.01)
    print(max(gaps) < 1, table._engine.sql.pool.checkedout())
"""


def test_under_gevent_a_query_holds_nobody_up_and_ends_with_its_greenlet(database):
    endless(database)
    code = textwrap.dedent(GEVENT).format(url=database)
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["True", "0"], "")
    assert becomes_idle(database)


def test_a_table_that_is_not_there_is_missing(database):
    run(database, "CREATE TABLE other (id INT)")
    with pytest.raises(Missing, match="no table 'cases'"):
        Table(database, "cases").columns()


def test_a_table_that_goes_is_missing_and_comes_back_with_other_columns(database):
    table = filled(database, NUMBERS, [(1, "Oslo")])
    assert answer(table, "") == [(1, "Oslo")]
    run(database, "DROP TABLE cases")
    with pytest.raises(Missing):
        answer(table, "")
    run(database, "CREATE TABLE cases (town VARCHAR(9))", "INSERT INTO cases VALUES ('Bergen')")
    assert answer(table, "") == [("Bergen",)]


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:{}/x", "mariadb://nobody@127.0.0.1:{}/x"])
def test_a_server_that_is_not_there_is_down(url):
    with pytest.raises(Down):
        Table(url.format(free_port()), "cases").columns()


def test_a_file_that_is_not_there_is_missing_and_not_made(tmp_path):
    with pytest.raises(Missing, match="no file"):
        Table("sqlite:///data.db", "cases", folder=tmp_path).columns()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_down(tmp_path):
    (tmp_path / "data.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Down):
        Table("sqlite:///data.db", "cases", folder=tmp_path).columns()


def test_a_locked_file_is_down_and_works_again(tmp_path, monkeypatch):
    monkeypatch.setattr("app.tables.databases.engines.BUSY", 0.1)
    table = filled(f"sqlite:///{tmp_path}/data.db", NUMBERS, [(1, "Oslo")])
    with contextlib.closing(sqlite3.connect(tmp_path / "data.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Down, match="locked"):
            answer(table, "")
    assert answer(table, "") == [(1, "Oslo")]


def test_a_lost_connection_is_down_and_the_next_query_gets_another(postgresql):
    table = many(postgresql, 2**14)
    with asked(table, "_limit=-1") as result:
        batches = result.batches()
        next(batches)
        run(postgresql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with pytest.raises(Down):
            list(batches)
    assert len(answer(table, "_limit=3")) == 3


def test_the_state_of_a_file_changes_with_it(tmp_path):
    url = f"sqlite:///{tmp_path}/data.db"
    table = filled(url, NUMBERS, [(1, "Oslo")])
    before = settled(table)
    run(url, "INSERT INTO cases VALUES (2, 'Bergen')")
    assert table.state() != before


def test_each_of_many_quick_changes_changes_the_state(tmp_path):
    url, states = f"sqlite:///{tmp_path}/data.db", []
    table = filled(url, NUMBERS, [(1, "Oslo")])
    with contextlib.closing(sqlite3.connect(tmp_path / "data.db", isolation_level=None)) as connection:
        for number in range(20):
            connection.execute(f"UPDATE cases SET city = 'city{number}'")
            states.append(table.state())
    assert len(set(states)) == 20


def settled(table):
    """The state, once the last change is long enough ago."""
    deadline = time.monotonic() + 5
    while (state := table.state()) != table.state():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return state


def test_other_databases_have_no_state(mariadb):
    assert filled(mariadb, NUMBERS, [(1, "Oslo")]).state() is None


def test_reading_cannot_write(tmp_path):
    table = filled(f"sqlite:///{tmp_path}/data.db", NUMBERS, [(1, "Oslo")])
    with table._engine.sql.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM cases")


@pytest.mark.parametrize("query", [r"city~=\p{Greek}", r"_by=id&_c=city|max&city|max~=\p{Greek}"])
def test_a_pattern_that_only_the_database_refuses_is_named(postgresql, query):
    table = filled(postgresql, NUMBERS, [(1, "Oslo")])
    with pytest.raises(BadValue, match=r"city.*Greek"):
        answer(table, query)


def test_patterns_that_others_take_years_for_are_quick(tmp_path):
    table = filled(f"sqlite:///{tmp_path}/data.db", NUMBERS, [(1, "a" * 40)])
    assert answer(table, "city~=^(a+)+b") == []


MANY_GREENLETS = """
    from gevent import monkey; monkey.patch_all()
    import gevent
    from tests.app.tables.databases import answer
    from app.tables.databases.table import Table

    table = Table({url!r}, "many")
    def ask(number):
        return answer(table, f"id>={{number}}&_limit={{number * 100}}&_c=id", 30)
    jobs = [gevent.spawn(ask, number) for number in range(1, 41)]
    killed = [gevent.spawn(ask, 90) for number in range(10)]
    gevent.sleep(0.01)
    gevent.killall(killed)
    gevent.joinall(jobs, raise_error=True)
    right = [job.value == [(n,) for n in range(number + 1, number * 101 + 1)] for number, job in enumerate(jobs, 1)]
    print(all(right), [len(job.value) for job in jobs] == [number * 100 for number in range(1, 41)])
"""


def test_greenlets_share_connections_without_mixing_their_rows(database):
    many(database, 2**13)
    code = textwrap.dedent(MANY_GREENLETS).format(url=database)
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")
