import pytest
from flask import Flask, request

from app import redirects

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "HTTPS://EVIL.example",
    "http://site.example@evil.example/",
    "http://site.example:80@evil.example/",
    "http://evil.example#@site.example/",
    "http://evil.example?@site.example/",
    "http://evil.example\\@site.example/",
    "http://user@site.example/",
    "http://site.example.evil.example/",
    "http://site.example%2eevil.example/",
    "http://evil.example/http://site.example/",
    "https://site.example/",
    "http://site.example:8080/",
    "/\t/evil.example",
    "/\n/evil.example",
    "ht\ttp://evil.example",
    "\t//evil.example",
    " //evil.example",
    "\u00a0//evil.example",
    "\u3000//evil.example",
    "\x00//evil.example",
    "\x01//evil.example",
    "\x7f//evil.example",
    "/page\r\nLocation: //evil.example",
    "/.//evil.example",
    ".//evil.example",
    "/..//evil.example",
    "/a/..//evil.example",
    "/a/../..//evil.example",
    "/%2e//evil.example",
    "/a/%2E%2e//evil.example",
    "http://\uff45vil.example/",
    "http://site\u2024example/",
    "http://\u2100.example",
    "http://[::1",
    "javascript:alert(1)",
    "jAvAsCrIpT:alert(1)",
    "data:text/html,x",
    "//%65vil.example",
]

HERE = [
    "/",
    "/page?a=b#c",
    "page",
    "../up",
    "?only=query",
    "#part",
    "/a//b",
    "/caf\u00e9",
    "/%2f/evil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/\uff0f/evil.example",
    "/login?next=//evil.example",
    "/@evil.example",
    "http://site.example/page",
]


@pytest.fixture
def visit():
    """`visit(**headers)` -> the context of a request to http://site.example/app/page?q=1."""
    app = Flask("site")

    def visit(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return app.test_request_context("/app/page?q=1", base_url="http://site.example", headers=headers)

    return visit


@pytest.mark.parametrize("target", ELSEWHERE, ids=ascii)
def test_what_leads_to_another_site_is_refused(visit, target):
    with visit():
        assert not redirects.is_allowed(target, request)


@pytest.mark.parametrize("target", HERE, ids=ascii)
def test_what_stays_on_this_site_is_allowed(visit, target):
    with visit():
        assert redirects.is_allowed(target, request)


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "Forwarded"])
def test_no_header_names_this_site(visit, header):
    with visit(**{header: "evil.example"}):
        assert not redirects.is_allowed("http://evil.example/", request)


@pytest.mark.parametrize(
    ("target", "allowed"),
    [("https://other.example/", True), ("//other.example", True), ("javascript:x", False), ("https:x", False)],
)
def test_external_allows_pages_of_other_sites(visit, target, allowed):
    with visit():
        assert redirects.is_allowed(target, request, external=True) is allowed


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        ("/app", "/app"),
        ("/app/", "/app"),
        ("/a/b-c_d.e", "/a/b-c_d.e"),
        ("", ""),
        ("app", ""),
        ("//evil.example", ""),
        ("/app//evil", ""),
        ("/\\evil.example", ""),
        ("https://evil.example", ""),
        ("/app?x=", ""),
        ("/app#", ""),
        ("/../x", ""),
        ("/a b", ""),
    ],
)
def test_only_a_plain_path_is_a_root(visit, root, shown):
    with visit(X_Gramex_Root=root):
        assert redirects.root() == shown


@pytest.mark.parametrize(
    ("uri", "here"),
    [
        (None, "http://site.example/app/page?q=1"),
        ("/outside?b=2", "http://site.example/outside?b=2"),
        ("https://evil.example/", "http://site.example/app/page?q=1"),
        ("evil", "http://site.example/app/page?q=1"),
    ],
)
def test_the_address_of_a_request_is_the_one_that_the_proxy_was_asked_for(visit, uri, here):
    with visit(**({"X_Request_URI": uri} if uri else {})):
        assert redirects.here() == here
