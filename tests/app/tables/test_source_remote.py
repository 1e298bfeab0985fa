"""Files of another server: how often they are asked for, and what happens while the server is down."""

import gzip
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.tables import sources
from app.tables.files import remote
from app.tables.source import Down, Unreadable
from tests.app.tables.reading import all_rows

CSV = b"id,city\n1,Oslo\n2,Bergen\n"


class Origin:
    """A server of one file. What is asked for is in `asked`; `answer` is what it says."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.asked = []
        self.status, self.body, self.headers = 200, CSV, {"Content-Type": "text/csv; charset=utf-8", "ETag": '"1"'}

    def answer(self, handler):
        self.asked.append(dict(handler.headers))
        is_same = handler.headers.get("If-None-Match") == self.headers.get("ETag", "none")
        status = 304 if self.status == 200 and is_same else self.status
        body = b"" if status == 304 else self.body
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            origin.answer(self)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    origin = Origin(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def origin():
    with serving() as origin:
        yield origin


@pytest.fixture
def never_fresh(monkeypatch):
    monkeypatch.setattr(remote, "FRESH", 0.0)


ROWS = [(1, "Oslo"), (2, "Bergen")]


def test_a_file_is_fetched_once_for_many_queries_and_workers(origin, tmp_path):
    for _ in range(3):
        assert all_rows(sources.opened(f"{origin.url}/a.csv", folder=tmp_path)) == ROWS
    assert len(origin.asked) == 1


def test_a_file_is_asked_for_again_by_its_etag(origin, tmp_path, never_fresh):
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    state = source.state()
    assert all_rows(source) == ROWS
    assert [request.get("If-None-Match") for request in origin.asked] == [None, '"1"', '"1"']
    assert source.state() == state


def test_a_file_that_changed_is_another_table(origin, tmp_path, never_fresh):
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    state = source.state()
    origin.body, origin.headers["ETag"] = b"id,city\n3,Rome\n", '"2"'
    assert all_rows(source) == [(3, "Rome")]
    assert source.state() != state


def test_without_an_etag_the_time_of_the_last_change_is_sent(origin, tmp_path, never_fresh):
    origin.headers = {"Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    source.state()
    source.state()
    assert origin.asked[1]["If-Modified-Since"] == "Sat, 21 Nov 2026 10:00:00 GMT"


def test_max_age_keeps_it_fresh(origin, tmp_path, never_fresh):
    origin.headers["Cache-Control"] = "public, max-age=3600"
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    assert all_rows(source) == all_rows(source) == ROWS
    assert len(origin.asked) == 1


def test_while_the_server_is_down_the_last_copy_answers_with_a_warning(origin, tmp_path, never_fresh, caplog):
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    source.columns()
    origin.status = 502
    assert all_rows(source) == ROWS
    assert "its server answers 502: what was fetched before is used" in caplog.text


def test_a_server_that_is_down_at_first_is_down_and_recovers(tmp_path):
    with serving() as origin:
        source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
        origin.status = 404
        with pytest.raises(Down, match=r"http://127\.0\.0\.1/a\.csv: its server answers 404"):
            source.columns()
        assert source.state() is None
        origin.status = 200
        assert all_rows(source) == ROWS


def test_a_server_that_is_not_there_is_down(tmp_path):
    with serving() as origin:
        pass
    with pytest.raises(Down, match="Connection refused"):
        sources.opened(f"{origin.url}/a.csv", folder=tmp_path).columns()


@pytest.mark.parametrize(
    ("path", "content_type", "options", "body"),
    [
        ("data", "text/csv", {}, CSV),
        ("data?format=json", "application/json", {}, b'[{"id":1,"city":"Oslo"},{"id":2,"city":"Bergen"}]'),
        ("a.tsv", "application/octet-stream", {}, CSV.replace(b",", b"\t")),
        ("data.php", "text/html", {"format": "csv"}, CSV),
    ],
    ids=["its type", "its type, a query", "its name", "the option"],
)
def test_the_format_is_by_the_option_the_name_or_the_type(origin, tmp_path, path, content_type, options, body):
    origin.body, origin.headers["Content-Type"] = body, content_type
    assert all_rows(sources.opened(f"{origin.url}/{path}", folder=tmp_path, **options)) == ROWS


def test_a_type_that_is_no_table_is_said(origin, tmp_path):
    origin.headers["Content-Type"] = "image/png"
    with pytest.raises(Unreadable, match="no format of tables that is known"):
        sources.opened(f"{origin.url}/data", folder=tmp_path).columns()


def test_redirects_are_followed_to_other_servers(origin, tmp_path):
    with serving() as other:
        other.status, other.headers = 302, {"Location": f"{origin.url}/a.csv"}
        assert all_rows(sources.opened(f"{other.url}/a.csv", folder=tmp_path)) == ROWS


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a.csv", "file:///etc/passwd"])
def test_redirects_to_anything_but_http_are_refused(origin, tmp_path, target):
    origin.status, origin.headers = 302, {"Location": target}
    with pytest.raises(Down, match="is redirected to|its server answers 302"):
        sources.opened(f"{origin.url}/a.csv", folder=tmp_path).columns()


def test_a_file_that_is_too_large_leaves_the_last_copy(origin, tmp_path, never_fresh, monkeypatch, caplog):
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    source.columns()
    monkeypatch.setattr(remote, "LARGEST", 10)
    origin.headers["ETag"] = '"2"'
    assert all_rows(source) == ROWS
    assert "has more than 10 bytes" in caplog.text


def test_a_file_that_comes_too_slowly_is_given_up(origin, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "LONGEST", -1.0)
    with pytest.raises(Down, match="takes longer than"):
        sources.opened(f"{origin.url}/a.csv", folder=tmp_path).columns()


def test_an_answer_that_ends_too_early_is_not_used(origin, tmp_path):
    origin.headers["Content-Length"] = "1000"
    with pytest.raises(Down, match="ended in the midst of it|IncompleteRead"):
        sources.opened(f"{origin.url}/a.csv", folder=tmp_path).columns()


def test_user_and_password_of_the_url_are_sent_but_not_shown(origin, tmp_path):
    url = origin.url.replace("//", "//me:secret%21@")
    source = sources.opened(f"{url}/a.csv?key=hidden", folder=tmp_path)
    origin.status = 403
    with pytest.raises(Down) as raised:
        source.columns()
    assert origin.asked[0]["Authorization"] == "Basic bWU6c2VjcmV0IQ=="
    assert "secret" not in str(raised.value) and "hidden" not in str(raised.value)


def test_while_one_fetches_others_have_the_last_copy(origin, tmp_path, never_fresh):
    source = sources.opened(f"{origin.url}/a.csv", folder=tmp_path)
    source.columns()
    may_answer, answer = threading.Event(), origin.answer
    origin.answer = lambda handler: may_answer.wait(20) and answer(handler)
    first = threading.Thread(target=source.columns)
    first.start()
    until = time.monotonic() + 10
    while not source._turn.locked() and time.monotonic() < until:
        time.sleep(0.01)
    assert all_rows(source) == ROWS
    may_answer.set()
    first.join()


def test_what_is_known_of_a_file_is_read_again_if_it_is_broken(origin, tmp_path):
    assert all_rows(sources.opened(f"{origin.url}/a.csv", folder=tmp_path)) == ROWS
    about = next((tmp_path / "var" / "http").glob("*/.about.json"))
    assert json.loads(about.read_bytes())["etag"] == '"1"'
    about.write_text("{")
    assert all_rows(sources.opened(f"{origin.url}/a.csv", folder=tmp_path)) == ROWS
    assert len(origin.asked) == 2


def test_what_a_server_packs_though_it_was_asked_not_to_is_unpacked(origin, tmp_path):
    origin.body, origin.headers["Content-Encoding"] = gzip.compress(CSV), "gzip"
    assert all_rows(sources.opened(f"{origin.url}/a.csv", folder=tmp_path)) == ROWS
    assert origin.asked[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [("br", CSV, "is sent as br"), ("gzip", gzip.compress(CSV)[:-4], "a.csv: "), ("gzip", CSV, "a.csv: ")],
    ids=["unknown", "cut off", "none"],
)
def test_what_cannot_be_unpacked_is_down(origin, tmp_path, coding, body, said):
    origin.body, origin.headers["Content-Encoding"] = body, coding
    with pytest.raises(Down, match=said):
        sources.opened(f"{origin.url}/a.csv", folder=tmp_path).columns()


def test_files_fetched_longest_ago_make_room(origin, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "KEPT", 2)
    for number in range(4):
        assert all_rows(sources.opened(f"{origin.url}/{number}.csv", folder=tmp_path)) == ROWS
    assert len(list((tmp_path / "var" / "http").iterdir())) == 2


def test_a_url_without_a_host_is_refused():
    with pytest.raises(ValueError, match="has no host"):
        sources.opened("http:///a.csv")
