"""Limits on real servers: several workers, killed workers, clients that lie or hang up."""

import collections
import contextlib
import os
import signal
import socket
import sqlite3
import threading
import time

import pytest

DEADLINE = 20
SITE = """
    app: {{ratelimit: {app}}}
    url:
      it:
        pattern: /it
        handler: Function
        kwargs: {{function: own.work, ratelimit: {{pool: p, keys: args.key, limit: 100}}}}
      one:
        pattern: /one
        handler: Function
        kwargs: {{function: own.wait, ratelimit: {{pool: one, keys: args.key, limit: 1}}}}
      free: {{pattern: /free, handler: Function, kwargs: {{function: os.getpid()}}}}
"""
CODE = """
import itertools, pathlib, time
from flask import abort

numbers = itertools.count()

def work(handler):
    time.sleep(0.001)  # so that others come in between
    if next(numbers) % 3 == 0:
        abort(500)
    return "ok"

def wait(handler):
    pathlib.Path(__file__).with_name("waiting").touch()
    while not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.01)
    return "ok"
"""


@pytest.fixture
def limited(serve):
    def limited(app="{}", **options):
        return serve(SITE.format(app=app), {"own.py": CODE}, **options)

    return limited


def at_once(server, path, requests, connections=20):
    """How often each status was answered to so many requests over several connections."""
    found = collections.Counter()

    def work():
        connection = server.connect()
        for _ in range(requests // connections):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            found[answer.status] += 1
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return found


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_exactly_as_many_pass_in_four_workers_though_errors_do_not_count(limited, request, store):
    url = request.getfixturevalue("redis") if store == "redis" else None
    server = limited(f"{{type: redis, path: '{url}'}}" if url else "{}", workers=4)
    found = at_once(server, "/it?key=a", 1000)
    assert found[200] == 100
    assert found[500] > 20 and found[429] == 1000 - 100 - found[500]


def test_a_killed_worker_loses_no_count(limited):
    server = limited(workers=2)
    at_once(server, "/it?key=a", 1000)
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.get("/free").status == 200)
    assert at_once(server, "/it?key=a", 20) == {429: 20}


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not attempted(condition):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def attempted(condition):
    try:
        return condition()
    except OSError:
        return False


def test_a_request_whose_worker_was_killed_stays_counted(limited):
    server = limited()
    with contextlib.closing(server.connect()) as hung:
        hung.request("GET", "/one?key=a")
        wait_for((server.folder / "waiting").exists)
        os.kill(*server.workers(), signal.SIGKILL)
    wait_for(lambda: server.get("/one?key=a").status == 429)


def test_a_client_that_hangs_up_has_used_its_place(limited):
    server = limited()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /one?key=a HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for((server.folder / "waiting").exists)
    (server.folder / "go").touch()
    assert server.get("/one?key=a").status == 429


FORWARDED = """
    app: {{listen: {{xheaders: {trusted}}}}}
    url:
      it: {{pattern: /it, handler: Function, kwargs: {{function: str(1), ratelimit: {{keys: ip, limit: 1}}}}}}
"""


@pytest.mark.parametrize(
    ("trusted", "proxies", "second"),
    [("false", "127.0.0.1", 429), ("true", "10.9.9.9", 429), ("true", "127.0.0.1", 200)],
    ids=["not asked for", "by a stranger", "by a trusted proxy"],
)
def test_another_address_is_believed_of_trusted_proxies_only(serve, trusted, proxies, second):
    server = serve(FORWARDED.format(trusted=trusted), env={"FORWARDED_ALLOW_IPS": proxies})
    found = [server.get("/it", {"X-Forwarded-For": f"10.0.0.{n}"}).status for n in (1, 2)]
    assert found == [200, second]


def test_a_trusted_proxy_s_client_cannot_put_an_address_before_its_own(serve):
    server = serve(FORWARDED.format(trusted="true"))
    found = [server.get("/it", {"X-Forwarded-For": f"10.0.0.{n}, 10.1.1.1"}).status for n in (1, 2)]
    assert found == [200, 429]


def test_only_limited_mounts_answer_503_while_redis_is_down(limited, start_redis):
    service = start_redis()
    server = limited(f"{{type: redis, path: 'redis://127.0.0.1:{service.port}'}}")
    (server.folder / "go").touch()
    service.stop()
    answer = server.get("/one?key=a")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert server.get("/free").status == 200
    service.start()
    assert [server.get("/one?key=a").status for _ in range(2)] == [200, 429]


def test_others_are_answered_while_a_limited_request_waits_for_another_process(limited):
    server = limited()
    (server.folder / "go").touch()
    server.get("/it?key=a")
    with contextlib.closing(sqlite3.connect(server.folder / "var/ratelimit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with contextlib.closing(server.connect()) as waiting:
            waiting.request("GET", "/one?key=a")
            assert [server.get("/free").status for _ in range(20)] == [200] * 20
            other.execute("COMMIT")
            assert waiting.getresponse().status == 200
