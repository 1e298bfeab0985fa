"""Messages between workers and hosts: the log of a host, and Redis, behave alike."""

import collections
import json
import multiprocessing
import os
import signal
import threading
import time

import pytest

from app.bus import Bus, Unavailable, host
from app.bus.host import Log
from app.bus.stream import Stream

DEADLINE = 20


@pytest.fixture(params=["log", "redis"])
def join(request, tmp_path):
    """`join()` -> the bus as another worker has it."""
    url = request.getfixturevalue("redis") if request.param == "redis" else None
    return lambda: Bus(Stream(url) if url else Log(tmp_path / "bus"))


def texts(subscription, count):
    """The next so many messages."""
    found = [subscription.get(DEADLINE) for _ in range(count)]
    return [message.data.decode() if message else None for message in found]


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_subscribers_of_all_workers_get_the_messages_of_their_topic(join):
    one, other = join(), join()
    with one.subscribe("sales") as here, other.subscribe("sales") as there, one.subscribe("else") as aside:
        one.publish("sales", {"op": "insert", "ids": [1]})
        other.publish("sales", "text")
        one.publish("else", b"\0\xff")
        assert texts(here, 2) == texts(there, 2) == ['{"op":"insert","ids":[1]}', "text"]
        assert aside.get(DEADLINE).data == b"\0\xff"
        assert here.get(timeout=0) is None


def test_who_comes_later_gets_later_messages(join):
    bus = join()
    bus.publish("a", "before")
    with bus.subscribe("a") as messages:
        bus.publish("a", "after")
        assert texts(messages, 1) == ["after"]


def test_who_was_away_goes_on_where_it_was_in_any_worker(join):
    one, other = join(), join()
    ids = [one.publish("a", str(number)) for number in range(3)]
    one.publish("b", "other topic")
    with other.subscribe("a", since=ids[0]) as messages:
        one.publish("a", "3")
        assert texts(messages, 3) == ["1", "2", "3"]
        assert not messages.missed


@pytest.mark.parametrize("id", ["nonsense", "0", "ffffffffffffffff", "999999999999999-0", "1-1", "-1", "1e3"])
def test_an_id_that_nobody_knows_counts_as_messages_lost(join, id):
    bus = join()
    bus.publish("a", "before")
    with bus.subscribe("a", since=id) as messages:
        assert messages.missed and not messages.missed
        bus.publish("a", "after")
        assert texts(messages, 1) == ["after"]


def test_an_id_within_a_message_does_not_read_what_is_no_message(tmp_path):
    bus = Bus(Log(tmp_path / "bus"))
    inner = b"\x05\x00\x00\x00\x01\x00aevil"
    end = int(bus.publish("a", b"...." + inner), 16)
    bus.publish("secret", "x" * 100)
    with bus.subscribe("a", since=f"{end - len(inner):016x}") as messages:
        assert messages.missed and messages.get(timeout=0.05) is None


def test_a_slow_subscriber_keeps_the_newest_and_is_told_so(join):
    bus = join()
    with bus.subscribe("a", most=3) as slow, bus.subscribe("a") as other:
        for number in range(10):
            bus.publish("a", str(number))
        assert texts(other, 10) == [str(number) for number in range(10)]
        assert texts(slow, 3) == ["7", "8", "9"] and slow.missed
        assert not other.missed


def test_one_that_goes_on_after_too_many_messages_is_told_so(join):
    bus = join()
    first = bus.publish("a", "first")
    for number in range(5):
        bus.publish("a", str(number))
    with bus.subscribe("a", since=first, most=2) as messages:
        assert texts(messages, 2) == ["3", "4"] and messages.missed


def test_closing_ends_the_waiting(join):
    messages = join().subscribe("a")
    threading.Timer(0.1, messages.close).start()
    assert list(messages) == []


def test_all_workers_have_the_same_order(join):
    buses = [join() for _ in range(4)]
    subscriptions = [bus.subscribe("a") for bus in buses]
    threads = [threading.Thread(target=_publish, args=(bus, name, 50)) for name, bus in zip("wxyz", buses, strict=True)]
    [thread.start() for thread in threads]
    orders = [texts(subscription, 200) for subscription in subscriptions]
    assert orders[0] == orders[1] == orders[2] == orders[3] and len(set(orders[0])) == 200
    assert [text for text in orders[0] if text[0] == "w"] == [f"w{number}" for number in range(50)]


def _publish(bus, name, count):
    for number in range(count):
        bus.publish("a", f"{name}{number}")


def test_a_full_file_is_followed_by_another_and_old_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "SEGMENT", 1000)
    bus, other, ids = Bus(Log(tmp_path / "bus")), Bus(Log(tmp_path / "bus")), []
    with other.subscribe("a") as messages:
        for number in range(50):
            ids.append(bus.publish("a", f"{number:0100}"))
            assert texts(messages, 1) == [f"{number:0100}"]
    assert len(list((tmp_path / "bus").glob("*.log"))) == 2
    with other.subscribe("a", since=ids[0]) as messages:
        assert messages.missed
    with other.subscribe("a", since=ids[-12]) as messages:
        assert [int(text) for text in texts(messages, 11)] == list(range(39, 50)) and not messages.missed


def test_a_reader_whose_place_is_gone_goes_on_with_the_oldest(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "SEGMENT", 500)
    channel = Log(tmp_path / "bus")
    start = channel.end()
    for number in range(30):
        channel.append("a", b"%0100d" % number)
    found = channel.read(start)
    assert found.lost and channel.read(found.position).messages


def test_what_a_killed_worker_has_half_written_is_overwritten(tmp_path):
    channel = Log(tmp_path / "bus")
    channel.append("a", b"one")
    (file,) = (tmp_path / "bus").glob("*.log")
    start = channel.position(channel.append("a", b"two"))
    with file.open("ab") as stream:
        stream.write(b"\xff" * 1000)
    Log(tmp_path / "bus").append("a", b"three")
    assert [message.data for message in channel.read(start).messages] == [b"three"]


def test_a_message_that_is_too_large_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a message of 16,777,223 bytes is too large: 16,777,216 are allowed"):
        Bus(Log(tmp_path / "bus")).publish("a", bytes(16 << 20))


def _publish_until_killed(folder, name):
    bus = Bus(Log(folder))
    for number in range(10**9):
        bus.publish("a", json.dumps([name, number]))


def test_killed_workers_harm_nobody(tmp_path):
    bus = Bus(Log(tmp_path / "bus"))
    spawn = multiprocessing.get_context("spawn")
    with bus.subscribe("a", most=10**6) as messages:
        for name in range(3):
            process = spawn.Process(target=_publish_until_killed, args=(tmp_path / "bus", name))
            process.start()
            wait_for(lambda name=name: any(json.loads(m.data)[0] == name for m in iter(lambda: messages.get(0), None)))
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        while messages.get(timeout=1.5):
            pass
        bus.publish("a", "last")
        assert texts(messages, 1) == ["last"] and not messages.missed


def test_bells_of_workers_that_have_ended_are_removed(tmp_path):
    bus = Bus(Log(tmp_path / "bus"))
    with bus.subscribe("a") as messages:
        wait_for(lambda: list((tmp_path / "bus").glob("*.bell")))
        dead = tmp_path / "bus" / "1-dead.bell"
        dead.touch()
        bus.publish("a", "x")
        assert texts(messages, 1) == ["x"]
        wait_for(lambda: not dead.exists())


def test_a_message_arrives_at_once(join):
    bus, other, took = join(), join(), []
    with bus.subscribe("a") as messages:
        bus.publish("a", "first")
        texts(messages, 1)
        for _ in range(20):
            start = time.perf_counter()
            other.publish("a", "x")
            texts(messages, 1)
            took.append(time.perf_counter() - start)
    assert sorted(took)[10] < 0.3  # and not when it is looked for, each second


def test_while_the_folder_cannot_be_written_the_worker_s_own_go_on(tmp_path, caplog):
    (tmp_path / "bus").write_text("no folder")
    bus = Bus(Log(tmp_path / "bus"))
    assert bus.publish("a", "x") == ""
    with pytest.raises(Unavailable):
        bus.subscribe("a")
    assert "messages to other workers" in caplog.text


def test_redis_may_go_away_and_come_back(start_redis):
    service = start_redis()
    one, other = (Bus(Stream(f"redis://127.0.0.1:{service.port}")) for _ in range(2))
    with one.subscribe("a") as here, other.subscribe("a") as there:
        service.stop()
        assert one.publish("a", "meanwhile") == ""
        assert texts(here, 1) == ["meanwhile"]
        service.start()
        wait_for(lambda: there.missed)
        one.publish("a", "again")
        assert texts(there, 1) == texts(here, 1) == ["again"]


def test_many_subscribers_are_told_apart(join):
    bus, found = join(), collections.Counter()
    subscriptions = [bus.subscribe(f"topic {number % 10}") for number in range(100)]
    for number in range(10):
        bus.publish(f"topic {number}", str(number))
    for number, subscription in enumerate(subscriptions):
        found[texts(subscription, 1)[0] == str(number % 10)] += 1
    assert found == {True: 100}


SITE = """
    app: {bus: BUS}
    url:
      order: {pattern: /order, handler: Function, kwargs: {function: shop.order(handler)}}
      orders: {pattern: /orders, handler: Function, kwargs: {function: shop.orders(handler)}}
"""
SHOP = """
from app import bus


def order(handler):
    return bus.publish("orders", {"id": handler.get_arg("id")})


def orders(handler):
    with bus.subscribe("orders", since=handler.get_arg("since", "")) as messages:
        yield "open "
        for message in messages:
            yield message.data + b" "
"""


@pytest.mark.parametrize("kind", ["none", "redis"])
def test_functions_tell_those_of_other_workers(serve, request, kind):
    url = "null" if kind == "none" else request.getfixturevalue("redis")
    server = serve(SITE.replace("BUS", f"'{url}'" if kind == "redis" else url), {"shop.py": SHOP}, workers=2)
    first = server.get("/order?id=0").text
    listeners = [_opened(server, path) for path in ["/orders", "/orders", "/orders", f"/orders?since={first}"]]
    for number in range(1, 20):
        server.get(f"/order?id={number}")
    wanted = b"".join(b'{"id":"%d"} ' % number for number in range(1, 20))
    assert [_read(answer, len(wanted)) for _, answer in listeners] == [wanted] * 4
    [connection.close() for connection, _ in listeners]


def _opened(server, path):
    connection = server.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.read(5) == b"open "
    return connection, answer


def _read(answer, size):
    found = b""
    while len(found) < size and (more := answer.read1(size - len(found))):
        found += more
    return found


def test_an_address_of_redis_that_is_none_is_a_mistake(site):
    client = site("app: {bus: 'http://x'}\nurl: {}")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert str(mistake).endswith("1:12: app.bus: should be the URL of Redis, as redis://localhost:6379/0")
