import textwrap

import pytest

HELLO = "{pattern: /hello, handler: Function, kwargs: {function: str('hello'), cors: %s}}"


def mount(cors):
    return f"url:\n  hello: {HELLO % cors}\n"


def preflight(client, origin="https://a.example", method="PUT", headers=None):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        asked["Access-Control-Request-Headers"] = headers
    return client.options("/hello", headers=asked)


def allowed(answer):
    return answer.headers.get("Access-Control-Allow-Origin")


def test_true_lets_any_origin_read_without_cookies(site):
    answer = site(mount("true")).get("/hello", headers={"Origin": "https://a.example", "Cookie": "a=b"})
    assert allowed(answer) == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_without_cors_no_header_is_sent(site):
    client = site("url: {hello: {pattern: /hello, handler: Function, kwargs: {function: str(1)}}}")
    assert allowed(client.get("/hello", headers={"Origin": "https://a.example"})) is None


@pytest.mark.parametrize(
    ("origin", "matches"),
    [
        ("https://example.org", True),
        ("https://EXAMPLE.org", True),
        ("https://www.example.com", True),
        ("https://a.b.example.com", True),
        ("http://example.org", False),
        ("https://example.org:8443", False),
        ("https://example.org.evil.com", False),
        ("https://evilexample.org", False),
        ("https://evilexample.com", False),
        ("https://example.com", False),
        ("https://exampleXorg", False),
        ("https://example.org\t", False),
        ("https://www.example.com.evil.com", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins_are_compared_whole(site, origin, matches):
    client = site(mount("{origins: [https://example.org, 'https://*.example.com']}"))
    answer = client.get("/hello", headers={"Origin": origin})
    assert (allowed(answer) == origin) == matches
    assert (preflight(client, origin).status_code == 200) == matches


def test_a_wildcard_includes_the_scheme(site):
    client = site(mount("{origins: '*.example.org'}"))
    assert allowed(client.get("/hello", headers={"Origin": "http://q.example.org"})) == "http://q.example.org"


@pytest.mark.parametrize("text", ["https://[a].example", "https://?.example"], ids=["brackets", "question-mark"])
def test_only_the_star_is_a_wildcard(site, text):
    client = site(mount(f"{{origins: ['{text}']}}"))
    assert allowed(client.get("/hello", headers={"Origin": "https://a.example"})) is None


@pytest.mark.parametrize(
    ("cors", "credentials"),
    [
        ("true", None),
        ("{auth: true}", "true"),
        ("{auth: false}", None),
        ("{origins: https://a.example}", "true"),
        ("{origins: https://a.example, auth: false}", None),
        ("{origins: 'https://*'}", None),
        ("{origins: 'http*'}", None),
        ("{origins: 'https://*', auth: true}", "true"),
    ],
)
def test_cookies_are_allowed_to_named_origins_or_by_auth(site, cors, credentials):
    client = site(mount(cors))
    for answer in client.get("/hello", headers={"Origin": "https://a.example"}), preflight(client):
        assert answer.headers.get("Access-Control-Allow-Credentials") == credentials
        assert allowed(answer) == ("*" if cors in ("true", "{auth: false}") else "https://a.example")


@pytest.mark.parametrize(
    ("cors", "method", "status"),
    [
        ("true", "DELETE", 200),
        ("true", "delete", 200),
        ("{methods: [GET, PUT]}", "PUT", 200),
        ("{methods: 'get, put'}", "PUT", 200),
        ("{methods: GET}", "PUT", 400),
        ("true", "BREW", 400),
    ],
)
def test_a_preflight_asks_for_a_method(site, cors, method, status):
    answer = preflight(site(mount(cors)), method=method)
    assert answer.status_code == status
    assert (method.upper() in answer.headers.get("Access-Control-Allow-Methods", "")) == (status == 200)


@pytest.mark.parametrize(
    ("cors", "headers", "status"),
    [
        ("true", "X-Anything, Content-Type", 200),
        ("{headers: [X-One, X-Two]}", "x-one,X-TWO", 200),
        ("{headers: 'X-One X-Two'}", "X-One", 200),
        ("{headers: X-*}", "X-Any", 200),
        ("{headers: X-One}", "X-One, X-Other", 400),
        ("{headers: X-One}", "", 200),
    ],
)
def test_a_preflight_asks_for_headers(site, cors, headers, status):
    answer = preflight(site(mount(cors)), headers=headers)
    assert answer.status_code == status
    if status == 200 and headers:
        assert len(answer.headers["Access-Control-Allow-Headers"].split(",")) == len(headers.split(","))


def test_a_preflight_that_matches_has_an_empty_body(site):
    answer = preflight(site(mount("true")))
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_preflight_is_answered_where_methods_do_not_list_options(site):
    client = site("""
        url:
          hello: {pattern: /hello, handler: Function, kwargs: {function: str(1), cors: true, methods: [GET, PUT]}}
    """)
    answer = preflight(client)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert preflight(client, method="DELETE").status_code == 400


def test_a_preflight_is_not_stopped_by_validate(site):
    client = site("""
        url:
          hello: {pattern: /hello, handler: Function, kwargs: {function: str(1), cors: true, validate: "False"}}
    """)
    assert preflight(client).status_code == 200
    assert client.get("/hello").status_code == 400


def test_caches_are_told_that_the_answer_is_of_one_origin(site):
    client = site(mount("{origins: [https://a.example, https://b.example]}"))
    for headers in {"Origin": "https://a.example"}, {"Origin": "https://evil.example"}, {}:
        assert client.get("/hello", headers=headers).headers["Vary"] == "Origin"


def test_an_answer_from_the_cache_has_the_header_of_the_one_who_asks(site):
    client = site("""
        url:
          hello:
            pattern: /hello
            handler: Function
            cache: true
            kwargs: {function: str(1), cors: {origins: [https://a.example, https://b.example]}}
    """)
    origins = [allowed(client.get("/hello", headers={"Origin": f"https://{name}.example"})) for name in "abe"]
    assert origins == ["https://a.example", "https://b.example", None]


@pytest.mark.parametrize(
    ("path", "status"), [("/raises", 500), ("/aborts", 404), ("/refused", 400), ("/getonly", 405), ("/own", 500)]
)
def test_failures_of_the_mount_have_the_headers_too(site, path, status):
    client = site(
        """
        handlers: {Function: {cors: true}}
        url:
          raises: {pattern: /raises, handler: Function, kwargs: {function: 1 / 0}}
          aborts: {pattern: /aborts, handler: Function, kwargs: {function: flask.abort(404)}}
          refused: {pattern: /refused, handler: Function, kwargs: {function: str(1), validate: "False"}}
          getonly: {pattern: /getonly, handler: Function, kwargs: {function: str(1), methods: GET}}
          own: {pattern: /own, handler: Function, kwargs: {function: 1 / 0, error: {500: {path: own.html}}}}
        """,
        {"own.html": "sorry"},
    )
    answer = client.post(path, headers={"Origin": "https://a.example"})
    assert (answer.status_code, allowed(answer)) == (status, "*")


def test_a_mount_without_cors_attaches_nothing(site):
    yaml = textwrap.dedent("""
        url:
          plain: {pattern: /plain, handler: Function, kwargs: {function: str(1), methods: GET}}
    """)
    app = site(yaml).app.extensions["skerry"].application
    blueprint = app.blueprints["plain"]
    hooks = blueprint.before_request_funcs, blueprint.after_request_funcs, blueprint.error_handler_spec
    assert [dict(hook) for hook in hooks] == [{}, {}, {}]
