import contextlib
import sqlite3
import threading

import pytest
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from app.sections import RatelimitSettings
from app.state import Unavailable, counters
from app.state.counters import Want, connect

NOW = 1_900_000_000.5
HOUR = NOW + 3600


@pytest.fixture
def clock(monkeypatch):
    """The time of all counters: `clock.now` may be set."""

    class Clock:
        now = NOW

    monkeypatch.setattr(counters, "now", lambda: Clock.now)
    return Clock


@pytest.fixture(params=["sqlite", "memory", "redis"])
def settings(request):
    if request.param != "redis":
        return RatelimitSettings(type=request.param)
    return RatelimitSettings(type="redis", path=request.getfixturevalue("redis"))


@pytest.fixture
def store(settings, clock, tmp_path):
    return connect(settings, tmp_path)


def taken(store, *wants):
    return store.take([Want(*want) for want in wants], counters.now())


def test_a_place_is_taken_while_there_is_one(store):
    assert [taken(store, ("a", 2, HOUR)).counts[0].used for _ in range(2)] == [0, 1]
    assert taken(store, ("a", 2, HOUR)) == ([(2, HOUR)], [])


def test_a_place_that_is_given_back_can_be_taken_again(store):
    store.give_back(taken(store, ("a", 1, HOUR)).places)
    assert taken(store, ("a", 1, HOUR)).places
    assert taken(store, ("a", 1, HOUR)).places == []


def test_a_place_is_taken_in_all_counters_or_in_none(store):
    taken(store, ("full", 1, HOUR))
    assert taken(store, ("other", 5, HOUR), ("full", 1, HOUR)).places == []
    assert taken(store, ("other", 5, HOUR)).counts == [(0, HOUR)]


def test_a_counter_begins_anew_at_its_end(store, clock):
    taken(store, ("a", 1, HOUR))
    clock.now = HOUR - 0.001
    assert taken(store, ("a", 1, HOUR + 3600)).counts == [(1, HOUR)]
    clock.now = HOUR
    assert taken(store, ("a", 1, HOUR + 3600)).counts == [(0, HOUR + 3600)]


def test_a_place_of_an_ended_counter_changes_nothing_in_the_new_one(store, clock):
    old = taken(store, ("a", 2, HOUR)).places
    clock.now = HOUR
    taken(store, ("a", 2, HOUR + 3600))
    store.give_back(old)
    assert taken(store, ("a", 2, HOUR + 3600)).counts == [(1, HOUR + 3600)]


def rows(folder, sql):
    with contextlib.closing(sqlite3.connect(folder / "var/ratelimit.db")) as db:
        return db.execute(sql).fetchall()


def test_a_count_can_be_set_and_places_taken_before_no_longer_matter(store):
    at_work = taken(store, ("a", 9, HOUR)).places
    last = store.put("a", 5)
    store.give_back(at_work)
    assert taken(store, ("a", 9, HOUR)).counts == [(5, HOUR)]
    store.give_back([last])
    assert taken(store, ("a", 9, HOUR)).counts == [(5, HOUR)]


def test_a_count_that_nobody_has_begun_is_not_set(store, clock):
    assert not store.put("a", 5)
    taken(store, ("a", 1, HOUR))
    clock.now = HOUR
    assert not store.put("a", 5)


def test_threads_at_once_take_exactly_what_there_is(store):
    found = []

    def work():
        for _ in range(50):
            found.append(bool(taken(store, ("a", 60, HOUR)).places))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (len(found), sum(found)) == (200, 60)


def test_redis_that_is_down_is_unavailable_and_what_it_counted_stays_counted(start_redis, clock, tmp_path):
    service = start_redis()
    store = connect(RatelimitSettings(type="redis", path=f"redis://127.0.0.1:{service.port}"), tmp_path)
    places = taken(store, ("a", 5, HOUR)).places
    service.stop()
    for call in (lambda: taken(store, ("a", 5, HOUR)), lambda: store.give_back(places)):
        with pytest.raises(Unavailable):
            call()
    service.start()
    assert taken(store, ("a", 5, HOUR)).counts == [(1, HOUR)]


def test_a_file_that_is_none_of_ours_is_unavailable(tmp_path):
    (tmp_path / "counts").write_text("no database" * 100)
    store = connect(RatelimitSettings(path="counts"), tmp_path)
    with pytest.raises(Unavailable):
        taken(store, ("a", 1, HOUR))
    assert not store.check()


def test_a_file_that_another_process_writes_is_waited_for(tmp_path):
    store = connect(RatelimitSettings(), tmp_path)
    taken(store, ("a", 2, HOUR))
    other = sqlite3.connect(tmp_path / "var/ratelimit.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.1, other.execute, ["COMMIT"]).start()
    assert taken(store, ("a", 2, HOUR)).places
    other.close()


def test_counters_that_have_ended_are_removed(tmp_path, clock):
    store = connect(RatelimitSettings(purge=60), tmp_path)
    taken(store, *[(f"key{number}", 1, HOUR) for number in range(300)])
    for clock.now in (HOUR + 1, HOUR + 2, HOUR + 3):
        taken(store, ("new", 9, 2 * HOUR))
    assert rows(tmp_path, "SELECT key FROM counters") == [("new",)]


def test_it_is_a_storage_of_limits(tmp_path, clock):
    storage = storage_from_string(f"sqlite-shared:///{tmp_path}/limits.db")
    limiter, twice = FixedWindowRateLimiter(storage), parse("2/hour")
    assert [limiter.hit(twice, "me") for _ in range(3)] == [True, True, False]
    assert limiter.get_window_stats(twice, "me") == (NOW + 3600, 0)
    limiter.clear(twice, "me")
    assert limiter.test(twice, "me") and storage.check() and storage.reset() == 0
