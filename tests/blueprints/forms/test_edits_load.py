"""Many clients who edit at once, through several workers, with a journal."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.tables.databases import run

YAML = """
url:
  file: {pattern: /file, handler: FormHandler, kwargs: {url: a.csv, id: id, journal: true, xsrf_cookies: false}}
  table:
    pattern: /table
    handler: FormHandler
    kwargs: {url: 'sqlite:///a.db', table: t, id: id, journal: true, xsrf_cookies: false}
"""


@pytest.fixture
def server(serve, tmp_path):
    (tmp_path / "site").mkdir()
    database = sqlite3.connect(tmp_path / "site" / "a.db")
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    database.execute("INSERT INTO t VALUES (1, 0)")
    database.commit()
    database.close()
    return serve(YAML, {"a.csv": "id,n\n1,0\n"}, workers=2)


@pytest.mark.parametrize("path", ["/file", "/table"])
def test_no_increment_is_lost_and_every_one_is_in_the_journal(server, path):
    def increment(_):
        for _ in range(500):
            got = server.get(f"{path}?id=1")
            (row,) = json.loads(got.body)
            headers = {"If-Match": got.headers["ETag"], "Content-Type": "application/json"}
            answer = server.request("PUT", path, headers, json.dumps({"id": 1, "n": row["n"] + 1}))
            if answer.status == 200:
                return
            assert answer.status == 412, answer.text
        raise AssertionError("others were always quicker")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(increment, range(18)))
    assert json.loads(server.get(f"{path}?id=1").body) == [{"id": 1, "n": 18}]
    journal = sqlite3.connect(server.folder / "var" / "journal.db")
    assert journal.execute("SELECT count(*) FROM changes").fetchone() == (18,)
    journal.close()


@pytest.mark.parametrize("path", ["/file", "/table"])
def test_rows_of_many_who_insert_at_once_are_all_there(server, path):
    def insert(number):
        answer = server.request("POST", path, {"Content-Type": "application/json"}, json.dumps({"n": number}))
        assert answer.status == 200, answer.text
        return json.loads(answer.body)["data"]["inserted"][0]["id"]

    with ThreadPoolExecutor(10) as pool:
        ids = list(pool.map(insert, range(1, 41)))
    found = {row["id"]: row["n"] for row in json.loads(server.get(path).body)}
    assert len(set(ids)) == 40
    assert sorted(found[id] for id in ids) == list(range(1, 41))


def test_of_many_who_upsert_the_same_key_all_are_right(serve, postgresql, run_in):
    run_in("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    kwargs = f"{{url: '{postgresql}', table: t, id: id, xsrf_cookies: false}}"
    server = serve(f"url: {{t: {{pattern: /t, handler: Data, kwargs: {kwargs}}}}}", workers=2)

    def upsert(number):
        body = json.dumps({"id": number % 5, "n": number})
        return server.request("POST", "/t?_upsert=1", {"Content-Type": "application/json"}, body).status

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(upsert, range(50))) == {200}
    assert [row["id"] for row in json.loads(server.get("/t").body)] == [0, 1, 2, 3, 4]


@pytest.fixture
def run_in(postgresql):
    return lambda sql: run(postgresql, sql)
