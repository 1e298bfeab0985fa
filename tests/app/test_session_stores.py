"""Every store of sessions behaves alike."""

import contextlib
import itertools
import sqlite3
import threading
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from app.json_provider import dumps
from app.state import sessions
from app.state.sessions import Change

LATER = time.time() + 100_000

ALL = ("memory", "json", "sqlite", "redis", "postgresql", "mariadb")
SHARED = ALL[1:]


@pytest.fixture
def open_store(request, tmp_path):
    """`open_store(kind)` -> a store of its own, as another worker would open it: nothing is shared but the data."""
    urls = {}

    def open_store(kind):
        if kind in ("redis", "postgresql", "mariadb") and kind not in urls:
            urls[kind] = request.getfixturevalue(kind)
        for kept in (sessions._json, sessions._redis, sessions._sqlite, sessions._tables):
            kept.cache_clear()
        return sessions.store(SimpleNamespace(type=urls.get(kind, kind), path=None), tmp_path / "var", tmp_path)

    return open_store


@pytest.fixture
def store(request, open_store):
    return open_store(request.param)


each = pytest.mark.parametrize("store", ALL, indirect=True)


def put(**values):
    return Change({key: dumps(value) for key, value in values.items()})


@each
def test_what_was_written_is_read(store):
    store.write("one", put(a=1, b={"c": ["é", None, 1.5, "🌍"]}), LATER, new=True)
    found = store.read("one")
    assert found.values == {"a": 1, "b": {"c": ["é", None, 1.5, "🌍"]}}
    assert found.expires == pytest.approx(LATER)


@each
def test_a_change_is_of_single_keys(store):
    store.write("one", put(a=1, b=1, c=1), LATER, new=True)
    store.write("one", Change({"a": b"2"}, ["b", "never there"]), LATER + 5)
    assert store.read("one") == ({"a": 2, "c": 1}, pytest.approx(LATER + 5))


@each
def test_a_session_may_be_empty(store):
    store.write("one", Change({}), LATER, new=True)
    assert store.read("one").values == {}


@each
def test_keys_may_be_any_text(store):
    values = {"": 1, "expires": 2, "a b": 3, "ü'\"\\": 4, "=x": 5}
    store.write("one", put(**values), LATER, new=True)
    assert store.read("one").values == values


@each
def test_a_large_session_is_kept_whole(store):
    store.write("one", put(a="x" * 900_000), LATER, new=True)
    assert len(store.read("one").values["a"]) == 900_000


@each
def test_what_is_read_belongs_to_the_reader(store):
    store.write("one", put(a=[1]), LATER, new=True)
    store.read("one").values["a"].append(2)
    assert store.read("one").values == {"a": [1]}


@each
def test_ids_are_told_apart_to_the_letter(store):
    store.write("one", put(a=1), LATER, new=True)
    assert [store.read(id) for id in ("One", "one ", "on_", "%", "")] == [None] * 5


@each
def test_a_session_that_has_ended_is_not_read(store):
    store.write("one", put(a=1), time.time() - 1, new=True)
    assert store.read("one") is None


@each
def test_a_session_that_was_deleted_stays_so(store):
    store.write("one", put(a=1), LATER, new=True)
    store.delete("one")
    store.write("one", put(b=1), LATER)
    assert store.read("one") is None


@each
def test_deleting_what_is_not_there_is_nothing(store):
    store.delete("none")
    assert store.delete_of("nobody") == 0


@each
def test_all_sessions_of_a_user_end_but_one(store):
    for id, owner in (("1", "ann"), ("2", "ann"), ("3", "Ann"), ("4", ""), ("5", "ann")):
        store.write(id, put(a=1), LATER, owner, new=True)
    assert store.delete_of("ann", but="2") == 2
    assert [id for id in "12345" if store.read(id)] == ["2", "3", "4"]


@each
def test_the_sessions_of_nobody_are_not_those_of_one_user(store):
    store.write("1", put(a=1), LATER, new=True)
    store.delete_of("", but="x")
    assert store.read("1")


@pytest.mark.parametrize("store", [kind for kind in ALL if kind != "redis"], indirect=True)
def test_ended_sessions_are_removed_once_in_a_while(store):
    for id in ("1", "2", "3"):
        store.write(id, put(a=1), time.time() - 1, new=True)
    store.write("4", put(a=1), LATER, new=True)
    assert [store.purge(3600), store.purge(3600)] == [3, 0]
    assert store.read("4")


@pytest.mark.parametrize("store", [kind for kind in ALL if kind != "redis"], indirect=True)
def test_they_are_removed_again_when_the_time_has_come(store):
    store.purge(0)
    store.write("1", put(a=1), time.time() - 1, new=True)
    assert store.purge(0) == 1


@pytest.mark.parametrize("kind", [kind for kind in SHARED if kind != "redis"])
def test_of_several_workers_one_removes_them(kind, open_store):
    workers = [open_store(kind) for _ in range(4)]
    for number in range(5):
        workers[0].write(str(number), put(a=1), time.time() - 1, new=True)
    removed = []
    at_once([lambda worker=worker: removed.append(worker.purge(3600)) for worker in workers])
    assert sorted(removed) == [0, 0, 0, 5]


def test_redis_ends_them_by_itself(open_store):
    store = open_store("redis")
    store.write("1", put(a=1), LATER, "ann", new=True)
    left = [store._redis.ttl(key) for key in store._redis.keys()]
    assert len(left) == 2
    assert left == pytest.approx([LATER - time.time()] * 2, abs=60)


@pytest.mark.parametrize("kind", SHARED)
def test_workers_that_change_one_session_at_once_lose_nothing(kind, open_store):
    workers = [open_store(kind) for _ in range(4)]
    workers[0].write("one", Change({}), LATER, new=True)
    names = [f"{worker}-{number}" for worker in range(4) for number in range(10)]
    at_once([lambda name=name: workers[int(name[0])].write("one", put(**{name: 1}), LATER) for name in names])
    assert sorted(workers[0].read("one").values) == sorted(names)


@pytest.mark.parametrize("kind", SHARED)
def test_what_one_worker_writes_the_others_read_at_once(kind, open_store):
    one, other = open_store(kind), open_store(kind)
    one.write("1", put(a=1), LATER, "ann", new=True)
    assert other.read("1").values == {"a": 1}
    one.write("1", put(a=2), LATER, "ann")
    assert other.read("1").values == {"a": 2}
    one.delete_of("ann")
    assert other.read("1") is None
    other.write("2", put(b=1), LATER, new=True)
    assert one.read("2").values == {"b": 1}
    other.delete("2")
    assert one.read("2") is None


def test_an_edit_of_the_database_by_hand_counts_after_a_second(open_store, tmp_path, monkeypatch):
    store = open_store("sqlite")
    store.write("1", put(a=1), LATER, new=True)
    store.read("1")
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "state.db")) as connection, connection:
        connection.execute("UPDATE session SET data = ?", ['{"a":2}'])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1.1)
    assert store.read("1").values == {"a": 2}


def test_what_is_read_again_and_again_is_not_asked_of_the_database(open_store, monkeypatch):
    store = open_store("sqlite")
    store.write("1", put(a=1), LATER, new=True)
    monkeypatch.setattr(store._store, "read", Mock(side_effect=store._store.read))
    assert [store.read("1").values for _ in range(5)] == [{"a": 1}] * 5
    assert store._store.read.call_count == 1


@pytest.mark.parametrize("kind", SHARED)
def test_workers_that_start_at_once_do_not_hinder_each_other(kind, open_store):
    workers = [open_store(kind) for _ in range(6)]
    numbers = itertools.count()
    at_once([lambda worker=worker: worker.write(str(next(numbers)), put(a=1), LATER, new=True) for worker in workers])
    assert all(open_store(kind).read(str(number)) for number in range(6))


@pytest.mark.parametrize("kind", SHARED)
def test_what_is_kept_does_not_sign_its_reader_in(kind, open_store, tmp_path, request):
    open_store(kind).write("the-id", put(a=1), LATER, "ann", new=True)
    assert b"the-id" not in everything(kind, open_store(kind), tmp_path)


def everything(kind, store, folder):
    """All that the store keeps, as bytes."""
    if kind == "redis":
        return b"".join(store._redis.keys())
    if kind in ("postgresql", "mariadb"):
        return repr([dict(row) for row in store._database.read(f"SELECT * FROM {store._name}")]).encode()
    return b"".join(file.read_bytes() for file in folder.glob("var/*") if file.is_file())


def at_once(calls):
    """Run each in a thread; what one of them raises is raised."""
    failures = []

    def run(call):
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure
