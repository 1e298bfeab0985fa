import json
import socket

import pytest

YAML = """
url:
  bad: {pattern: /bad, handler: Function, kwargs: {function: secrets_of.the_house}}
  gone: {pattern: /gone, handler: Function, kwargs: {function: flask.abort(410)}}
  full: {pattern: /full, handler: Function, kwargs: {function: "flask.abort(503, 'come back later')"}}
  read: {pattern: /read, handler: Function, kwargs: {function: str(len(handler.request.get_data()))}}
  form: {pattern: /form, handler: Function, kwargs: {function: str(handler.args)}}
  broken: {pattern: /broken, handler: Function, kwargs: {function: no_such_module.f}}
  get: {pattern: /get, handler: Function, kwargs: {function: str(1), methods: GET}}
"""
FILES = {"secrets_of.py": "def the_house(handler):\n    raise RuntimeError('password is xyzzy')\n"}
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DEBUG = "app: {settings: {debug: true}}\n"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (PAGE, "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("", "application/problem+json"),
        ("text/html;q=0.5, application/json", "application/problem+json"),
        ("image/png", "application/problem+json"),
    ],
)
@pytest.mark.parametrize("path", ["/none", "/bad"])
def test_browsers_get_a_page_and_programs_json(site, path, accept, kind):
    answer = site(YAML, FILES).get(path, headers={"Accept": accept})
    assert answer.content_type == kind
    assert "Accept" in answer.headers["Vary"]


def test_the_json_is_a_problem(site):
    answer = site(YAML).get("/gone")
    assert answer.json == {
        "title": "Gone",
        "status": 410,
        "detail": answer.json["detail"],
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize("accept", [PAGE, "application/json"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/none", 404),
        ("POST", "/get", 405),
        ("GET", "/bad", 500),
        ("GET", "/gone", 410),
        ("GET", "/broken", 500),
    ],
)
def test_a_failure_has_its_status_in_either_form(site, accept, method, path, status):
    answer = site(YAML, FILES).open(path, method=method, headers={"Accept": accept})
    assert answer.status_code == status
    assert str(status) in answer.text


def test_what_the_code_says_of_a_failure_is_shown(site):
    assert site(YAML).get("/full").json["detail"] == "come back later"


@pytest.mark.parametrize("accept", [PAGE, "application/json"])
@pytest.mark.parametrize("path", ["/bad", "/broken"])
def test_nothing_of_the_inside_is_shown(site, accept, path):
    client = site(YAML, FILES)
    answer = client.get(path, headers={"Accept": accept})
    for secret in ("xyzzy", "RuntimeError", "no_such_module", "Traceback", "secrets_of", str(client.folder)):
        assert secret not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize("accept", [PAGE, "application/json"])
def test_debug_shows_the_traceback(site, accept):
    client = site(DEBUG + YAML, FILES)
    answer = client.get("/bad", headers={"Accept": accept})
    assert "xyzzy" in answer.text and "secrets_of.py" in answer.text
    assert "no_such_module" in client.get("/broken", headers={"Accept": accept}).text


def test_the_log_has_the_traceback_the_request_id_and_the_place_in_the_yaml(site, caplog):
    client = site(YAML, FILES)
    answer = client.get("/bad")
    assert "RuntimeError: password is xyzzy" in caplog.text
    assert f"{answer.headers['X-Request-ID']}: GET /bad failed" in caplog.text
    assert f"{client.folder / 'skerry.yaml'}:3:3: url.bad" in caplog.text


def test_the_log_says_why_a_mount_is_broken(site, caplog):
    client = site(YAML, FILES)
    caplog.clear()
    client.get("/broken")
    assert "no_such_module" in caplog.text and "url.broken" in caplog.text


@pytest.mark.parametrize("path", ["/none", "/bad", "/gone"])
def test_head_gets_the_status_without_a_body(site, path):
    client = site(YAML, FILES)
    answer = client.head(path)
    assert (answer.status_code, answer.data) == (client.get(path).status_code, b"")


def test_a_page_whose_template_fails_becomes_json(site, caplog, monkeypatch):
    client = site(YAML, FILES)
    application = client.app.extensions["skerry"].application
    monkeypatch.setitem(application.jinja_env.globals, "url_for", None)
    answer = client.get("/none", headers={"Accept": PAGE})
    assert (answer.status_code, answer.json["status"]) == (404, 404)
    assert "the page for 404 failed" in caplog.text


def test_the_page_escapes_what_it_shows(site):
    yaml = "url: {a: {pattern: /a, handler: Function, kwargs: {function: \"flask.abort(400, handler.get_arg('q'))\"}}}"
    assert "<script>alert" not in site(yaml).get("/a?q=<script>alert(1)", headers={"Accept": PAGE}).text


@pytest.mark.parametrize("host", ["a b", "<script>", "a/b", "a@b", "[::1", "x" * 20 + "\\"])
@pytest.mark.parametrize("accept", [PAGE, "application/json"])
def test_a_host_that_is_none_is_400(site, host, accept):
    answer = site(YAML).get("/get", headers={"Host": host, "Accept": accept})
    assert answer.status_code == 400
    assert "Host header" in answer.text


@pytest.mark.parametrize("host", ["a.example", "a.example:8000", "127.0.0.1", "[::1]:80", "EXAMPLE"])
def test_a_host_that_is_one_is_served(site, host):
    assert site(YAML).get("/get", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
@pytest.mark.parametrize("path", ["/read", "/form"])
def test_a_body_may_not_be_larger_than_the_site_says(site, path, size, status):
    client = site("app: {listen: {max_body_size: 1000}}\n" + YAML)
    answer = client.post(path, data=b"x" * size, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == status


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_that_is_too_large_is_413_on_the_wire(serve, chunked):
    server = serve("app: {listen: {max_body_size: 1000}}\n" + YAML)
    body = iter([b"x" * 5000] * 20) if chunked else b"x" * 100_000
    answer = server.request("POST", "/read", body=body)
    assert answer.status == 413
    assert json.loads(answer.body)["title"] == "Request Entity Too Large"


def test_headers_that_are_too_large_are_refused(serve):
    server = serve("app: {listen: {max_header_size: 2000}}\n" + YAML)
    assert server.get("/get", {"X-Long": "x" * 1900}).status == 200
    assert server.get("/get", {"X-Long": "x" * 2100}).status == 431
    assert server.get("/get", {f"X-{number}": "y" for number in range(101)}).status == 431
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense\r\n\r\n", b"GET /get HTTP/9.9\r\n\r\n", b"GET /get HTTP/1.1\r\nHost: a b\r\n\r\n", b"\x00\r\n\r\n"],
    ids=["no-request", "version", "host", "nul"],
)
def test_what_is_no_request_leaves_no_traceback(serve, request_line):
    server = serve(YAML)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(request_line)
        assert client.recv(100).split()[1:2] in ([b"400"], [b"505"])
    assert server.get("/get").status == 200
    assert "Traceback" not in server.log()
