import itertools
import sqlite3
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import caching
from app.caching import DiskCache, Entry, MemoryCache

COUNT = """
import itertools
from flask import request, Response

numbers = itertools.count(1)

def count(handler, **headers):
    return Response(str(next(numbers)), headers=headers)

def fail(handler):
    handler.set_status(int(handler.get_arg("status")))
    return str(next(numbers))
"""


def counting(cache, kwargs="function: count.count(handler)", top=""):
    """A site with a function that counts its calls, at /count and below it."""
    mount = f"""
        url:
          it:
            pattern: /count/?(.*)
            handler: Function
            cache: {cache}
            kwargs: {{{kwargs}}}
    """
    return textwrap.dedent(top) + textwrap.dedent(mount)


@pytest.fixture
def counter(site):
    return lambda *args, **options: site(counting(*args, **options), {"count.py": COUNT})


@pytest.fixture
def clock(monkeypatch):
    """The clock of the stores; tests turn it by setting `now`."""

    class Clock:
        now = 1_000_000.0

        def time(self):
            return self.now

        monotonic = time

    monkeypatch.setattr(caching, "time", Clock())
    return caching.time


def texts(client, *paths):
    return [client.get(path).text for path in paths]


@pytest.mark.parametrize("cache", ["true", "{}", "{store: memory}", "{store: disk}"])
def test_an_answer_is_made_once_for_each_uri(counter, cache):
    assert texts(counter(cache), "/count", "/count", "/count?a", "/count/x", "/count") == ["1", "1", "2", "3", "1"]


def test_without_cache_each_answer_is_made(counter):
    assert texts(counter("false"), "/count", "/count") == ["1", "2"]


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_an_answer_is_kept_as_it_was(counter, store):
    client = counter(
        f"{{store: {store}}}", "function: \"count.count(handler, **{'X-Some': 'thing', 'ETag': '\\\"e\\\"'})\""
    )
    first, second = client.get("/count"), client.get("/count")
    for name in ("X-Some", "ETag", "Content-Type", "Content-Length"):
        assert second.headers[name] == first.headers[name]
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("key", "different"),
    [
        ("headers.X-Who", {"headers": {"X-Who": "b"}}),
        ("args.who", {"query_string": "who=b"}),
        ("request.method request.query_string", {"query_string": "who=b"}),
        ("request.uri headers.X-Who", {"headers": {"X-Who": "b"}}),
    ],
)
def test_the_key_tells_answers_apart(counter, key, different):
    client = counter(f"{{key: [{key.replace(' ', ', ')}]}}")
    answers = [client.get("/count"), client.get("/count", **different), client.get("/count", headers={"X-Other": "c"})]
    assert [answer.text for answer in answers] == ["1", "2", "1"]


def test_a_cookie_may_be_in_the_key(counter):
    client = counter("{key: cookies.who}")
    assert texts(client, "/count") == ["1"]
    client.set_cookie("who", "b")
    assert texts(client, "/count", "/count") == ["2", "2"]


def test_what_is_not_in_the_key_makes_no_difference(counter):
    assert texts(counter("{key: args.a}"), "/count?a=1&b=1", "/count?a=1&b=2", "/count?a=2") == ["1", "1", "2"]


def test_paths_never_answer_for_each_other(counter):
    assert texts(counter("{key: headers.X-Who}"), "/count/a", "/count/b", "/count/a") == ["1", "2", "1"]


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_answers_expire(counter, clock, store):
    client = counter(f"{{store: {store}, expiry: {{duration: 60}}}}")
    assert texts(client, "/count") == ["1"]
    clock.now += 59
    assert texts(client, "/count") == ["1"]
    clock.now += 2
    assert texts(client, "/count", "/count") == ["2", "2"]


@pytest.mark.parametrize(
    ("status", "kept"),
    [("[200]", {200}), ("[200, 404]", {200, 404}), ("[404]", {404}), ("[200, 304]", {200}), ("[200, 206]", {200})],
)
def test_only_answers_of_these_codes_are_kept(counter, status, kept):
    client = counter(f"{{status: {status}}}", "function: count.fail(handler)")
    for code in (200, 206, 304, 404, 500):
        first, second = texts(client, f"/count?status={code}", f"/count?status={code}")
        assert (code in kept) == (code != 304 and first == second)


@pytest.mark.parametrize(
    "headers",
    [
        {"Set-Cookie": "a=b"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Vary": "Cookie"},
        {"Vary": "*"},
    ],
    ids=str,
)
def test_answers_for_one_client_are_not_kept(counter, headers):
    client = counter("true", f'function: "count.count(handler, **{headers})"')
    assert texts(client, "/count", "/count") == ["1", "2"]


def test_an_answer_that_varies_by_a_header_of_the_key_is_kept(counter):
    client = counter("{key: headers.X-Who}", "function: \"count.count(handler, Vary='X-Who')\"")
    assert texts(client, "/count", "/count") == ["1", "1"]


def test_streams_are_not_kept(counter):
    client = counter("true", "function: (count.count(handler).data for _ in range(2))")
    assert texts(client, "/count", "/count") == ["12", "34"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_answered_from_the_cache(counter, method):
    client = counter("true")
    assert [client.get("/count").text, client.open("/count", method=method).text] == ["1", "2"]
    assert client.get("/count").text == "1"


def test_head_is_answered_from_the_cache_and_not_kept(counter):
    client = counter("true")
    assert client.head("/count").data == b""
    assert texts(client, "/count") == ["2"]
    answer = client.head("/count")
    assert (answer.data, answer.headers["Content-Length"]) == (b"", "1")
    assert texts(client, "/count") == ["2"]


def test_a_client_that_has_the_answer_gets_304(counter):
    client = counter("true")
    etag = client.get("/count").headers["ETag"]
    answer = client.get("/count", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    assert client.get("/count", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_304_of_the_handler_is_not_kept_for_others(site):
    yaml = "url: {it: {pattern: /a, handler: File, cache: true, kwargs: {path: a.txt}}}"
    client = site(yaml, {"a.txt": "content"})
    assert client.get("/a", headers={"If-None-Match": "*"}).status_code == 304
    assert client.get("/a").text == "content"


def test_a_compressed_answer_goes_only_to_who_accepts_it(site):
    yaml = "url: {it: {pattern: /a, handler: File, cache: true, kwargs: {path: a.txt}}}"
    client = site(yaml, {"a.txt": "content " * 1000})
    for _ in range(2):
        packed = client.get("/a", headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert client.get("/a").text == "content " * 1000


def test_two_mounts_that_share_a_store_never_mix(site):
    client = site(
        """
        url:
          a: {pattern: '/(a|x)', handler: Function, cache: {key: args.q}, kwargs: {function: str('a')}}
          b: {pattern: '/(b)', handler: Function, cache: {key: args.q}, kwargs: {function: str('b')}}
        """
    )
    assert texts(client, "/a", "/b", "/a", "/b") == ["a", "b", "a", "b"]


def test_a_memory_store_is_one_for_all_its_mounts(site):
    client = site(
        """
        cache: {small: {type: memory, size: 5000}}
        handlers: {Function: {function: "str(handler.name) * 3000"}}
        url:
          a: {pattern: /a, handler: Function, cache: true}
          b: {pattern: /b, handler: Function, cache: true}
        """
    )
    texts(client, "/a", "/b")
    (store,) = client.app.extensions["skerry"].application.extensions["skerry.caches"].values()
    assert len(store._entries) == 1


@pytest.mark.parametrize(
    ("cache", "file"),
    [("true", "two.sqlite"), ("{store: one}", "one.sqlite"), ("{store: disk}", "disk.sqlite"), ("{store: memory}", "")],
)
def test_a_mount_uses_the_store_that_it_names_or_the_default(counter, cache, file):
    client = counter(cache, top="cache: {one: {type: disk, path: kept}, two: {type: disk, path: kept, default: true}}")
    assert texts(client, "/count", "/count") == ["1", "1"]
    assert [found.name for found in client.folder.rglob("*.sqlite")] == ([file] if file else [])


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ("{store: none}", "there is no store 'none'"),
        ("{key: nothing.x}", "tells no answers apart"),
        ("{key: args}", "tells no answers apart"),
        ("{expiry: {duration: 0}}", "greater than 0"),
        ("{expire: 5}", "did you mean 'expiry'?"),
    ],
)
def test_mistakes_are_named(counter, caplog, cache, message):
    counter(cache)
    assert message in caplog.text


def test_a_store_that_cannot_be_used_is_as_good_as_none(site, caplog):
    client = site(counting("{store: disk}"), {"count.py": COUNT, "var/cache/disk.sqlite": b"this is no database" * 99})
    assert texts(client, "/count", "/count") == ["1", "2"]
    assert "cannot be used" in caplog.text


def test_a_reload_ends_what_memory_holds(counter):
    client = counter("true")
    assert texts(client, "/count", "/count") == ["1", "1"]
    (client.folder / "count.py").write_text(COUNT.replace("count(1)", "count(500)"))
    assert client.app.extensions["skerry"].reload_if_changed()
    assert texts(client, "/count") == ["500"]


def test_disk_is_shared_by_workers_and_survives_a_restart(serve):
    yaml = counting("{store: disk}", "function: str(os.getpid())", "app: {watch: false}")
    server = serve(yaml, workers=2)
    first = server.get("/count").text
    with ThreadPoolExecutor(8) as pool:
        assert {answer.text for answer in pool.map(server.get, ["/count"] * 40)} == {first}
        answered, deadline = set(), time.monotonic() + 20
        while len(answered) < 2 and time.monotonic() < deadline:  # the kernel may give one worker many in a row
            paths = [f"/count?{time.monotonic_ns() + number}" for number in range(16)]
            answered |= {answer.text for answer in pool.map(server.get, paths)}
    assert len(answered) == 2
    server.stop()
    again = serve(yaml, env={"SKERRY_CONFIG": str(server.folder / "skerry.yaml")})
    assert again.get("/count").text == first


def entry(size):
    return Entry(200, [], b"x" * (size - 100))


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return MemoryCache(10_000) if request.param == "memory" else DiskCache(tmp_path / "new" / "c.sqlite", 10_000)


def test_a_store_gives_back_what_it_holds(store):
    kept = Entry(404, [("X-A", "b"), ("X-A", "ü")], b"\x00\xff")
    store.put(b"key", kept, 60)
    assert store.get(b"key") == kept
    assert store.get(b"other") is None


def test_what_was_used_longest_ago_makes_room(store, clock):
    for number in range(5):
        store.put(b"%d" % number, entry(1900), 10_000)
        clock.now += 100
    store.get(b"0")
    for number in range(5, 5 + 32):
        clock.now += 100
        store.put(b"%d" % number, entry(1900), 10_000)
        store.get(b"0")
    kept = {number for number in range(37) if store.get(b"%d" % number)}
    assert 0 in kept and 36 in kept and 1 not in kept


def test_memory_never_holds_more_than_its_limit(clock):
    store = MemoryCache(10_000)
    for number in itertools.islice(itertools.cycle(range(7)), 100):
        store.put(b"%d" % number, entry(1000 + 700 * number), 60)
        assert store._size <= 10_000
        assert store._size == sum(kept.size for _, kept in store._entries.values())


def test_an_entry_larger_than_the_store_is_not_kept(store):
    store.put(b"small", entry(5000), 60)
    store.put(b"large", entry(10_001), 60)
    assert store.get(b"large") is None
    assert store.get(b"small") == entry(5000)


def test_disk_makes_room_now_and_then(tmp_path):
    store = DiskCache(tmp_path / "c.sqlite", 10_000)
    for number in range(33):
        store.put(b"%d" % number, entry(1000), 60)
    with sqlite3.connect(tmp_path / "c.sqlite") as db:
        assert db.execute("SELECT sum(size) FROM answer").fetchone()[0] <= 10_000
    db.close()


def test_many_may_open_a_disk_store_at_once(tmp_path, caplog):
    for attempt in range(10):
        stores = [DiskCache(tmp_path / f"{attempt}.sqlite", 10_000) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda store: store.put(b"key", entry(1000), 60), stores))
        assert stores[0].get(b"key") == entry(1000)
    assert caplog.text == ""


def test_a_mount_without_cache_opens_no_store(counter):
    client = counter("false")
    assert "skerry.caches" not in client.app.extensions["skerry"].application.extensions
    assert not Path(client.folder / "var").exists()
