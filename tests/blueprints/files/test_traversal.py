"""No URL, however it is written, reads a file outside of the root."""

import itertools
import os
import socket
from urllib.parse import unquote_to_bytes

import pytest

from app import create_app
from blueprints import FEATURES

SITE = """
    url:
      folder: {pattern: "/folder/(.*)", handler: File, kwargs: {path: data, index: true, default_filename: index.html}}
      named: {pattern: "/named/<path:rest>", handler: File, kwargs: {path: data, index: true}}
      star: {pattern: "/star/(.*)", handler: File, kwargs: {path: "data/*"}}
      ending: {pattern: "/ending/(.*)", handler: File, kwargs: {path: "data/*.txt"}}
      map: {pattern: "/map/(.*)", handler: File, kwargs: {path: {"(?P<name>.*)": "data/{name}"}}}
      made: {pattern: "/made/(.*)", handler: File, kwargs: {path: data, transform: {"*": {function: content}}}}
      query: {pattern: "/query/(.*)", handler: File, kwargs: {path: {".*": "data/{name}"}}}
      page: {pattern: "/page/(.*)", handler: File, kwargs: {path: data, markdown: "*"}}
      style: {pattern: "/style/(.*)", handler: File, kwargs: {path: data, sass: "*", ts: "*"}}
"""
FILES = {
    "secret.txt": "SECRET",
    "data-private/secret.txt": "SECRET",
    "var/secret.txt": "SECRET",
    "data/.secret.txt": "SECRET",
    "data/secret.py": "SECRET",
    "data/public.txt": "public",
    "data/sub/inner.txt": "inner",
}
PATTERNS = ["folder", "star", "ending", "map", "made", "page", "style", "named"]

DOTS = {
    "plain": "..",
    "escaped": "%2e%2e",
    "escaped capitals": "%2E%2E",
    "half escaped": ".%2e",
    "escaped twice": "%252e%252e",
    "escaped thrice": "%25252e%25252e",
    "overlong in 2 bytes": "%c0%ae%c0%ae",
    "overlong in 3 bytes": "%e0%80%ae%e0%80%ae",
    "overlong in 4 bytes": "%f0%80%80%ae%f0%80%80%ae",
    "fullwidth": "%ef%bc%8e%ef%bc%8e",
    "IIS": "%u002e%u002e",
    "three": "...",
    "four": "....",
    "with parameter": "..;",
    "with NUL": "..%00",
    "after a space": "%20..",
    "before a space": "..%20",
    "with CR": "..%0d",
    "with LF": "..%0a",
}
SLASHES = {
    "slash": "/",
    "escaped slash": "%2f",
    "slash escaped twice": "%252f",
    "two slashes": "//",
    "slash and dot": "/./",
    "backslash": "%5c",
    "backslash escaped twice": "%255c",
    "both": "%5c/",
    "overlong slash": "%c0%af",
    "overlong slash in 3 bytes": "%e0%80%af",
    "overlong backslash": "%c1%9c",
    "fullwidth slash": "%ef%bc%8f",
    "division slash": "%e2%88%95",
}
BEFORE = {"first": "", "below a folder": "sub/", "below nothing": "nope/", "below a file": "public.txt/"}
CLIMBS = {
    f"{dots}, {slash}, {before}": (BEFORE[before], DOTS[dots] + SLASHES[slash])
    for dots, slash, before in itertools.product(DOTS, SLASHES, BEFORE)
}
NAMES = {
    "absolute": "/secret-of-all",
    "absolute escaped": "%2fsecret-of-all",
    "absolute after two slashes": "//etc/passwd",
    "drive": "C:/Windows/win.ini",
    "drive with backslash": "C:%5cWindows%5cwin.ini",
    "drive without slash": "C:secret.txt",
    "device path": "%5c%5c%3f%5cC:%5cwin.ini",
    "share": "%5c%5cserver%5cshare%5csecret.txt",
    "file URL": "file:///etc/passwd",
    "home": "~root/.profile",
    "variable": "$HOME/secret.txt",
    "device CON": "CON",
    "device NUL": "nul.txt",
    "device AUX": "aux",
    "alternate stream": "secret.py::$DATA",
    "NUL in the middle": "secret.py%00.txt",
    "NUL alone": "%00",
    "NUL first": "%00secret.py",
    "link to a file": "link.txt",
    "link to an absolute path": "absolute.txt",
    "link to a link": "chain.txt",
    "link to a folder": "outside/secret.txt",
    "link to a folder with the root's name": "private/secret.txt",
    "link to the root's parent and back": "outside/data/../secret.txt",
    "link to itself": "loop",
    "link below itself": "loop/secret.txt",
    "link to an ignored file": "harmless.txt",
    "link to the state": "state/secret.txt",
    "link to a process": "self/environ",
    "precompressed beside its file": "public.txt.gz",
    "hidden": ".secret.txt",
    "hidden escaped": "%2esecret.txt",
    "hidden in capitals": ".SECRET.TXT",
    "hidden below a folder": "sub/../.secret.txt",
    "ignored": "secret.py",
    "ignored with a slash": "secret.py/",
    "ignored with a dot": "secret.py/.",
    "ignored, escaped": "secret%2epy",
    "ignored, dot first": "./secret.py",
    "ignored, with a space": "secret.py%20",
    "ignored, with a dot at the end": "secret.py.",
    "ignored, with a query": "secret.py%3fx",
    "ignored, with a fragment": "secret.py%23x",
    "long": "x" * 300,
    "longer than any path": "x/" * 2000,
    "very deep climb": "../" * 1000 + "secret.txt",
    "surrogates": "%ed%b0%80%ed%b0%80/secret.txt",
    "not UTF-8": "%ff%fe/secret.txt",
    "braces": "{0}/secret.txt",
    "braces of Python": "{0.__class__}",
    "star": "*",
    "star and text": "*/../secret*",
    "percent": "%",
    "percent and letters": "%zz%2",
}


@pytest.fixture(scope="module")
def maze(tmp_path_factory):
    """A site's folder with secrets around what it serves, and links to them."""
    folder = tmp_path_factory.mktemp("maze") / "site"
    write_maze(folder)
    return folder


def write_maze(folder):
    for name, content in {**FILES, "../secret.txt": "SECRET"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    links = {
        "link.txt": "../secret.txt",
        "absolute.txt": folder.parent / "secret.txt",
        "chain.txt": "link.txt",
        "outside": "..",
        "private": "../data-private",
        "loop": "loop",
        "harmless.txt": ".secret.txt",
        "state": "../var",
        "self": "/proc/self",
        "public.txt.gz": "../secret.txt",
    }
    for name, target in links.items():
        os.symlink(target, folder / "data" / name)


@pytest.fixture(scope="module")
def client(maze):
    (maze / "skerry.yaml").write_text(SITE)
    return create_app(FEATURES, maze / "skerry.yaml").test_client()


def send(client, path, **options):
    """Ask for a path as a server passes it on: escapes resolved once, nothing else touched."""
    info = unquote_to_bytes(path.replace("%u", "%25u")).decode("latin-1")
    return client.get("/", environ_overrides={"PATH_INFO": info}, **options)


def is_safe(response):
    return response.status_code < 500 and b"SECRET" not in response.data


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_inside_is_served(client, pattern):
    name = "public" if pattern == "ending" else "public.txt"
    answer = client.get(f"/{pattern}/{name}")
    assert answer.status_code == 200 or pattern == "style"


@pytest.mark.parametrize("climb", CLIMBS)
def test_no_climb_leads_out(client, climb):
    before, up = CLIMBS[climb]
    targets = ["secret.txt", "data-private/secret.txt", "var/secret.txt", "site/secret.txt"]
    paths = [f"/folder/{before}{up * times}{target}" for times in (1, 2, 3) for target in targets]
    paths += [f"/{pattern}/{before}{up * 2}secret.txt" for pattern in PATTERNS]
    assert [path for path in paths if not is_safe(send(client, path))] == []


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out(client, pattern, name):
    answer = send(client, f"/{pattern}/{NAMES[name]}")
    assert is_safe(answer)
    assert answer.status_code in (301, 400, 403, 404)


@pytest.mark.parametrize("climb", CLIMBS)
def test_no_argument_leads_out(client, climb):
    before, up = CLIMBS[climb]
    queries = [f"name={before}{up * times}{target}" for times in (1, 2) for target in ("secret.txt", "var/secret.txt")]
    answers = {query: client.get("/query/x", query_string=query) for query in queries}
    assert [query for query, answer in answers.items() if not is_safe(answer)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_argument_names_what_is_outside(client, name):
    assert is_safe(client.get("/query/x", query_string=f"name={NAMES[name]}"))


@pytest.mark.parametrize("pattern", ["folder", "named", "star", "map", "made", "page"])
def test_a_precompressed_sibling_that_leads_out_is_not_sent(client, pattern):
    answer = client.get(f"/{pattern}/public.txt", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert is_safe(answer)


@pytest.mark.parametrize("default", ["link.txt", "../secret.txt", "outside/secret.txt", ".secret.txt", "secret.py"])
def test_a_default_file_stays_inside_too(maze, default):
    (maze / "default.yaml").write_text(SITE.replace("index.html", default))
    client = create_app(FEATURES, maze / "default.yaml").test_client()
    answer = client.get("/folder/")
    assert is_safe(answer)
    assert answer.status_code in (403, 404)


def test_a_list_of_a_folder_names_nothing_that_is_not_served(client):
    page = client.get("/folder/").text
    hidden = [name for name in ("secret", "link.txt", "outside", "state", "loop", "self", ".gz") if name in page]
    assert hidden == []
    assert "public.txt" in page


@pytest.mark.parametrize("name", ["outside/", "private/", "state/", "self/", "self/cwd/"])
def test_a_folder_outside_is_not_listed(client, name):
    assert client.get(f"/folder/{name}").status_code == 404


def test_the_state_of_the_site_is_not_served(client, maze):
    (maze / "all.yaml").write_text('url: {all: {pattern: "/(.*)", handler: File, kwargs: {path: ., index: true}}}')
    client = create_app(FEATURES, maze / "all.yaml").test_client()
    assert client.get("/var/secret.txt").status_code == client.get("/var/").status_code == 404
    assert ">var/<" not in client.get("/").text


def test_nothing_leads_out_of_a_real_server(wire):
    paths = [f"/folder/{before}{up * 2}secret.txt" for before, up in CLIMBS.values()]
    paths += [f"/{pattern}/{name}" for name in NAMES.values() for pattern in ("folder", "map")]
    paths += ["/folder/../secret.txt", "/../secret.txt", "../secret.txt", "//folder/../../secret.txt", "secret.txt"]
    answers = {path: raw(wire, path.encode("latin-1")) for path in paths}
    assert [path for path, answer in answers.items() if not is_safe_on_the_wire(answer)] == []
    assert raw(wire, b"/folder/public.txt").endswith(b"public")


@pytest.mark.parametrize(
    "byte", [b"\x00", b"\x01", b"\x7f", b"\x80", b"\xae", b"\xc0\xae", b"\xff", b"\\", b"\t", b" "]
)
def test_raw_bytes_lead_nowhere(wire, byte):
    paths = [byte.join([b"/folder/..", b"..", b"secret.txt"]), b"/folder/" + (b"." + byte + b"./") * 2 + b"secret.txt"]
    assert all(is_safe_on_the_wire(raw(wire, path)) for path in paths)


@pytest.fixture
def wire(serve):
    server = serve(SITE, FILES)
    write_maze(server.folder)
    return server.port


def raw(port, path):
    """Send a request line with these very bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def is_safe_on_the_wire(answer):
    return b"SECRET" not in answer and not answer.startswith(b"HTTP/1.1 5")
