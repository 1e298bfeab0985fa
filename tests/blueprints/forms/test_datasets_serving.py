"""Datasets behind a real gunicorn with two workers: many requests at once, slow ones, clients that leave."""

import json
import os
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROWS = 3000
SLOW = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000)
    SELECT i FROM n WHERE i != :other
"""
YAML = f"""
url:
  csv: {{pattern: /csv, handler: FormHandler, kwargs: {{url: sales.csv}}}}
  db: {{pattern: /db, handler: FormHandler, kwargs: {{url: 'sqlite:///shop.db', table: sales, id: id}}}}
  two:
    pattern: /two
    handler: FormHandler
    kwargs:
      a: {{url: sales.csv}}
      b: {{url: 'sqlite:///shop.db', table: sales}}
  function: {{pattern: /function, handler: FormHandler, kwargs: {{url: sales.csv, function: work.doubled(data)}}}}
  who: {{pattern: /who, handler: FormHandler, kwargs: {{url: sales.csv, function: "work.only(data, handler)"}}}}
  kept:
    pattern: /kept
    handler: FormHandler
    kwargs: {{url: 'sqlite:///shop.db', query: SELECT count(*) AS n FROM sales, table: sales}}
  slow:
    pattern: /slow
    handler: FormHandler
    kwargs: {{url: 'sqlite:///shop.db', query: "{" ".join(SLOW.split())}", default: {{other: 0}}, timeout: 1}}
  choices: {{pattern: /choices, handler: FilterHandler, kwargs: {{url: sales.csv}}}}
"""
CODE = """
def doubled(data):
    return data.assign(sales=data["sales"] * 2)

def only(data, handler):
    return data[data["city"] == handler.get_arg("who")]
"""


@pytest.fixture
def server(serve, tmp_path):
    """A site of two workers."""
    rows = [(number, f"c{number % 3}", number) for number in range(1, ROWS + 1)]
    text = "id,city,sales\n" + "".join(f"{number},{city},{sales}\n" for number, city, sales in rows)
    file = tmp_path / "made.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, city TEXT, sales INTEGER)")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
    database.close()
    return serve(YAML, {"sales.csv": text, "work.py": CODE, "shop.db": file.read_bytes()}, workers=2)


def answers(server, path, count=24):
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: server.get(path), range(count)))
    assert {answer.status for answer in found} == {200}
    return [json.loads(answer.body) for answer in found]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/csv?_by=&_c=sales|sum", [{"sales|sum": ROWS * (ROWS + 1) // 2}]),
        ("/db?id=7", [{"id": 7, "city": "c1", "sales": 7}]),
        (
            "/two?_limit=1&a:_sort=-id&b:_sort=id&_c=id",
            {"a": [{"id": ROWS}], "b": [{"id": 1}]},
        ),
        ("/function?id=7", [{"id": 7, "city": "c1", "sales": 14}]),
        ("/kept", [{"n": ROWS}]),
        ("/choices?_c=city", {"city": [{"city": "c0"}, {"city": "c1"}, {"city": "c2"}]}),
    ],
    ids=["file", "database", "two", "function", "query", "filter"],
)
def test_many_requests_at_once_get_the_same_answer(server, path, expected):
    assert all(answer == expected for answer in answers(server, path))


def test_nobody_gets_what_a_function_made_for_somebody_else(server):
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda who: (who, json.loads(server.get(f"/who?who={who}&_c=city").body)), ["c0", "c1"] * 8)
        )
    assert all({row["city"] for row in rows} == {who} for who, rows in found)


def test_a_large_answer_is_streamed_whole(server):
    assert len(json.loads(server.get("/db?_limit=-1").body)) == ROWS
    assert server.get("/csv?_format=csv").text.count("\n") == ROWS + 1


def test_a_query_that_takes_too_long_is_504_and_stops_nobody(server):
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(server.get, "/slow?_by=&_c=i|max") for _ in range(2)]
        began = time.monotonic()
        assert [server.get("/db?id=1").status for _ in range(10)] == [200] * 10
        assert time.monotonic() - began < 5
        assert [one.result().status for one in slow] == [504, 504]


def test_a_client_that_leaves_while_the_database_works_leaves_a_worker_that_answers(server):
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /slow?_by=&_c=i|max HTTP/1.1\r\nHost: x\r\n\r\n")
    deadline = time.monotonic() + 20
    while server.get("/kept").status != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(answers(server, "/db?id=1")) == 24


def test_a_client_that_leaves_in_the_midst_ends_what_the_database_does_for_it(server):
    connection = server.connect()
    connection.request("GET", "/slow?_limit=-1")
    assert len(connection.getresponse().read(100_000)) == 100_000
    connection.close()
    deadline = time.monotonic() + 20
    while is_busy(server) and time.monotonic() < deadline:
        pass
    assert not is_busy(server)


def is_busy(server):
    """Whether the workers compute, over half a second."""
    before = used(server)
    time.sleep(0.5)
    return used(server) - before > 0.1


def used(server):
    """Seconds of CPU that the workers have used."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in server.workers()]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def test_every_worker_sees_a_file_that_changes(server):
    (server.folder / "sales.csv").write_text("id,city,sales\n1,new,1\n")
    assert all(answer == [{"id": 1, "city": "new", "sales": 1}] for answer in answers(server, "/csv"))
    assert all(answer == {"city": [{"city": "new"}]} for answer in answers(server, "/choices?_c=city"))
