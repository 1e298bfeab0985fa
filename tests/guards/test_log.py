import csv
import io
import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from app.guards import log

HELLO = "url: {hello: {pattern: /hello, handler: Function, kwargs: {function: str('hello')}}}\n"


@pytest.fixture
def lines(capfd):
    """The lines that were written to the standard output, as text; those of earlier calls are gone."""
    return lambda: capfd.readouterr().out.splitlines()


def test_every_request_is_one_line_of_json(site, lines):
    answer = site(HELLO).get("/hello?a=b", headers={"User-Agent": "me"})
    (line,) = lines()
    row = json.loads(line)
    assert list(row) == list(log.JSON_KEYS)
    assert (row["uri"], row["status"], row["mount"], row["error"]) == ("/hello?a=b", 200, "hello", "")
    assert row["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/none", "/-/health", "/-/static/skerry.css"])
def test_requests_of_no_mount_are_written_down_too(site, lines, path):
    site(HELLO).get(path).close()
    (line,) = lines()
    assert (json.loads(line)["uri"], json.loads(line)["mount"]) == (path, "")


VALUES = {
    "name": "hello",
    "class": "Function",
    "method": "GET",
    "uri": "/hello?q=1&q=2",
    "ip": "127.0.0.1",
    "status": 200,
    "port": "80",
    "user": "",
    "user.id": "",
    "session": "",
    "browser": "me",
    "size": 5,
    "args.q": "1",
    "args.none": "",
    "request.path": "/hello",
    "headers.X-Some": "thing",
    "cookies.c": "v",
    "env.SKERRY_TEST": "set",
}


def test_every_key_of_the_original_has_a_value(site, lines, monkeypatch):
    monkeypatch.setenv("SKERRY_TEST", "set")
    client = site(f"log: {{keys: {json.dumps(list(VALUES))}}}\n{HELLO}")
    client.set_cookie("c", "v")
    client.get("/hello?q=1&q=2", headers={"User-Agent": "me", "X-Some": "thing"})
    assert json.loads(lines()[-1]) == VALUES


def test_times_are_milliseconds(site, lines):
    before = time.time()
    site("log: {keys: [time, datetime, duration]}\n" + HELLO.replace("str('hello')", "time.sleep(0.02)")).get("/hello")
    row = json.loads(lines()[-1])
    assert before * 1000 - 1 <= row["time"] <= time.time() * 1000
    assert 20 <= row["duration"] < 5000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", row["datetime"])


def test_csv_has_the_original_s_columns(site, lines):
    site("log: {format: csv}\n" + HELLO).get("/hello?a,b")
    (row,) = csv.reader(lines())
    assert len(row) == len(log.CSV_KEYS)
    assert row[1:4] + row[5:] == ["127.0.0.1", "", "200", "GET", "/hello?a,b", ""]


def test_a_gramex_site_names_the_columns_where_the_original_does(site, lines):
    yaml = "log: {handlers: {requests: {keys: [status, uri, args.q]}}}\n" + HELLO
    site(yaml, name="gramex.yaml").get("/hello?q=x")
    assert lines()[-1] == "200,/hello?q=x,x"


@pytest.mark.parametrize("format", ["json", "csv"])
@pytest.mark.parametrize(
    "text",
    ['a\r\n{"status": 200}', 'a"b,c', "\x00\x1b[31m", "a\u2028b", "\x85"],
    ids=["line", "quote", "nul", "u", "nel"],
)
def test_nothing_that_a_client_sends_makes_another_line(site, capfd, format, text):
    client = site(f"log: {{format: {format}, keys: [uri, browser, args.q]}}\n" + HELLO)
    environ = {"HTTP_USER_AGENT": text.encode().decode("latin-1"), "RAW_URI": f"/hello?{text}"}
    client.get("/hello", query_string={"q": text}, environ_overrides=environ)
    out = capfd.readouterr().out
    assert out.count("\n") == 1 and "\r" not in out
    row = json.loads(out).values() if format == "json" else next(csv.reader(io.StringIO(out)))
    assert len(row) == 3


@pytest.mark.parametrize("format", ["json", "csv"])
def test_the_text_of_an_error_may_be_no_unicode(site, lines, format):
    function = "open(b'/none-\\xff'.decode(errors='surrogateescape'))"
    yaml = (
        f"log: {{format: {format}}}\nurl: {{bad: {{pattern: /bad, handler: Function, kwargs: {{function: bad.bad}}}}}}"
    )
    assert site(yaml, {"bad.py": f"def bad(handler): {function}"}).get("/bad").status_code == 500
    assert "udcff" in lines()[-1]


def test_a_mount_may_have_lines_of_its_own_or_none(site, lines):
    client = site("""
        url:
          own: {pattern: /own, handler: Function, kwargs: {function: str(1), log: {keys: [uri, args.q]}}}
          none: {pattern: /none, handler: Function, kwargs: {function: 1 / 0, log: false, methods: GET}}
    """)
    client.get("/own?q=5")
    client.get("/none")
    client.post("/none")
    assert lines() == ['{"uri":"/own?q=5","args.q":"5"}']


def test_log_false_writes_no_lines_at_all(site, lines):
    site("log: false\n" + HELLO).get("/hello")
    assert lines() == []


def test_a_path_is_from_the_site_s_folder(site, lines):
    client = site("log: {path: var/logs/requests.log}\n" + HELLO)
    client.get("/hello")
    assert json.loads((client.folder / "var/logs/requests.log").read_text())["uri"] == "/hello"
    assert lines() == []


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path):
    path = tmp_path / "requests.log"
    out = log.Log(path)
    out.LOOK = 0
    out.write(b"one\n")
    path.rename(tmp_path / "requests.log.1")
    out.write(b"two\n")
    assert ((tmp_path / "requests.log.1").read_text(), path.read_text()) == ("one\n", "two\n")


@pytest.mark.parametrize("kind", ["folder", "below-a-file"])
def test_a_log_that_cannot_be_written_is_said_once_and_fails_no_request(site, caplog, kind):
    path = {"folder": "here", "below-a-file": "file/requests.log"}[kind]
    client = site(f"log: {{path: {path}}}\n" + HELLO, {"here/x": "", "file": ""})
    assert [client.get("/hello").status_code for _ in range(3)] == [200] * 3
    assert caplog.text.count("cannot be written") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{keys: [statsu]}", "did you mean 'status'?"),
        ("{keys: [nothing.x]}", "there is no key 'nothing.x'"),
        ("{format: xml}", "'json' or 'csv'"),
        ("{pth: a}", "did you mean 'path'?"),
    ],
)
def test_mistakes_are_named(site, caplog, settings, message):
    site(f"log: {settings}\n" + HELLO)
    assert message in caplog.text


def test_a_streamed_answer_is_written_down_at_its_end(site, lines):
    function = "(time.sleep(0.05) or str(n) for n in range(3))"
    answer = site(HELLO.replace("str('hello')", function)).get("/hello", buffered=False)
    assert lines() == []
    assert b"".join(answer.response) == b"012"
    answer.close()
    assert json.loads(lines()[-1])["duration"] >= 150


TICKS = """
import time

def ticks(handler):
    while True:
        yield "tick " * 99
        time.sleep(0.02)
"""


def lines_for(server, path):
    """How many lines a path has, once it has one: that of a stream comes after the client has the whole."""
    deadline = time.monotonic() + 10
    while f'"uri":"{path}"' not in server.log() and time.monotonic() < deadline:
        time.sleep(0.02)
    return server.log().count(f'"uri":"{path}"')


@pytest.mark.parametrize("path", ["/sent", "/-/static/skerry.css"])
def test_a_file_that_flask_sends_is_written_down_too(serve, path):
    function = f"flask.send_file({__file__!r})"
    server = serve(f"url: {{sent: {{pattern: /sent, handler: Function, kwargs: {{function: {function}}}}}}}")
    assert server.get(path).status == 200
    assert lines_for(server, path) == 1


def test_a_client_that_leaves_within_a_stream_still_gets_its_line(serve):
    yaml = "url: {ticks: {pattern: /ticks, handler: Function, kwargs: {function: ticks.ticks}}}"
    server = serve(yaml, {"ticks.py": TICKS})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    assert lines_for(server, "/ticks") == 1
    assert "Traceback" not in server.log()


def test_lines_of_several_workers_never_mix(serve):
    server = serve("log: {path: requests.log, keys: [uri, browser, status]}\n" + HELLO, workers=3)

    def ask(number):
        for count in range(50):
            server.get(f"/hello?{number}-{count}", {"User-Agent": "x" * 4000})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [json.loads(line) for line in Path(server.folder / "requests.log").read_text().splitlines()]
    asked = {row["uri"] for row in rows if len(row["browser"]) == 4000}
    assert asked == {f"/hello?{number}-{count}" for number in range(4) for count in range(50)}


def test_a_mount_without_log_attaches_nothing(site):
    app = site(HELLO.replace("}}}", ", methods: GET}}}")).app.extensions["skerry"].application
    assert not app.blueprints["hello"].before_request_funcs
