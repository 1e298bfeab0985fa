"""Messages between whoever publishes and whoever listens: in a worker, between the workers of a host, between hosts.

::

    from app import bus

    bus.publish("sales", {"op": "insert", "ids": [7]})

    with bus.subscribe("sales", since=last_id) as messages:
        for message in messages:
            send(message.id, message.data)

Messages are JSON, encoded once. Everybody gets those of a topic in the same order, each once, with ids by which one
that was away goes on where it was. Workers of a host need nothing for it (`app.bus.host`); for several hosts there is
Redis::

    app:
      bus: redis://10.0.0.5:6379/0

Who reads slowly keeps nobody waiting: the oldest of its messages give way, and it is told that some are missing.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol, Self, cast

from flask import current_app

from app import offload
from app.json_provider import dumps
from app.state.database import Unavailable

log = logging.getLogger("skerry")

QUEUED = 1000
"""Messages that wait for a subscriber who is slow."""

_LOOK = 1.0
"""Seconds after which one looks for messages though nobody has said that there are any."""

_LOST = "skerry.lost"
"""The topic that tells everybody of lost messages."""

Position = tuple[int, int]
"""A place between two messages of all topics. Later ones are greater."""


class Message(NamedTuple):
    """What was published. `id` says where to go on after it."""

    id: str
    topic: str
    data: bytes


class Found(NamedTuple):
    """Messages after a place, the place after them, and whether some between are no longer kept."""

    messages: Sequence[Message]
    position: Position
    lost: bool = False


class Channel(Protocol):
    """What carries messages. Every method raises Unavailable while it is down."""

    def append(self, topic: str, data: bytes) -> str:
        """Publish; returns the message's id."""

    def end(self) -> Position:
        """The place after all messages."""

    def position(self, id: str) -> Position | None:
        """The place after a message; None for an id that is none, or too old."""

    def place(self, id: str) -> Position:
        """The same for the id of a message that was read."""

    def read(self, after: Position, wait: float = 0) -> Found:
        """Some of the messages after a place, waiting so many seconds for the first; none if there are no more."""


class Subscription:
    """The messages of a topic; iterate over it, or `get` them. Close it, or use it in a `with`.

    `missed` is set when messages were lost since it was last asked: who shows a state has to read it anew.
    """

    def __init__(self, bus: "Bus", topic: str, most: int):
        self._bus, self.topic = bus, topic
        self._messages: deque[Message] = deque()
        self.most = most
        self._arrived = threading.Event()
        self._missed = self._closed = False

    @property
    def missed(self) -> bool:
        """Whether messages were lost since this was asked before."""
        missed, self._missed = self._missed, False
        return missed

    def get(self, timeout: float | None = None) -> Message | None:
        """The next message; None after so many seconds without one, or when the subscription is closed."""
        until = inf if timeout is None else monotonic() + timeout
        while not self._messages and not self._closed and monotonic() < until:
            self._arrived.clear()
            if not self._messages and not self._closed:  # another thread may have been faster
                self._wait(until - monotonic())
        return self._messages.popleft() if self._messages else None

    def _wait(self, seconds: float) -> None:
        """Wait for a message. A thread looks by itself now and then: what wakes greenlets may not wake it."""
        seconds = min(seconds, _LOOK) if offload.in_thread() else seconds
        self._arrived.wait(None if seconds == inf else seconds)

    def __iter__(self) -> Iterator[Message]:
        while not self._closed:
            message = self.get()
            if message is not None:
                yield message

    def put(self, message: Message) -> None:
        """Have a message wait here, in place of the oldest if there are too many."""
        if len(self._messages) >= self.most:
            self._messages.popleft()
            self._missed = True
        self._messages.append(message)
        self._arrived.set()

    def begin(self, earlier: Sequence[Message]) -> None:
        """Have messages wait before all others."""
        self._messages.extendleft(reversed(earlier))
        while len(self._messages) > self.most:
            self._messages.popleft()
            self._missed = True

    def miss(self) -> None:
        """Note that messages were lost."""
        self._missed = True

    def close(self) -> None:
        """Get no more. What waits in `get` ends."""
        self._closed = True
        self._bus.leave(self)
        self._arrived.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Bus:
    """The messages of a site, as one worker publishes and gets them."""

    def __init__(self, channel: Channel):
        self._channel = channel
        self._topics: dict[str, set[Subscription]] = {}
        self._lock = threading.Lock()
        self._reached: Position | None = None
        """Up to where messages were delivered, once somebody listens."""
        self._owed = False
        """Whether messages have reached nobody but the subscribers of this worker."""

    def publish(self, topic: str, message: Any) -> str:
        """Send to all subscribers of a topic; returns the message's id. Raises ValueError for one that is too large.

        Bytes and text are sent as they are, all else as JSON. While what carries messages is down, they reach the
        subscribers of this worker, with an empty id; all others are told that they missed some as soon as it is back.
        """
        data = message.encode() if isinstance(message, str) else message
        data = data if isinstance(data, bytes) else dumps(data)
        try:
            id = self._channel.append(topic, data)
            self._settle()
        except Unavailable as error:
            log.warning("messages to other workers: %s", error.reason)
            id, self._owed = "", True
            with self._lock:
                self._hand_out(Message("", topic, data))
        return id

    def _settle(self) -> None:
        """Tell everybody if messages were lost."""
        if self._owed:
            self._channel.append(_LOST, b"")
            self._owed = False

    def subscribe(self, topic: str, since: str = "", most: int = QUEUED) -> Subscription:
        """The messages of a topic from now on, or those after the one with the id `since` too. Raises Unavailable.

        An id that is unknown or too old counts as messages lost.
        """
        subscription = Subscription(self, topic, most)
        reached = self._enter(subscription)
        if since:
            try:
                self._catch_up(subscription, since, reached)
            except BaseException:
                subscription.close()
                raise
        return subscription

    def _catch_up(self, subscription: Subscription, since: str, reached: Position) -> None:
        """Give it what was published after a message, and before it was entered."""
        position, earlier = self._channel.position(since), deque[Message](maxlen=subscription.most + 1)
        if position is None or position > reached:
            subscription.miss()
            return
        while position < reached:
            found = self._channel.read(position)
            position = found.position if found.messages or found.lost else reached
            before = (message for message in found.messages if self._channel.place(message.id) <= reached)
            earlier += (message for message in before if message.topic == subscription.topic)
            if found.lost:
                subscription.miss()
            offload.pause()
        subscription.begin(earlier)

    def leave(self, subscription: Subscription) -> None:
        """Deliver no more to a subscription."""
        with self._lock:
            others = self._topics.get(subscription.topic, set()) - {subscription}
            if others:
                self._topics[subscription.topic] = others
            else:
                self._topics.pop(subscription.topic, None)

    def _enter(self, subscription: Subscription) -> Position:
        """Deliver to a subscription from now on; up to where messages were delivered before."""
        with self._lock:
            if self._reached is None:
                self._reached = self._channel.end()
                threading.Thread(target=self._follow, name="skerry-bus", daemon=True).start()
            topic = subscription.topic
            self._topics[topic] = self._topics.get(topic, set()) | {subscription}
            return self._reached

    def _follow(self) -> None:
        """Deliver messages while there are subscribers. An outage is told once."""
        is_down = False
        while self._is_wanted():
            try:
                self._deliver(self._channel.read(cast(Position, self._reached), _LOOK))
                self._settle()
                is_down = False
            except Exception as error:
                if not is_down:
                    self._complain(error)
                is_down = True
                sleep(_LOOK)

    def _is_wanted(self) -> bool:
        """Whether there are subscribers; without any, the next one begins anew."""
        with self._lock:
            if not self._topics:
                self._reached = None
            return bool(self._topics)

    def _complain(self, error: Exception) -> None:
        if isinstance(error, Unavailable):
            log.warning("messages between workers: %s", error.reason)
        else:
            log.error("messages between workers could not be read", exc_info=error)

    def _deliver(self, found: Found) -> None:
        with self._lock:
            for message in found.messages:
                self._hand_out(message)
            if found.lost:
                self._miss()
            self._reached = found.position

    def _hand_out(self, message: Message) -> None:
        for subscription in self._topics.get(message.topic, ()):
            subscription.put(message)
        if message.topic == _LOST:
            self._miss()

    def _miss(self) -> None:
        for subscription in chain.from_iterable(self._topics.values()):
            subscription.miss()


@cache
def connect(url: str | None, folder: Path) -> Bus:
    """The messages of a site whose state is in a folder: the same for every caller of this worker."""
    if url is None:
        from app.bus.host import Log

        return Bus(Log(folder / "bus"))
    from app.bus.stream import Stream

    return Bus(Stream(url))


def current() -> Bus:
    """The messages of the site that is being served."""
    site = cast(Any, current_app).site
    return connect(site.app.bus, site.config.folder / "var")


def publish(topic: str, message: Any) -> str:
    """See Bus."""
    return current().publish(topic, message)


def subscribe(topic: str, since: str = "", most: int = QUEUED) -> Subscription:
    """See Bus."""
    return current().subscribe(topic, since, most)
