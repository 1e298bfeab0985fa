"""What a browser or curl gets for a URL."""

import ctypes
import os
import stat
from urllib.parse import unquote_to_bytes

import pytest

FILES = {
    "data/a.txt": "text",
    "data/page.html": "<h1>page</h1>",
    "data/app.js": "run()",
    "data/unknown.xyz": "<script>bad()</script>",
    "data/.hidden": "no",
    "data/code.py": "no",
    "data/sub/index.html": "index of sub",
    "data/sub/b.txt": "b",
    "data/empty/x.txt": "x",
}


def serving(site, kwargs, files=None, pattern="/(.*)", **options):
    yaml = f'url: {{files: {{pattern: "{pattern}", handler: FileHandler, kwargs: {kwargs}}}}}'
    return site(yaml, {**FILES, **(files or {})}, **options)


@pytest.mark.parametrize(
    "path, status, content_type",
    [
        ("/a.txt", 200, "text/plain; charset=utf-8"),
        ("/page.html", 200, "text/html; charset=utf-8"),
        ("/app.js", 200, "text/javascript; charset=utf-8"),
        ("/unknown.xyz", 200, "application/octet-stream"),
        ("/sub/b.txt", 200, "text/plain; charset=utf-8"),
        ("/missing", 404, None),
        ("/a.txt/", 404, None),
        ("/a.txt/b", 404, None),
        ("/.hidden", 403, None),
        ("/code.py", 403, None),
        ("/", 404, None),
        ("/sub", 404, None),
        ("/sub/", 404, None),
    ],
)
def test_a_folder_serves_its_files(site, path, status, content_type):
    answer = serving(site, "{path: data}").get(path)
    assert answer.status_code == status
    assert content_type is None or answer.content_type == content_type


def test_a_files_answer_is_complete(site):
    answer = serving(site, "{path: data}").get("/a.txt")
    assert answer.data == b"text"
    assert {"ETag", "Last-Modified", "Content-Length", "Accept-Ranges"} <= set(answer.headers.keys())


def test_a_head_request_has_the_headers_of_a_get(site):
    client = serving(site, "{path: data}")
    get, head = client.get("/a.txt"), client.head("/a.txt")
    assert head.data == b"" and head.headers["Content-Length"] == "4"
    assert head.headers["ETag"] == get.headers["ETag"]


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Range": "bytes=1-2"}, 206),
        ({"Range": "bytes=9-"}, 416),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"other"'}, 412),
    ],
)
def test_ranges_and_conditions_are_answered(site, headers, status):
    assert serving(site, "{path: data}").get("/a.txt", headers=headers).status_code == status


def test_a_precompressed_sibling_is_sent(site):
    client = serving(site, "{path: data}", {"data/a.txt.br": "brotli"})
    answer = client.get("/a.txt", headers={"Accept-Encoding": "br"})
    assert (answer.data, answer.headers["Content-Encoding"], answer.mimetype) == (b"brotli", "br", "text/plain")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_files_are_only_read(site, method):
    assert serving(site, "{path: data}").open("/a.txt", method=method).status_code == 405


def test_other_methods_may_be_asked_for(site):
    client = serving(site, "{path: data, methods: [GET, POST]}")
    assert client.post("/a.txt").data == b"text"
    assert client.put("/a.txt").status_code == 405


def test_a_gramex_site_answers_all_methods(site):
    assert serving(site, "{path: data}", name="gramex.yaml").put("/a.txt").data == b"text"


@pytest.mark.parametrize("path", ["/", "/anything", "/a/b/c"])
def test_one_file_answers_every_url(site, path):
    assert serving(site, "{path: data/a.txt}").get(path).data == b"text"


@pytest.mark.parametrize("pattern, url", [("/x", "/x"), ("/(?P<rest>.*)", "/a.txt"), ("/<path:rest>", "/a.txt")])
def test_the_first_group_is_the_path(site, pattern, url):
    kwargs = "{path: data/a.txt}" if pattern == "/x" else "{path: data}"
    assert serving(site, kwargs, pattern=pattern).get(url).data == b"text"


def test_a_star_is_the_first_group(site):
    client = serving(site, '{path: "data/*.txt"}')
    assert client.get("/sub/b").data == b"b"
    assert client.get("/page").status_code == 404


def test_a_mapping_takes_groups_arguments_and_defaults(site):
    client = serving(site, """{path: {"f/(.*)": "data/{0}.{ext}", "g": "data/{n}"}, default: {ext: txt, n: a.txt}}""")
    assert client.get("/f/a").data == client.get("/g").data == b"text"
    assert client.get("/f/page?ext=html").data == b"<h1>page</h1>"
    assert client.get("/h").status_code == 404


def test_a_list_is_joined(site):
    client = serving(site, "{path: [data/app.js, data/a.txt], transform: {'*.txt': {function: content.upper()}}}")
    answer = client.get("/x")
    assert (answer.data, answer.mimetype, answer.content_length) == (b"run()TEXT", "text/javascript", 9)
    assert client.get("/x", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("default", ["index.html", "[README.md, index.html, b.txt]"])
def test_the_first_default_file_stands_for_its_folder(site, default):
    client = serving(site, f"{{path: data, default_filename: {default}}}")
    assert client.get("/sub/").data == b"index of sub"
    assert client.get("/empty/").status_code == client.get("/empty").status_code == 404


@pytest.mark.parametrize(
    "url, request_uri, location",
    [
        ("/sub", None, "/sub/"),
        ("/sub?a=b&c=%2F%3D", None, "/sub/?a=b&c=%2F%3D"),
        ("/sub", "/app/sub?x=1", "/app/sub/?x=1"),
        ("/sub", "//evil.example/sub", "/sub/"),
        ("/sub", "/\\evil.example/sub", "/%5Cevil.example/sub/"),
        ("/sub", "\\\\evil.example/sub", "/%5C%5Cevil.example/sub/"),
        ("/sub", "https://evil.example//other.example/sub", "/other.example/sub/"),
        ("//sub", None, "/sub/"),
        ("///evil.example/..//sub", None, "/evil.example/..//sub/"),
    ],
)
def test_a_folder_without_its_slash_redirects_on_this_site(site, url, request_uri, location):
    client = serving(site, "{path: data, index: true}")
    headers = {"X-Request-URI": request_uri} if request_uri else {}
    path, _, query = url.partition("?")
    answer = client.get("/", headers=headers, environ_overrides={"PATH_INFO": path, "QUERY_STRING": query})
    assert (answer.status_code, answer.headers["Location"]) == (301, location)


def test_a_folder_whose_url_with_a_slash_is_not_of_the_mount_answers_at_once(site):
    client = serving(site, "{path: data/sub, default_filename: index.html}", pattern="/sub")
    assert client.get("/sub").data == b"index of sub"


def test_a_url_that_has_its_slash_before_the_proxy_is_not_redirected(site):
    client = serving(site, "{path: data, index: true}")
    assert client.get("/sub", headers={"X-Request-URI": "/app/sub/"}).status_code == 200


def test_an_index_is_a_page_with_links(site):
    page = serving(site, "{path: data, index: true}").get("/").text
    assert 'href="./a.txt"' in page and 'href="./sub/"' in page
    assert "./.hidden" not in page and "code.py" not in page


def test_an_index_sorts_by_its_links(site):
    client = serving(site, "{path: data, index: true}", {"data/big.txt": "x" * 99})
    assert 'href="?_sort=-name"' in client.get("/").text
    page = client.get("/?_sort=-size").text
    assert page.index("./big.txt") < page.index("./a.txt")


@pytest.mark.parametrize("ask", [{"query_string": "_format=json"}, {"headers": {"Accept": "application/json"}}])
def test_an_index_is_json_for_programs(site, ask):
    answer = serving(site, "{path: data, index: true}").get("/sub/", **ask)
    assert [(entry["name"], entry["type"], entry["size"]) for entry in answer.json] == [
        ("b.txt", "file", 1),
        ("index.html", "file", 12),
    ]


@pytest.mark.parametrize(
    "name", [b'"quoted".txt', b"<b>.txt", b"a#b?c%20d.txt", b"a:b.txt", b"caf\xe9.txt", b"caf\xc3\xa9"]
)
def test_what_an_index_links_is_served(site, name):
    client = serving(site, "{path: data/odd, index: true}", {"data/odd/x": ""})
    (client.folder / "data/odd" / os.fsdecode(name)).write_text("odd")
    hrefs = [entry["href"] for entry in client.get("/?_format=json").json]
    page = client.get("/").text
    assert all(f'href="{href}"'.replace("'", "&#39;") in page for href in hrefs)
    infos = [f"/{unquote_to_bytes(href[2:]).decode('latin-1')}" for href in hrefs]
    assert sorted(client.get("/", environ_overrides={"PATH_INFO": info}).data for info in infos) == [b"", b"odd"]


def test_a_huge_index_is_served(site):
    client = serving(site, "{path: data/many, index: true}", {f"data/many/{n}.txt": "" for n in range(1000)})
    assert client.get("/").text.count("<tr") == 1001


def test_an_index_template_of_the_site(site):
    files = {"list.html": "<title>$path</title>$body"}
    page = serving(site, "{path: data, index: true, index_template: list.html}", files).get("/sub/").text
    assert page.startswith("<title>sub</title><ul>") and '<a href="./b.txt">b.txt</a>' in page


def test_ignore_and_allow_are_globs(site):
    client = serving(site, "{path: data, ignore: ['*.txt', sub/*], allow: 'a.*'}")
    statuses = {path: client.get(path).status_code for path in ("/a.txt", "/empty/x.txt", "/sub/b.txt", "/code.py")}
    assert statuses == {"/a.txt": 200, "/empty/x.txt": 403, "/sub/b.txt": 403, "/code.py": 200}


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK], ids=["fifo", "socket"])
def test_what_is_no_regular_file_is_403_at_once(site, kind):
    client = serving(site, "{path: data, transform: {'*.csv': {function: content}}}")
    for name in ("odd", "odd.csv"):
        os.mknod(client.folder / "data" / name, kind | 0o644)
    assert client.get("/odd").status_code == client.get("/odd.csv").status_code == 403


@pytest.fixture
def as_nobody(tmp_path):
    """Read files as a user who may read only what all may; other threads stay who they are."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    setfsuid = ctypes.CDLL(None).setfsuid
    before = setfsuid(65534)
    yield
    setfsuid(before)


def test_an_unreadable_file_is_403(site, request):
    client = serving(site, "{path: data, index: true}")
    (client.folder / "data/a.txt").chmod(0)
    (client.folder / "data/sub").chmod(0)
    client.get("/page.html")  # the first request starts the thread that watches the YAML; it should not be nobody
    request.getfixturevalue("as_nobody")
    statuses = {path: client.get(path).status_code for path in ("/a.txt", "/sub/", "/sub/b.txt", "/page.html")}
    assert statuses == {"/a.txt": 403, "/sub/": 403, "/sub/b.txt": 403, "/page.html": 200}


def test_headers_are_flat_or_by_glob(site):
    headers = "{Cache-Control: max-age=60, X-All: 1, '*.js': {Cache-Control: no-store}}"
    client = serving(site, f"{{path: data, headers: {headers}}}")
    found = {path: client.get(path).headers["Cache-Control"] for path in ("/a.txt", "/app.js")}
    assert found == {"/a.txt": "max-age=60", "/app.js": "no-store"}
    assert client.get("/app.js").headers["X-All"] == "1"


def test_headers_may_name_the_type(site):
    client = serving(site, "{path: data, headers: {'*.xyz': {Content-Type: text/x-odd}}}")
    assert client.get("/unknown.xyz").content_type == "text/x-odd"
