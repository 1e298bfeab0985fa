import gzip
import os
import re
import socket
import time
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.http import http_date

from app import sending

TEXT = b"a line of text that is long enough\n" * 100
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.fixture
def serving(tmp_path):
    """`serving(**options)` -> a client; its GET /name answers with tmp_path/name through `send_file`."""

    def serving(**options):
        site = Flask("site")

        @site.get("/<name>")
        def one_file(name):
            return sending.send_file(request, tmp_path / name, **options)

        return site.test_client()

    return serving


@pytest.fixture
def ten(tmp_path, serving):
    """A client for a site that has the file /ten of the bytes 0123456789, ten seconds old."""
    (tmp_path / "ten").write_bytes(b"0123456789")
    aged(tmp_path / "ten", 10)
    return serving()


def aged(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_file_is_sent_with_what_a_client_needs_to_come_back(ten):
    answer = ten.get("/ten")
    assert answer.data == b"0123456789"
    assert re.fullmatch(r'"[0-9a-f]+-a-[0-9a-f]+"', answer.headers["ETag"])
    assert {"Last-Modified", "Accept-Ranges", "Content-Length"} <= set(answer.headers.keys())
    assert not {"Cache-Control", "Vary", "Content-Encoding"} & set(answer.headers.keys())


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/gzip"),
        ("a.csv.br", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_type_follows_from_the_name(tmp_path, serving, name, content_type):
    (tmp_path / name).touch()
    assert serving().get(f"/{name}").headers["Content-Type"] == content_type


def test_the_caller_names_type_and_headers(tmp_path, serving):
    (tmp_path / "a").touch()
    headers = {"Cache-Control": "max-age=60", "ETag": '"mine"', "Vary": "Cookie"}
    answer = serving(mimetype="text/csv", headers=headers, precompressed=True).get("/a")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "max-age=60"
    assert answer.headers.getlist("ETag") == ['"mine"']
    assert answer.headers["Vary"] == "Cookie, Accept-Encoding"


@pytest.mark.parametrize("size", [0, 1, sending.IN_MEMORY, sending.IN_MEMORY + 1, 3_000_000])
def test_any_size_arrives_whole(tmp_path, serving, size):
    (tmp_path / "a.bin").write_bytes(os.urandom(size))
    answer = serving().get("/a.bin")
    assert answer.data == (tmp_path / "a.bin").read_bytes()
    assert answer.content_length == size


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("name", ["a.bin", "a.txt"])
def test_head_has_the_headers_of_get_and_no_body(tmp_path, serving, name, size):
    (tmp_path / name).write_bytes(b"x" * size)
    client = serving()
    got, head = client.get(f"/{name}", headers=BROWSER), client.head(f"/{name}", headers=BROWSER)
    assert head.data == b""
    assert list(head.headers) == list(got.headers)
    got.close(), head.close()
    assert open_below(os.getpid(), tmp_path) == []


def test_a_date_in_the_future_is_sent_as_now(tmp_path, serving):
    (tmp_path / "a").touch()
    aged(tmp_path / "a", -86400)
    assert serving().get("/a").last_modified.timestamp() <= time.time()


# Opening


def test_a_missing_file_raises(tmp_path, serving):
    with pytest.raises(FileNotFoundError):
        sending.File(str(tmp_path / "none"))


def test_a_folder_raises(tmp_path):
    with pytest.raises(IsADirectoryError):
        sending.File(str(tmp_path))


def test_a_fifo_raises_at_once_instead_of_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PermissionError, match="not a regular file"):
        sending.File(str(tmp_path / "fifo"))


def test_a_socket_and_a_device_raise(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(PermissionError, match="not a regular file"):
            sending.File(str(tmp_path / "s"))
    with pytest.raises(PermissionError, match="not a regular file"):
        sending.File("/dev/null")


def test_an_open_file_is_not_inherited_by_child_processes(tmp_path):
    (tmp_path / "a").touch()
    with sending.File(str(tmp_path / "a")) as file:
        assert not os.get_inheritable(file.fd)


# Conditions


def test_a_known_tag_is_answered_with_304_and_no_body(tmp_path, ten):
    etag = ten.get("/ten").headers["ETag"]
    answer = ten.get("/ten", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    assert not {"Content-Type", "Content-Length", "Content-Range"} & set(answer.headers.keys())


def test_304_keeps_the_headers_that_caches_need(tmp_path, serving):
    (tmp_path / "a.txt").write_bytes(TEXT)
    client = serving(headers={"Cache-Control": "max-age=60"})
    etag = client.get("/a.txt", headers=BROWSER).headers["ETag"]
    answer = client.get("/a.txt", headers={**BROWSER, "If-None-Match": etag})
    assert answer.status_code == 304
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept-Encoding", "max-age=60")


def test_an_unchanged_file_is_304_by_date(ten):
    modified = ten.get("/ten").headers["Last-Modified"]
    assert ten.get("/ten", headers={"If-Modified-Since": modified}).status_code == 304


def test_a_failed_precondition_is_412(ten):
    assert ten.get("/ten", headers={"If-Match": '"other"'}).status_code == 412
    assert ten.get("/ten", headers={"If-Unmodified-Since": http_date(0)}).status_code == 412


def test_a_changed_file_has_another_tag(tmp_path, ten):
    before = ten.get("/ten").headers["ETag"]
    (tmp_path / "ten").write_bytes(b"9876543210")
    assert ten.get("/ten", headers={"If-None-Match": before}).status_code == 200


# Ranges


@pytest.mark.parametrize(
    ("wanted", "content_range", "body"),
    [
        ("bytes=0-3", "bytes 0-3/10", b"0123"),
        ("bytes=7-", "bytes 7-9/10", b"789"),
        ("bytes=-2", "bytes 8-9/10", b"89"),
        ("bytes=4-4,5-6", "bytes 4-6/10", b"456"),
    ],
)
def test_a_range_is_206(ten, wanted, content_range, body):
    answer = ten.get("/ten", headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (206, body)
    assert (answer.headers["Content-Range"], answer.content_length) == (content_range, len(body))


def test_a_range_beyond_the_end_is_416_and_tells_the_size(ten):
    answer = ten.get("/ten", headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_several_ranges_are_a_multipart_body(tmp_path, serving, size):
    content = os.urandom(size)
    (tmp_path / "a.bin").write_bytes(content)
    answer = serving().get("/a.bin", headers={"Range": f"bytes=0-4,100-{size - 200},-5"})
    boundary = answer.mimetype_params["boundary"].encode()
    _, *parts, end = answer.data.split(b"\r\n--" + boundary)
    assert [part.partition(b"\r\n\r\n")[2] for part in parts] == [content[:5], content[100 : size - 199], content[-5:]]
    assert f"Content-Range: bytes 0-4/{size}\r\n".encode() in parts[0] + b"\r\n"
    assert (end, answer.content_length) == (b"--\r\n", len(answer.data))


@pytest.mark.parametrize(
    "wanted", ["bytes=5-2", "chars=0-1", "bytes=" + ",".join(f"0-{n}" for n in range(1300))], ids=lambda text: text[:12]
)
def test_a_silly_range_gets_the_whole(ten, wanted):
    answer = ten.get("/ten", headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (200, b"0123456789")


def test_a_download_goes_on_only_if_the_file_is_the_same(ten):
    etag = ten.get("/ten").headers["ETag"]
    resume = {"Range": "bytes=5-"}
    assert ten.get("/ten", headers={**resume, "If-Range": etag}).status_code == 206
    assert ten.get("/ten", headers={**resume, "If-Range": '"old"'}).status_code == 200


def test_head_ignores_ranges(ten):
    answer = ten.head("/ten", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content_length) == (200, 10)


# Codings


@pytest.fixture
def siblings(tmp_path, serving):
    """A client that sends precompressed files; /a.txt has all three siblings, whose content is their coding's name."""
    (tmp_path / "a.txt").write_bytes(TEXT)
    for suffix, content in {".br": b"br", ".zst": b"zstd", ".gz": b"gzip"}.items():
        (tmp_path / f"a.txt{suffix}").write_bytes(content)
    return serving(precompressed=True)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0.1, zstd", "zstd"),
        ("br;q=0, gzip;q=0, *", "zstd"),
        ("deflate", None),
        ("identity, *;q=0.5", None),
    ],
)
def test_the_sibling_that_the_client_likes_best_is_sent(siblings, accept, coding):
    answer = siblings.get("/a.txt", headers={"Accept-Encoding": accept})
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.data == (coding.encode() if coding else TEXT)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_every_coding_has_its_own_tag(siblings):
    tags = {siblings.get("/a.txt", headers={"Accept-Encoding": c}).headers["ETag"] for c in ("br", "zstd", "gzip", "")}
    assert len(tags) == 4


def test_an_older_sibling_is_not_sent(tmp_path, siblings):
    aged(tmp_path / "a.txt.br", 10)
    assert siblings.get("/a.txt", headers={"Accept-Encoding": "br, gzip;q=0.5"}).data == b"gzip"


def test_a_sibling_that_is_no_regular_file_is_not_sent(tmp_path, siblings):
    (tmp_path / "a.txt.br").unlink()
    (tmp_path / "a.txt.br").mkdir()
    assert siblings.get("/a.txt", headers={"Accept-Encoding": "br"}).data == TEXT


def test_an_empty_sibling_is_not_sent(tmp_path, siblings):
    (tmp_path / "a.txt.br").write_bytes(b"")
    assert siblings.get("/a.txt", headers=BROWSER).data == b"zstd"


def test_the_opener_decides_about_siblings_too(tmp_path, siblings, serving):
    def opener(path):
        if path.endswith(".br"):
            raise PermissionError(path)
        return sending.open_file(path)

    assert serving(precompressed=True, opener=opener).get("/a.txt", headers=BROWSER).data == b"zstd"


def test_a_range_of_a_sibling_is_a_range_of_its_bytes(siblings):
    answer = siblings.get("/a.txt", headers={"Accept-Encoding": "zstd", "Range": "bytes=1-2"})
    assert (answer.data, answer.headers["Content-Range"]) == (b"st", "bytes 1-2/4")


@pytest.mark.parametrize("times", [1, 100])
def test_text_is_gzipped_while_it_is_sent(tmp_path, serving, times):
    (tmp_path / "a.txt").write_bytes(TEXT * times)
    answer = serving().get("/a.txt", headers=BROWSER)
    assert gzip.decompress(answer.data) == TEXT * times
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.headers["ETag"].endswith('-gzip"')
    assert "Accept-Ranges" not in answer.headers


@pytest.mark.parametrize(
    ("name", "content", "headers", "options"),
    [
        pytest.param("a.txt", b"short", {}, {}, id="short"),
        pytest.param("a.png", TEXT, {}, {}, id="picture"),
        pytest.param("a.txt", TEXT, {"Range": "bytes=0-"}, {}, id="range"),
        pytest.param("a.txt", TEXT, {"Accept-Encoding": "br"}, {}, id="no gzip accepted"),
        pytest.param("a.txt", TEXT, {}, {"compress": False}, id="switched off"),
    ],
)
def test_what_is_not_gzipped(tmp_path, serving, name, content, headers, options):
    (tmp_path / name).write_bytes(content)
    answer = serving(**options).get(f"/{name}", headers={**BROWSER, **headers})
    assert answer.data == content
    assert "Content-Encoding" not in answer.headers


def test_a_coding_named_by_the_caller_is_kept(tmp_path, serving):
    (tmp_path / "a.txt").write_bytes(gzip.compress(TEXT))
    answer = serving(headers={"Content-Encoding": "gzip"}, precompressed=True).get("/a.txt", headers=BROWSER)
    assert gzip.decompress(answer.data) == TEXT


def test_a_client_that_refuses_plain_bytes_gets_gzip_of_anything(tmp_path, serving):
    (tmp_path / "a.png").write_bytes(b"short")
    answer = serving().get("/a.png", headers={"Accept-Encoding": "gzip, identity;q=0"})
    assert gzip.decompress(answer.data) == b"short"


# Bytes in memory


def answer_bytes(body=TEXT, fields=None, **options):
    with Flask("site").test_request_context(headers=fields or {}):
        return sending.send_bytes(request, body, **{"mimetype": "text/plain", **options})


def test_bytes_have_a_tag_of_their_own():
    assert (
        answer_bytes(b"a").headers["ETag"] == answer_bytes(b"a").headers["ETag"] != answer_bytes(b"b").headers["ETag"]
    )
    assert answer_bytes(etag="v1").headers["ETag"] == '"v1"'


def test_bytes_answer_conditions_and_ranges():
    assert answer_bytes(etag="v1", fields={"If-None-Match": '"v1"'}).status_code == 304
    assert answer_bytes(last_modified=1e9, fields={"If-Modified-Since": http_date(10**9)}).status_code == 304
    assert answer_bytes(b"0123456789", fields={"Range": "bytes=2-3"}).data == b"23"


def test_the_result_of_a_post_is_sent_whatever_the_conditions():
    with Flask("site").test_request_context(method="POST", headers={"If-None-Match": "*", "If-Match": '"other"'}):
        assert sending.send_bytes(request, TEXT, mimetype="text/plain").data == TEXT


@pytest.mark.parametrize("times", [1, 500])
def test_long_text_in_memory_is_gzipped(times):
    answer = answer_bytes(TEXT * times, BROWSER, etag="v1")
    assert gzip.decompress(answer.data) == TEXT * times
    assert answer.headers["ETag"] == '"v1-gzip"'


# Under gunicorn


@pytest.fixture
def gunicorn(start, tmp_path):
    """`gunicorn(files, *args)` -> a real gunicorn with one gevent worker that sends these files."""

    def gunicorn(files, *args, worker="gevent", env=None):
        (tmp_path / "conf.py").touch()
        options = [f"--config={tmp_path}/conf.py", "--bind=127.0.0.1:{port}", f"--worker-class={worker}"]
        command = ["gunicorn", "tests.app.sending.sending_app:app", "--no-control-socket", *options, *args]
        return start(command, "", files=files, env=env)

    return gunicorn


def open_below(pid, folder):
    """The files below a folder that a process has open."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue  # The descriptor that listed them.
    return [link for link in links if link.startswith(f"{folder}/") and not link.endswith(".log")]


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def resident(pid):
    """The memory of a process in MB, without the files that it maps."""
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def begin_download(server, path, *fields):
    """Ask for a file and read only the beginning of the answer."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    sock.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode())
    return sock, sock.recv(1000)


@pytest.mark.parametrize("worker", ["gevent", "gthread"])
def test_a_large_file_arrives_whole_and_the_connection_stays_usable(gunicorn, worker):
    content = os.urandom(5_000_000)
    connection = gunicorn({"a.bin": content}, worker=worker).connect()
    for _ in range(2):
        connection.request("GET", "/a.bin")
        assert connection.getresponse().read() == content
    connection.request("GET", "/a.bin", headers={"Range": "bytes=0-9,1000000-3999999"})
    assert content[1_000_000:4_000_000] in connection.getresponse().read()
    connection.close()


def test_http_1_0_clients_may_keep_the_connection_too(gunicorn):
    server = gunicorn({"a.bin": b"x" * 100_000})
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock, sock.makefile("rb") as answers:
        for _ in range(2):
            sock.sendall(b"GET /a.bin HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            head = list(iter(answers.readline, b"\r\n"))
            assert b"Content-Length: 100000\r\n" in head
            assert answers.read(100_000) == b"x" * 100_000


def test_gzip_for_an_http_1_0_client_ends_with_the_connection(gunicorn):
    server = gunicorn({"a.txt": TEXT * 100})
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock, sock.makefile("rb") as answer:
        sock.sendall(b"GET /a.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert gzip.decompress(body) == TEXT * 100
    assert b"Connection: close" in head and b"Transfer-Encoding" not in head


@pytest.mark.parametrize("name", ["a.bin", "a.txt"])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(gunicorn, name):
    server = gunicorn({name: os.urandom(20_000_000)})
    [worker] = server.workers()
    sock, _ = begin_download(server, f"/{name}", "Accept-Encoding: gzip")
    assert open_below(worker, server.folder) != []
    sock.close()
    until(lambda: open_below(worker, server.folder) == [])
    assert "Traceback" not in server.log()


def test_a_file_that_shrinks_while_it_is_sent_closes_the_connection(gunicorn):
    server = gunicorn({"a.bin": b"x" * 50_000_000})
    sock, received = begin_download(server, "/a.bin")
    os.truncate(server.folder / "a.bin", 1000)
    with sock:
        while chunk := sock.recv(1_000_000):
            received += chunk
    assert b"Content-Length: 50000000" in received and len(received) < 50_000_000
    assert "a.bin: became shorter while it was sent" in server.log()
    assert "Traceback" not in server.log()


def test_a_client_that_stops_taking_bytes_is_dropped(gunicorn):
    server = gunicorn({"a.bin": bytes(50_000_000)}, env={"STALLED": "0.3"})
    [worker] = server.workers()
    sock, _ = begin_download(server, "/a.bin")
    with sock:
        until(lambda: open_below(worker, server.folder) == [])
    assert "Traceback" not in server.log()


def test_a_slow_download_leaves_the_worker_free_for_others(gunicorn):
    server = gunicorn({"a.bin": bytes(50_000_000), "b.txt": "quick"})
    sock, _ = begin_download(server, "/a.bin")
    with sock:
        assert server.get("/b.txt").text == "quick"


def test_fifty_parallel_downloads_cost_little_memory(gunicorn):
    server = gunicorn({"b.txt": "warm"}, "--worker-connections=100")
    with open(server.folder / "a.bin", "wb") as sparse:
        sparse.truncate(100_000_000)
    server.get("/b.txt")
    [worker] = server.workers()
    before = resident(worker)
    downloads = [begin_download(server, "/a.bin")[0] for _ in range(50)]
    assert len(open_below(worker, server.folder)) == 50
    assert resident(worker) - before < 30
    for sock in downloads:
        sock.close()
