import pytest

from blueprints.files.headers import HeaderRules, content_type


@pytest.mark.parametrize(
    "name, kind",
    [
        ("a.html", "text/html"),
        ("A.HTML", "text/html"),
        ("a.js", "text/javascript"),
        ("a.mjs", "text/javascript"),
        ("a.md", "text/markdown"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
        (".html", "application/octet-stream"),
    ],
)
def test_the_type_is_by_the_extension(name, kind):
    assert content_type(f"/folder.d/{name}") == kind


def test_a_sites_own_type_counts_first():
    assert content_type("a.MD", {".md": "text/x-own"}) == "text/x-own"


def test_a_site_names_types_in_its_mime_section(site):
    client = site(
        """
        mime: {xyz: text/x-own}
        url: {files: {pattern: /(.*), handler: File, kwargs: {path: data}}}
        """,
        files={"data/a.xyz": "x"},
    )
    assert client.get("/a.xyz").mimetype == "text/x-own"


@pytest.mark.parametrize(
    "headers, found",
    [
        ({"A": "1", "B": 2}, {"A": "1", "B": "2"}),
        ({"A": "1", "*.js": {"A": "2"}}, {"A": "2"}),
        ({"*.js": {"A": "2"}, "A": "1"}, {"A": "1"}),
        ({"A": "1", "*.css": {"A": "2"}}, {"A": "1"}),
        ({"A": "1", "*.js": {"a": "2"}}, {"a": "2"}),
        ({"A": "1", "B": "2", "*.js": {"A": None, "B": False}}, {}),
        ({"assets/**": {"A": "1"}}, {"A": "1"}),
    ],
)
def test_the_last_header_wins(headers, found):
    assert HeaderRules(headers).of("/assets/app.js") == found


def test_failures_get_the_headers_that_are_not_about_content(site):
    client = site(
        """
        url:
          files:
            pattern: /(.*)
            handler: File
            kwargs:
              path: data
              headers: {X-Frame-Options: DENY, Cache-Control: max-age=60, "*.txt": {X-Text: "1"}}
        """,
        files={"data/a.txt": "x"},
    )
    failed = client.get("/nothing")
    assert (failed.status_code, failed.headers["X-Frame-Options"]) == (404, "DENY")
    assert "Cache-Control" not in failed.headers
    assert "X-Text" not in failed.headers
