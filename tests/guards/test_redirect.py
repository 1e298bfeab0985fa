import pytest

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    " //evil.example",
    "//evil.example ",
    "\u00a0//evil.example",
    "\u2003//evil.example",
    "\x00//evil.example",
    "\x1f//evil.example",
    "\x7f//evil.example",
    "/ok\r\nSet-Cookie: a=b",
    "/ok\nLocation: //evil.example",
    "http://evil.example",
    "https://evil.example/it",
    "HTTPS://evil.example",
    "https:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "https:\\\\evil.example",
    "http://localhost@evil.example/",
    "http://localhost:80@evil.example/",
    "http://evil.example#@localhost/",
    "http://localhost.evil.example/",
    "http://evil.example\\@localhost/",
    "https://localhost/",
    "http://localhost:8080/",
    "http://user@localhost/",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "mailto:a@evil.example",
    "ftp://localhost/",
    "http://[::1",
    "http://[evil",
    "//[",
    "http://\u2100.example",
]


def mount(redirect, function="str('done')", more=""):
    kwargs = f"{{function: {function}, redirect: {redirect}}}"
    return f"url: {{it: {{pattern: /it, handler: Function{more}, kwargs: {kwargs}}}}}"


def location(answer):
    return answer.headers.get("Location")


def test_text_is_where_a_success_goes(site):
    answer = site(mount("/thanks")).post("/it")
    assert (answer.status_code, location(answer), answer.data) == (302, "/thanks", b"")


@pytest.mark.parametrize(
    ("redirect", "to"),
    [
        ("{query: next, header: Referer, url: /u}", "/q"),
        ("{header: Referer, query: next, url: /u}", "/h"),
        ("{url: /u, header: Referer, query: next}", "/u"),
        ("{query: other, header: X-None, url: /u}", "/u"),
        ("{query: other}", None),
    ],
)
def test_the_keys_are_tried_in_the_order_of_the_yaml(site, redirect, to):
    answer = site(mount(redirect)).get("/it?next=/q", headers={"Referer": "/h"})
    assert location(answer) == to
    assert answer.status_code == (302 if to else 200)


@pytest.mark.parametrize("target", ELSEWHERE, ids=ascii)
def test_no_target_in_the_query_leads_to_another_site(site, target):
    answer = site(mount("{query: next, url: /home}")).get("/it", query_string={"next": target})
    assert (answer.status_code, location(answer)) == (302, "/home")


@pytest.mark.parametrize("target", [target for target in ELSEWHERE if max(target) < "\u0100"], ids=ascii)
def test_no_target_in_a_header_leads_to_another_site(site, target):
    client = site(mount("{header: X-Next, url: /home}"))
    answer = client.get("/it", environ_overrides={"HTTP_X_NEXT": target})
    assert (answer.status_code, location(answer)) == (302, "/home")


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("/page?a=b&c=d#e", "/page?a=b&c=d#e"),
        ("page", "page"),
        ("../up", "../up"),
        ("?only=query", "?only=query"),
        ("/my report.html", "/my%20report.html"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/login?next=//evil.example", "/login?next=//evil.example"),
        ("/a//b", "/a//b"),
        ("/%2f/evil.example", "/%2f/evil.example"),
        ("http://localhost/page", "http://localhost/page"),
    ],
)
def test_targets_on_this_site_are_followed(site, target, to):
    answer = site(mount("{query: next}")).get("/it", query_string={"next": target})
    assert location(answer) == to


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x", "//other.example/x"),
        ("/here", "/here"),
        ("javascript:alert(1)", None),
        ("https:other.example", None),
        ("https://other.example/\r\nSet-Cookie: a=b", None),
    ],
)
def test_external_allows_the_pages_of_other_sites(site, target, to):
    answer = site(mount("{query: next, external: true}")).get("/it", query_string={"next": target})
    assert location(answer) == to


def test_failures_are_not_redirected(site):
    client = site(mount("/thanks", "flask.abort(409)"))
    assert client.get("/it").status_code == 409


def test_headers_and_cookies_of_the_function_come_along(site):
    answer = site(mount("/thanks", '\'handler.set_header("Set-Cookie", "a=b")\'')).get("/it")
    assert (answer.status_code, answer.headers["Set-Cookie"]) == (302, "a=b")


def test_a_generator_is_not_cut_short_by_a_redirect(site):
    answer = site(mount("/thanks", "(str(n) for n in range(3))")).get("/it")
    assert (answer.status_code, answer.text) == (200, "012")


def test_a_file_that_is_read_is_not_sent_away(site):
    yaml = "url: {it: {pattern: /it, handler: File, kwargs: {path: a.txt, redirect: /thanks}}}"
    assert site(yaml, {"a.txt": "a"}).get("/it").status_code == 200


def test_a_cached_success_is_redirected_like_a_fresh_one(site):
    client = site(mount("{query: next}", more=", cache: {key: request.path}"))
    assert [location(client.get(f"/it?next=/{name}")) for name in "ab"] == ["/a", "/b"]
