"""Sessions under gunicorn: several workers, killed workers, stores that are locked or down."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
CODE = """
import os
import time
from app.session import sign_in


def put(handler):
    for name, values in handler.args.items():
        handler.session[name] = values[-1]
    return os.getpid()


def show(handler):
    return dict(handler.session)


def login(handler):
    return sign_in({"id": handler.get_arg("user", "ann")})
"""
SITE = """
app: {{session: {{{settings}}}}}
log: {{enabled: false}}
url:
  put: {{pattern: /put, handler: Function, kwargs: {{function: own.put}}}}
  show: {{pattern: /show, handler: Function, kwargs: {{function: own.show}}}}
  login: {{pattern: /login, handler: Function, kwargs: {{function: own.login}}}}
  who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
  plain: {{pattern: /plain, handler: Function, kwargs: {{function: str(1)}}}}
"""


@pytest.fixture
def start(serve):
    """`start(settings, workers)` -> a server whose sessions are kept so, with a visitor's `cookie` that it knows."""

    def start(settings="", workers=1):
        server = serve(SITE.format(settings=settings), {"own.py": CODE}, workers=workers)
        return server

    return start


def cookie(answer):
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


STORES = ("json", "sqlite", "redis", "postgresql", "mariadb")


@pytest.mark.parametrize("kind", STORES)
def test_of_many_requests_at_once_in_four_workers_nothing_is_lost(start, request, kind):
    url = request.getfixturevalue(kind) if kind in ("redis", "postgresql", "mariadb") else kind
    server = start(f"type: '{url}'", workers=4)
    headers = cookie(server.get("/put?first=1"))
    names = [f"n{number}" for number in range(60)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda name: server.get(f"/put?{name}=1", headers), names))
    assert {answer.status for answer in answers} == {200}
    assert json.loads(server.get("/show", headers).body).keys() == {"first", *names}


@pytest.mark.parametrize("kind", ["json", "sqlite"])
def test_what_was_acknowledged_survives_a_kill(start, kind):
    server = start(f"type: {kind}", workers=2)
    headers = cookie(server.get("/put?first=1"))
    kept, over = ["first"], threading.Event()

    def write():
        for number in range(10_000):
            try:
                if server.get(f"/put?n{number}=1", headers).status == 200:
                    kept.append(f"n{number}")
            except (OSError, HTTPException):
                pass  # its worker was just killed: nothing was acknowledged
            if over.is_set():
                return

    thread = threading.Thread(target=write)
    thread.start()
    for goal in (10, 25, 40):
        until(lambda goal=goal: len(kept) > goal)
        os.kill(server.workers()[0], signal.SIGKILL)
    over.set()
    thread.join()
    until(lambda: answers(server))
    assert set(kept) <= json.loads(server.get("/show", headers).body).keys()


def answers(server):
    try:
        return server.get("/plain").status == 200
    except (OSError, HTTPException):
        return False


def test_a_redis_that_goes_away_and_comes_back(start, start_redis):
    redis = start_redis()
    server = start(f"type: redis, path: '127.0.0.1:{redis.port}:0'")
    headers = cookie(server.get("/login"))
    redis.stop()
    for path in ("/who", "/put?a=1"):
        answer = server.get(path, headers)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert server.get("/plain").status == 200
    redis.start()
    assert server.get("/who", headers).text == '{"id":"ann"}'


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_cannot_be_reached_is_503_and_the_rest_goes_on(start, kind):
    server = start(f"type: '{kind}://me:hush@127.0.0.1:1/x'")
    answer = server.get("/put?a=1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert server.get("/plain").status == 200
    assert "hush" not in server.log()


def longest(server, path, meanwhile):
    """The longest that a request took while something else was going on."""
    taken = []
    while meanwhile():
        started = time.monotonic()
        assert server.get(path).status == 200
        taken.append(time.monotonic() - started)
    return max(taken)


@pytest.mark.parametrize("first", [False, True], ids=["open", "not yet open"])
def test_a_locked_database_delays_only_those_who_need_it(start, first):
    server = start("path: own.db")
    headers = cookie(server.get("/put?a=1"))
    if first:
        os.kill(server.workers()[0], signal.SIGKILL)
        until(lambda: answers(server))
    other = sqlite3.connect(server.folder / "own.db", isolation_level=None)
    if first:  # against reading too, which nobody can have who finds it open
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(server.get, "/put?a=2", headers) for _ in range(20)]
        started = time.monotonic()
        slowest = longest(server, "/plain", lambda: time.monotonic() - started < 1)
        other.close()
        assert {answer.result().status for answer in waiting} == {200}
    assert slowest < 0.5


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_waiting_for_a_database_lets_other_requests_go_on(start, request, kind):
    url = request.getfixturevalue(kind)
    server = start(f"type: '{url}'")
    headers = cookie(server.get("/put?a=1"))
    with lock(url) as release:
        with ThreadPoolExecutor(5) as pool:
            waiting = [pool.submit(server.get, "/put?a=2", headers) for _ in range(5)]
            started = time.monotonic()
            slowest = longest(server, "/plain", lambda: time.monotonic() - started < 1)
            release()
            assert {answer.result().status for answer in waiting} == {200}
    assert slowest < 0.5


class lock:
    """Holds the rows of the sessions, as a transaction of someone else's would."""

    def __init__(self, url):
        import sqlalchemy

        from app.state.database import with_driver

        self.engine = sqlalchemy.create_engine(with_driver(url))
        self.text = sqlalchemy.text

    def __enter__(self):
        self.connection = self.engine.connect()
        self.connection.execute(self.text("SELECT * FROM session FOR UPDATE"))
        return self.connection.rollback

    def __exit__(self, *_):
        self.connection.close()
        self.engine.dispose()


def test_running_workers_follow_a_rotation_of_the_secret(start):
    server = start(workers=2)
    before = cookie(server.get("/login"))
    rotate(server, 1)
    after = cookie(server.get("/login"))
    assert [who(server, headers) for headers in (before, after)] == [{'{"id":"ann"}'}] * 2
    rotate(server, 0)
    until(lambda: [who(server, headers) for headers in (before, after)] == [{""}] * 2)


def who(server, headers):
    return {server.get("/who", headers).text for _ in range(6)}


def rotate(server, keep):
    command = [sys.executable, "-m", "flask", "--app=wsgi", "secret", "rotate", f"--keep={keep}"]
    environment = {**os.environ, "SKERRY_CONFIG": str(server.folder / "skerry.yaml")}
    subprocess.run(command, cwd=REPO, env=environment, check=True, capture_output=True)


def test_an_edit_of_the_json_file_by_hand_counts(start):
    server = start("type: json, path: sessions.json")
    headers = cookie(server.get("/login"))
    file = server.folder / "sessions.json"
    tree = json.loads(file.read_text())
    next(iter(tree.values()))["values"]["user"]["id"] = "bob"
    file.write_text(json.dumps(tree))
    assert server.get("/who", headers).text == '{"id":"bob"}'
    server.get("/put?a=1", headers)
    assert server.get("/who", headers).text == '{"id":"bob"}'


def test_a_json_file_that_is_broken_is_left_alone(start):
    server = start("type: json, path: sessions.json")
    headers = cookie(server.get("/login"))
    (server.folder / "sessions.json").write_text("{broken")
    assert [server.get(path, headers).status for path in ("/who", "/put?a=1", "/plain")] == [503, 503, 200]
    assert (server.folder / "sessions.json").read_text() == "{broken"


def test_sessions_in_memory_survive_a_reload(start):
    server = start("type: memory")
    headers = cookie(server.get("/login"))
    config = server.folder / "skerry.yaml"
    config.write_text(config.read_text().replace("str(1)", "str(2)"))
    until(lambda: server.get("/plain").text == "2")
    assert server.get("/who", headers).text == '{"id":"ann"}'
