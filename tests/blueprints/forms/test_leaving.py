"""A client that hangs up before its answer ends what a database does for it, on a real gunicorn."""

import os
import socket
import sqlite3
import time
from pathlib import Path

import duckdb
import psycopg
import pytest

SITE = """
url:
  slow: {{pattern: /slow, handler: FormHandler, kwargs: {{url: '{url}', query: '{query}', timeout: 60}}}}
  quick: {{pattern: /quick, handler: FormHandler, kwargs: {{url: quick.csv}}}}
  both:
    pattern: /both
    handler: FormHandler
    kwargs:
      slow: {{url: '{url}', query: '{query}', timeout: 60}}
      quick: {{url: quick.csv}}
"""
DEADLINE = 20
QUERIES = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n",
    "duckdb": "SELECT count(*) AS c FROM range(100000) a(i), range(100000) b(j), range(1000) WHERE i % 7 = j % 11",
    "postgresql": "SELECT pg_sleep(60) AS c",
}


@pytest.fixture(params=QUERIES)
def slow(request, serve, tmp_path):
    """The kind of database, a server whose /slow takes a minute in it, and the URL of the database."""
    kind = request.param
    if kind == "postgresql":
        url, files = request.getfixturevalue("postgresql"), {}
    else:
        connect = sqlite3.connect if kind == "sqlite" else duckdb.connect
        file = tmp_path / f"made.{kind}"
        connection = connect(str(file))
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.close()
        url, files = f"{kind}:///own.{kind}", {f"own.{kind}": file.read_bytes()}
    return kind, serve(SITE.format(url=url, query=QUERIES[kind]), {"quick.csv": "a\n1\n", **files}), url


@pytest.mark.parametrize("path", ["/slow", "/both"])
def test_a_client_that_leaves_ends_its_query(slow, path):
    kind, server, url = slow
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_for(lambda: is_working(kind, server, url))
    wait_for(lambda: not is_working(kind, server, url))
    assert server.get("/quick").status == 200


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_working(kind, server, url):
    """Whether the query is running: in the server of the database, or in the worker, by its use of the processor."""
    if kind == "postgresql":
        with psycopg.connect(url) as connection:
            found = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%'"
            return connection.execute(f"{found} AND pid <> pg_backend_pid()").fetchone()[0] > 0
    before = used(server)
    time.sleep(0.5)
    return used(server) - before > 0.25


def used(server):
    """Seconds of the processor that the worker has used."""
    (pid,) = server.workers()
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def test_a_client_that_sends_its_next_request_at_once_has_not_left(serve):
    kwargs = "{url: a.csv, function: 'slowly.all(data, handler)'}"
    site = f"url: {{it: {{pattern: /it, handler: FormHandler, kwargs: {kwargs}}}}}"
    code = "import time\n\ndef all(data, handler):\n    time.sleep(0.5)\n    return data\n"
    server = serve(site, {"a.csv": "a\n1\n", "slowly.py": code})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /it HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        client.settimeout(DEADLINE)
        answer = b""
        while b'[{"a":1}' not in answer and (more := client.recv(65536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 200 OK") and b'[{"a":1}' in answer
