"""Where functions run, and for how long: coroutines, futures, threads, deadlines."""

import json
import threading
import time
from http.client import HTTPException

import pytest

CODE = """
import asyncio, concurrent.futures, pathlib, time
import flask
from flask import g, request

HERE = pathlib.Path(__file__).parent
POOL = concurrent.futures.ThreadPoolExecutor(2)

async def wait(handler):
    await asyncio.sleep(0.5)
    return {"x": request.args.get("x"), "name": handler.name}

async def network(handler):
    server = await asyncio.start_server(lambda reader, writer: (writer.write(b"hi"), writer.close()), "localhost", 0)
    reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
    answer = await reader.read()
    server.close()
    return [answer.decode(), await asyncio.to_thread(lambda: request.args["x"])]

async def ticks(handler):
    try:
        for number in range(10**9 if request.args.get("endless") else 3):
            yield f"{number} "
            await asyncio.sleep(0.1)
    finally:
        (HERE / "closed").touch()

async def breaks(handler):
    yield "first "
    raise RuntimeError("too late")

async def one(x):
    await asyncio.sleep(0.01)
    return x

def of_coroutines(handler):
    for number in range(3):
        yield one(f"{number} ")

def future(handler):
    return POOL.submit(str.upper, "future")

def of_futures(handler):
    yield from [POOL.submit(str, number) for number in range(3)]

def failing(handler):
    return POOL.submit(int, "x")

async def refuses(handler):
    flask.abort(409, "not now")

def plain(handler):
    g.x = request.args.get("x")
    handler.set_status(201)
    handler.set_header("X-A", "b")
    return {"x": g.x}

def piece_by_piece(handler):
    yield request.args.get("x")
    yield flask.g.get("nothing", "-")

def computes(handler):
    end = time.monotonic() + 1
    while time.monotonic() < end:
        sum(range(1000))
    return "done"

def sleeps(handler):
    time.sleep(30)

async def awaits(handler):
    try:
        await asyncio.sleep(30)
    finally:
        (HERE / "closed").touch()

def dawdles(handler):
    yield "first "
    time.sleep(30)
"""

FUNCTIONS = ["wait", "network", "ticks", "breaks", "of_coroutines", "future", "of_futures", "refuses", "plain"]
SITE = "url:" + "".join(
    f"\n  {name}: {{pattern: /{name}, handler: Function, kwargs: {{function: own.{name}{more}}}}}"
    for name, more in [
        *((name, "") for name in FUNCTIONS),
        ("computes", ", offload: true"),
        ("sleeps", ", timeout: 0.2"),
        ("awaits", ", timeout: 0.2"),
        ("dawdles", ", timeout: 0.2"),
    ]
)


@pytest.fixture(params=["gunicorn", "flask"])
def server(request):
    """The site, by each of the two servers."""
    return request.getfixturevalue("serve" if request.param == "gunicorn" else "flask_run")(SITE, {"own.py": CODE})


@pytest.fixture
def gunicorn(serve):
    return serve(SITE, {"own.py": CODE})


def together(calls):
    """What the calls give, made at the same time, and the seconds that it took."""
    results = [None] * len(calls)

    def run(number):
        results[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, time.monotonic() - started


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_coroutines_wait_side_by_side_and_see_their_own_request(server):
    answers, seconds = together([lambda x=x: server.get(f"/wait?x={x}") for x in range(4)])
    assert [json.loads(answer.body) for answer in answers] == [{"x": str(x), "name": "wait"} for x in range(4)]
    assert seconds < 1.2


def test_others_are_answered_while_a_coroutine_waits(server):
    connection = server.connect()
    connection.request("GET", "/wait")
    started = time.monotonic()
    assert server.get("/plain").status == 201
    assert time.monotonic() - started < 0.4
    assert connection.getresponse().status == 200
    connection.close()


def test_coroutines_may_use_the_network_and_threads(server):
    assert json.loads(server.get("/network?x=5").body) == ["hi", "5"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/ticks", "0 1 2 "), ("/of_coroutines", "0 1 2 "), ("/future", "FUTURE"), ("/of_futures", "012")],
)
def test_what_can_be_awaited_is(server, path, body):
    assert server.get(path).text == body


def test_an_async_generator_is_closed_when_the_client_leaves(gunicorn):
    connection = gunicorn.connect()
    connection.request("GET", "/ticks?endless=1")
    assert connection.getresponse().read(2) == b"0 "
    connection.sock.close()
    connection.close()
    wait_for((gunicorn.folder / "closed").exists)


def test_an_async_generator_that_fails_late_cuts_the_connection(server):
    with pytest.raises((OSError, HTTPException)):
        server.get("/breaks")
    wait_for(lambda: "too late" in server.log())


def test_a_coroutine_may_refuse(server):
    answer = server.get("/refuses")
    assert (answer.status, json.loads(answer.body)["detail"]) == (409, "not now")


@pytest.mark.parametrize("path", ["/sleeps", "/awaits"])
def test_a_function_that_takes_too_long_is_504_and_logged(gunicorn, path):
    started = time.monotonic()
    answer = gunicorn.get(path)
    assert (answer.status, json.loads(answer.body)["detail"]) == (504, "the function took longer than 0.2 s")
    assert time.monotonic() - started < 5 and f"url.{path[1:]}" in gunicorn.log()


def test_a_coroutine_that_takes_too_long_is_cancelled(server):
    assert server.get("/awaits").status == 504
    wait_for((server.folder / "closed").exists)


def test_a_generator_that_takes_too_long_cuts_the_connection(gunicorn):
    connection = gunicorn.connect()
    connection.request("GET", "/dawdles")
    with pytest.raises((OSError, HTTPException)):
        connection.getresponse().read()
    connection.close()
    wait_for(lambda: "Deadline" in gunicorn.log())


def test_a_function_in_a_thread_lets_others_go_on(gunicorn):
    gunicorn.get("/plain")
    worst = 0.0

    def ask():
        nonlocal worst
        for _ in range(40):
            started = time.monotonic()
            gunicorn.get("/plain")
            worst = max(worst, time.monotonic() - started)

    answers, _ = together([lambda: gunicorn.get("/computes"), ask])
    assert answers[0].text == "done" and worst < 0.5


OPTIONS = pytest.mark.parametrize(
    "options", ["", ", offload: true", ", timeout: 5"], ids=["plain", "offload", "timeout"]
)


def mount(function, options=""):
    return f"url: {{it: {{pattern: /it, handler: Function, kwargs: {{function: {function}{options}}}}}}}"


@OPTIONS
def test_flask_code_works_wherever_it_runs(site, options):
    answer = site(mount("own.plain", options), {"own.py": CODE}).get("/it?x=1")
    assert (answer.status_code, answer.json, answer.headers["X-A"]) == (201, {"x": "1"}, "b")


@OPTIONS
def test_flask_code_works_in_generators_too(site, options):
    assert site(mount("own.piece_by_piece", options), {"own.py": CODE}).get("/it?x=1").text == "1-"


def test_what_a_future_raises_is_a_500(site, caplog):
    assert site(mount("own.failing"), {"own.py": CODE}).get("/it").status_code == 500
    assert "invalid literal for int()" in caplog.text


@pytest.mark.parametrize("function", ["refuses", "refuses_late"])
def test_tornado_s_errors_refuse_from_wherever_they_are_raised(site, function):
    code = """
from tornado.web import HTTPError

async def refuses(handler):
    raise HTTPError(410, "gone")

def refuses_late(handler):
    raise HTTPError(410, "gone")
    yield
"""
    assert site(mount(f"own.{function}"), {"own.py": code}).get("/it").status_code == 410


def test_a_coroutine_of_tornado_is_run_to_its_end(site):
    code = """
from tornado import gen

@gen.coroutine
def f(handler):
    yield gen.sleep(0.01)
    return handler.name
"""
    assert site(mount("own.f"), {"own.py": code}).get("/it").text == "it"
