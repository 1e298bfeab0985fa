import datetime
import json
import socket
import time

import pytest

from blueprints.functions import to_bytes


def mount(function, kwargs=""):
    kwargs = f"{{function: {json.dumps(function)}{kwargs}}}"
    return f"url: {{it: {{pattern: '/it/?(.*)', handler: Function, kwargs: {kwargs}}}}}"


LOCAL = f'"{datetime.datetime(2024, 2, 29, 1, 2, 3).astimezone().isoformat()}"'.encode()
HTML, JSON = "text/html; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("function", "body", "kind"),
    [
        ("'caf\u00e9'", "café".encode(), HTML),
        ("bytes([0, 255])", b"\x00\xff", HTML),
        ("None", b"", HTML),
        ("''", b"", HTML),
        ("5", b"5", JSON),
        ("1.5", b"1.5", JSON),
        ("True", b"true", JSON),
        ("10 ** 30", b"1" + b"0" * 30, JSON),
        ("[1, 'a', None]", b'[1,"a",null]', JSON),
        ("(1, 2)", b"[1,2]", JSON),
        ("{'a': {'b': []}}", b'{"a":{"b":[]}}', JSON),
        ("datetime.date(2024, 2, 29)", b'"2024-02-29"', JSON),
        ("datetime.datetime(2024, 2, 29, 1, 2, 3)", LOCAL, JSON),
        ("range(3).__iter__()", b"012", HTML),
        ("map(str, [1, 2])", b"12", HTML),
        ("(x for x in ['a', b'b', None, 3, {'c': 4}])", b'ab3{"c":4}', HTML),
        ("iter(())", b"", HTML),
        ("flask.Response('r', 201, mimetype='text/csv')", b"r", "text/csv; charset=utf-8"),
        ("flask.redirect('/x').get_data()[:9]", b"<!doctype", HTML),
    ],
)
def test_what_a_function_returns_is_the_answer(site, function, body, kind):
    answer = site(mount(function)).get("/it")
    assert (answer.data, answer.content_type) == (body, kind)


@pytest.mark.parametrize("function", ["{1, 2}", "object()", "[{1}]", "handler"])
def test_what_has_no_form_is_a_500_that_the_log_explains(site, caplog, function):
    client = site(mount(function))
    assert client.get("/it").status_code == 500
    assert "no JSON form" in caplog.text and "skerry.yaml:1:7: url.it" in caplog.text


@pytest.mark.parametrize("returned", ["'a'", "{'a': 1}", "flask.Response('a')", "(c for c in 'abc')"])
def test_the_function_sets_status_and_headers(site, returned):
    code = f"""
import flask

def f(handler):
    handler.set_status(201)
    handler.set_header("X-A", 5)
    return {returned}
"""
    answer = site(mount("own.f"), {"own.py": code}).get("/it")
    assert (answer.status_code, answer.headers["X-A"]) == (201, "5")
    assert b"a" in answer.data


def test_a_generator_may_set_them_before_its_first_result(site):
    code = """
def f(handler):
    handler.set_status(202)
    handler.set_header("Content-Type", "text/plain")
    handler.write("w1 ")
    yield "one "
    handler.write("w2 ")
    yield "two "
    handler.write("w3")
"""
    answer = site(mount("own.f"), {"own.py": code}).get("/it")
    assert (answer.status_code, answer.content_type) == (202, "text/plain")
    assert answer.text == "w1 one w2 two w3"


def test_what_the_function_writes_comes_before_what_it_returns(site):
    answer = site(mount("handler.write('a') or handler.write(b'b') or 'c'")).get("/it")
    assert (answer.text, answer.content_type) == ("abc", HTML)


def test_the_function_gets_the_groups_and_arguments(site):
    client = site(mount("[handler.path_args, handler.args, handler.get_arg('a'), handler.name]"))
    assert client.get("/it/x?a=1&a=2").json == [["x"], {"a": ["1", "2"]}, "2", "it"]


def test_headers_of_the_mount_are_set_after_the_function(site):
    client = site(mount("handler.set_header('X-A', 'function')", ", headers: {X-A: mount}"))
    assert client.get("/it").headers["X-A"] == "mount"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_function_answers_every_method(site, method):
    assert site(mount("handler.request.method")).open("/it", method=method).text == method


def test_head_is_the_answer_without_its_body(site):
    answer = site(mount("'hello'")).head("/it")
    assert (answer.data, answer.headers["Content-Length"]) == (b"", "5")


def test_a_function_that_raises_is_a_500_with_a_request_id(site, caplog):
    answer = site(mount("1 / 0")).get("/it")
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    assert "ZeroDivisionError" in caplog.text and "skerry.yaml:1:7: url.it" in caplog.text


@pytest.mark.parametrize("function", ["sys.exit(3)", "(sys.exit(3) for _ in range(2))"])
def test_sys_exit_is_a_failure_like_others(site, caplog, function):
    assert site(mount(function)).get("/it").status_code == 500
    assert "sys.exit(3)" in caplog.text


def test_a_generator_that_raises_at_once_is_a_500(site):
    assert site(mount("(1 / n for n in [0])")).get("/it").status_code == 500


@pytest.mark.parametrize("value", [b"a", "a", None, 1, [1], {"a": 1}])
def test_to_bytes_gives_bytes(value):
    assert isinstance(to_bytes(value), bytes)


SLOW = """
import time, pathlib

HERE = pathlib.Path(__file__).parent

def ticks(handler, count, wait):
    try:
        for number in range(count):
            yield f"{number} "
            time.sleep(wait)
    finally:
        (HERE / "closed").touch()

def breaks(handler):
    yield "first "
    yield "second "
    raise RuntimeError("too late")
"""


def slow_site(serve, **options):
    yaml = """
        url:
          slow: {pattern: /slow, handler: Function, kwargs: {function: "slow.ticks(handler, 5, 0.2)"}}
          endless: {pattern: /endless, handler: Function, kwargs: {function: "slow.ticks(handler, 10**9, 0.02)"}}
          breaks: {pattern: /breaks, handler: Function, kwargs: {function: slow.breaks}}
          hello: {pattern: /hello, handler: Function, kwargs: {function: str('hello')}}
    """
    return serve(yaml, {"slow.py": SLOW}, **options)


@pytest.fixture(params=["gunicorn", "flask"])
def slow(request):
    """The slow site, by each of the two servers."""
    return slow_site(request.getfixturevalue("serve" if request.param == "gunicorn" else "flask_run"))


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_results_are_sent_as_they_come(slow):
    connection = slow.connect()
    started = time.monotonic()
    connection.request("GET", "/slow")
    response = connection.getresponse()
    assert response.read(2) == b"0 "
    first = time.monotonic() - started
    assert response.read() == b"1 2 3 4 "
    assert time.monotonic() - started >= 1 > 0.5 > first
    connection.close()


def test_other_requests_are_answered_meanwhile(slow):
    with socket.create_connection(("127.0.0.1", slow.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        client.recv(100)
        started = time.monotonic()
        assert slow.get("/hello").text == "hello"
        assert time.monotonic() - started < 0.5


def test_a_failure_after_the_first_result_cuts_the_connection_and_is_logged_once(slow):
    received = b""
    with socket.create_connection(("127.0.0.1", slow.port), timeout=10) as client:
        client.sendall(b"GET /breaks HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            while chunk := client.recv(1000):
                received += chunk
        except ConnectionResetError:
            pass  # this too tells the client
    assert b"second" in received and b"0\r\n\r\n" not in received
    wait_for(lambda: '"uri":"/breaks"' in slow.log())
    assert slow.log().count("Traceback") == 1 and "skerry.yaml:5:3: url.breaks" in slow.log()


def test_a_client_that_leaves_ends_the_generator(slow):
    with socket.create_connection(("127.0.0.1", slow.port)) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        client.recv(100)
    wait_for((slow.folder / "closed").exists)
    assert "Traceback" not in slow.log()


def test_head_of_a_generator_closes_it(slow):
    assert slow.request("HEAD", "/endless").status == 200
    wait_for((slow.folder / "closed").exists)
