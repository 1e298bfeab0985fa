"""Processes and thread pools of existing sites, in every kind of function and under both servers."""

import time
from contextlib import closing

import pytest

PROCESS = """
import sys
from gramex.cache import Subprocess
from tornado import gen

def start(code="print('out'); print('err', file=sys.stderr)"):
    return Subprocess([sys.executable, "-c", "import sys, os; " + code], cwd="/").wait_for_exit()

def plain(handler):
    return [text.decode() for text in start().result()]

def given_back(handler):
    return start("sys.stdout.write('x')")

def one_by_one(handler):
    yield start("sys.stdout.write('x')")
    yield start("sys.stdout.write('y')")

async def awaited(handler):
    out, err = await start()
    return [out.decode(), err.decode()]

@gen.coroutine
def tornado(handler):
    out, err = yield start()
    raise gen.Return([out.decode(), err.decode()])

async def missing(handler):
    try:
        await Subprocess(["no-such-program"]).wait_for_exit()
    except FileNotFoundError as error:
        return error.filename
"""

POOL = """
import time
from gramex.services import info

def twice(x):
    time.sleep(0.02)
    return 2 * x

def fail():
    raise ValueError("of the function")

def plain(handler):
    return info.threadpool.submit(twice, 4).result()

def given_back(handler):
    return info.threadpool.submit(twice, x=4)

def mapped(handler):
    return list(info.threadpool.map(twice, range(20)))

async def awaited(handler):
    return await info.threadpool.submit(twice, 4)

def failing(handler):
    try:
        info.threadpool.submit(fail).result()
    except ValueError as error:
        return str(error)
"""


def site_of(code):
    names = [line.split("(")[0].split()[-1] for line in code.splitlines() if "(handler)" in line]
    mounts = "".join(mount(name) for name in names) + mount("plain", "offloaded", "offload: true, ")
    return f"url:\n{mounts}"


def mount(function, name="", more=""):
    kwargs = f"{{{more}function: work.{function}}}"
    return f"  {name or function}: {{pattern: /{name or function}, handler: FunctionHandler, kwargs: {kwargs}}}\n"


@pytest.fixture(params=["serve", "flask_run"])
def served(request):
    """The same site under gunicorn and under Flask's own server."""
    return lambda code: request.getfixturevalue(request.param)(site_of(code), {"work.py": code})


def test_a_process_is_waited_for_in_every_kind_of_function(served):
    server = served(PROCESS)
    both = '["out\\n","err\\n"]'
    ways = ["plain", "offloaded", "awaited", "tornado"]
    assert {way: server.get(f"/{way}").text for way in ways} == dict.fromkeys(ways, both)
    assert server.get("/given_back").text == '["eA==",""]'
    assert server.get("/one_by_one").text == '["eA==",""]["eQ==",""]'
    assert server.get("/missing").text == "no-such-program"


def test_a_thread_pool_is_waited_for_in_every_kind_of_function(served):
    server = served(POOL)
    ways = ["plain", "offloaded", "awaited", "given_back"]
    assert {way: server.get(f"/{way}").text for way in ways} == dict.fromkeys(ways, "8")
    assert server.get("/mapped").text == str(list(range(0, 40, 2))).replace(" ", "")
    assert server.get("/failing").text == "of the function"


def test_others_are_answered_while_a_process_runs(serve):
    code = PROCESS + "\ndef slow(handler):\n    return start('import time; time.sleep(3)').result()\n"
    server = serve(site_of(code), {"work.py": code})
    with closing(server.connect()) as connection:
        connection.request("GET", "/slow")
        started = time.monotonic()
        assert server.get("/plain").status == 200
        assert time.monotonic() - started < 2
        assert connection.getresponse().read() == b'["",""]'
