"""`ratelimit:` lets so many requests through, and answers 429 to those beyond.

::

    ratelimit: {keys: [daily, user], limit: 1000}
    ratelimit:
      - {pool: reports, keys: hourly ip, limit: 100}    # mounts that name the same pool share its counts
      - {pool: reports, keys: [monthly, user.team], limit: {function: plans.limit(handler)}}
      - keys:
          - {function: handler.get_arg("city"), expiry: 60}
          - {key: '"hourly" if handler.current_user else "daily"'}
        limit: 10

Only what is answered with a status below 400 counts. A request takes its place before the view and gives it back if the
answer is an error, so that a limit is exact however many requests come at once, to however many workers.

Counting is done by `app.state.counters` on storages of `limits`, the package beneath flask-limiter, and not by
flask-limiter itself: it counts a request at its start and for good, or else (`deduct_when`) after an answer that other
requests have meanwhile been given too; its windows are a number of seconds, not months or calendar days; and its hooks
run for every request of the site, limited or not. Mounts without limits import neither.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any

from flask import Blueprint, Request, Response, request
from flask.blueprints import BlueprintSetupState
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PrivateAttr, RootModel, Tag, model_validator
from werkzeug.exceptions import TooManyRequests

from app import expressions, ratelimit, request_id, session
from app import settings as base
from app.expressions import Call
from app.guards import log as request_log
from app.handler import Handler
from app.membership import attribute
from app.mistakes import did_you_mean
from app.mounts import Mount
from app.ratelimit import Usage, Use
from app.state import counters
from app.state.counters import Counters, Taken, Want
from app.state.database import Unavailable

log = logging.getLogger("skerry")

NEVER = 100 * 365.25 * 86400
"""Seconds until a count begins anew that has no period (reference: gramex.md §4)."""


class Period:
    """A period of the calendar, UTC: its name is the key's value, and its end that of the count."""

    def __init__(self, form: str, start: Callable[[datetime], datetime], after: timedelta):
        self._form, self._start, self._after = form, start, after
        self._known = ("", 0.0, 0.0)

    def __call__(self, at: float) -> tuple[str, float]:
        """The name of the period around a time, and its end."""
        name, start, end = self._known
        if not start <= at < end:
            name, start, end = self._known = self._around(datetime.fromtimestamp(at, UTC))
        return name, end

    def _around(self, time: datetime) -> tuple[str, float, float]:
        start = self._start(time.replace(minute=0, second=0, microsecond=0))
        return start.strftime(self._form), start.timestamp(), self._start(start + self._after).timestamp()


PERIODS = {
    "hourly": Period("%Y-%m-%d %H", lambda time: time, timedelta(hours=1)),
    "daily": Period("%Y-%m-%d", lambda time: time.replace(hour=0), timedelta(days=1)),
    "weekly": Period("%G-W%V", lambda time: time.replace(hour=0) - timedelta(days=time.weekday()), timedelta(days=7)),
    "monthly": Period("%Y-%m", lambda time: time.replace(hour=0, day=1), timedelta(days=31)),
    "yearly": Period("%Y", lambda time: time.replace(hour=0, day=1, month=1), timedelta(days=366)),
}
"""The longest month or year after its start it is the next one, whose start is the end of this one."""

_LATER = frozenset(("status", "duration", "size", "error"))
"""Keys of the log that nobody knows before the answer."""

_VALUES: dict[str, Callable[[Request], Any]] = {
    "user": lambda _: attribute(session.current_user(), "id"),
    "session": lambda _: session.current()["id"],
}
_NAMES = (*PERIODS, *(name for name in request_log.VALUES if name not in _LATER))


def _known(name: str) -> str:
    family, dot, _ = name.partition(".")
    if name in _LATER:
        raise ValueError(f"{name!r} is not known before the request is answered")
    if name not in _NAMES and not (dot and family in request_log.FAMILIES):
        raise ValueError(f"there is no key {name!r}{did_you_mean(name, _NAMES)}")
    return name


def _compiles(value: Any) -> Any:
    if isinstance(value, str):
        expressions.compiled(value, Call.names)
    return value


class FunctionKey(Call):
    """A key by an expression over `handler`."""

    expiry: Annotated[Annotated[float, Field(ge=1)] | str | None, AfterValidator(_compiles)] = Field(
        None, description="Seconds until its count begins anew, a number or an expression; never unless set"
    )
    _seconds: expressions.Expression | None = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        """Compile what is an expression."""
        super().model_post_init(context)
        self._seconds = expressions.Expression(self.expiry, self.names) if isinstance(self.expiry, str) else None

    def seconds(self, handler: Handler) -> float:
        """How long the count lasts: what an expression has let go by already is a second."""
        return max(1.0, float(self._seconds(handler=handler))) if self._seconds else float(self.expiry or NEVER)


class PeriodKey(base.Settings):
    """A period that an expression over `handler` names for each request."""

    key: Annotated[str, AfterValidator(_compiles)] = Field(description="Expression that gives the name of a period")
    _name: expressions.Expression = PrivateAttr()

    def model_post_init(self, _context: Any) -> None:
        """Compile the expression."""
        self._name = expressions.Expression(self.key, Call.names)

    def period(self, handler: Handler) -> Period:
        """The period; raises ValueError where the expression names none."""
        name = self._name(handler=handler)
        if name not in PERIODS:
            raise ValueError(f"ratelimit: {self.key!r} gives {name!r}, which is not one of {', '.join(PERIODS)}")
        return PERIODS[name]


_BY_NAME, _BY_FUNCTION, _BY_PERIOD = "a name", "a function", "a period"


def _kind(value: Any) -> str:
    """Which kind of key it is: a name, or a mapping with `key` or with `function`."""
    if isinstance(value, Mapping):
        return _BY_PERIOD if "key" in value and "function" not in value else _BY_FUNCTION
    return _BY_NAME


Key = Annotated[
    Annotated[str, AfterValidator(_known), Tag(_BY_NAME)]
    | Annotated[FunctionKey, Tag(_BY_FUNCTION)]
    | Annotated[PeriodKey, Tag(_BY_PERIOD)],
    Discriminator(_kind),
]


def _as_keys(value: Any) -> Any:
    """Text as the words in it, and one key as a list of one; `{key: daily}` is `daily`."""
    keys: Any = base.split_words(value) if isinstance(value, str) else base.as_list(value)
    if not keys:
        raise ValueError(f"should name at least one key: {', '.join(PERIODS)}, user, ip ...")
    return [key["key"] if _kind(key) == _BY_PERIOD and key["key"] in PERIODS else key for key in keys]


Allowed = Annotated[
    Annotated[int, BeforeValidator(base.a_number), Field(ge=0), Tag("a number")] | Annotated[Call, Tag("a function")],
    Discriminator(lambda value: "a function" if isinstance(value, Mapping) else "a number"),
]


class Limit(base.Settings):
    """One limit: how many requests, for each value of the keys."""

    pool: str | None = Field(
        None, description="Mounts that name the same pool share its counts; the pattern unless set"
    )
    keys: Annotated[tuple[Key, ...], BeforeValidator(_as_keys, Key | tuple[Key, ...])] = Field(
        description="What is counted apart: hourly, daily, weekly, monthly, yearly; user, ip or any key of the log; "
        "{function, expiry}, {key}"
    )
    limit: Allowed = Field(description="How many requests: a number, or {function} with `handler`")


class Settings(RootModel[list[Limit]]):
    """A limit, or a list of limits which all have to allow a request."""

    @model_validator(mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if value == []:
            raise ValueError("should have a limit: `false` is for none")
        return base.as_list(value)


class Reached(TooManyRequests):
    """A limit does not allow the request."""

    def __init__(self, usage: Usage):
        super().__init__(f"the limit of {usage.want.limit} requests is reached", retry_after=usage.expiry)
        self._usage = usage

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Those of every 429, and what the client is told of the limit."""
        return [*super().get_headers(*args, **kwargs), *self._usage.headers()]


class Asked:
    """A request that asks for a place, and when; its `handler` is made only if an expression wants it."""

    def __init__(self, request: Request, mount: Mount):
        self.request, self.mount, self.at = request, mount, counters.now()

    @cached_property
    def handler(self) -> Handler:
        """The request as functions see it."""
        return Handler(self.mount, self.request.view_args)


Value = Callable[[Asked], tuple[Any, float]]
"""The value of a key for a request, and when its count begins anew."""


class Rule:
    """A limit of a mount."""

    def __init__(self, limit: Limit, mount: Mount):
        self._pool, self._limit = limit.pool or mount.pattern, limit.limit
        self._values = [_value(key) for key in limit.keys]

    def want(self, asked: Asked) -> Want:
        """The place that a request needs."""
        values, expires = [], asked.at + NEVER
        for read in self._values:
            value, end = read(asked)
            values.append(value)
            expires = min(expires, end)
        limit = self._limit if isinstance(self._limit, int) else int(self._limit(handler=asked.handler))
        return Want(ratelimit.key_of(self._pool, values), limit, expires)


def _value(key: str | FunctionKey | PeriodKey) -> Value:
    if isinstance(key, FunctionKey):
        return lambda asked: (key(handler=asked.handler), asked.at + key.seconds(asked.handler))
    if isinstance(key, PeriodKey):
        return lambda asked: key.period(asked.handler)(asked.at)
    if key in PERIODS:
        period = PERIODS[key]
        return lambda asked: period(asked.at)
    read = _VALUES.get(key) or _of_user(key) or _of_log(key)
    return lambda asked: (read(asked.request), asked.at + NEVER)


def _of_user(key: str) -> Callable[[Request], Any] | None:
    """`user.x.y`: an attribute of the user, or of a mapping in it."""
    family, _, path = key.partition(".")
    return (lambda _: attribute(session.current_user(), path)) if family == "user" else None


def _of_log(key: str) -> Callable[[Request], Any]:
    family, _, name = key.partition(".")
    value = request_log.VALUES[key] if key in request_log.VALUES else request_log.FAMILIES[family](name)
    nothing = Response()  # the answer, which none of these keys looks at
    return lambda request: value(request, nothing)


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Take a place in each counter before the view; the answer decides whether it is kept."""
    rules = [Rule(limit, mount) for limit in settings.root]
    store: Counters

    @bp.record_once
    def connect(state: BlueprintSetupState) -> None:
        nonlocal store
        store = ratelimit.store(state.app)

    @bp.before_request
    def take() -> None:
        asked = Asked(request._get_current_object(), mount)  # type: ignore[attr-defined]  # a werkzeug proxy
        wants = _without_repeats([rule.want(asked) for rule in rules])
        use = Use(wants, _taken(store, wants, asked.at))
        ratelimit.begin(asked.request.environ, use)
        if not use.places:
            raise Reached(use.least)

    @bp.after_request
    def tell(response: Response) -> Response:
        use = ratelimit.of(request.environ)
        if use is not None and use.places:
            if response.status_code < 400:
                response.headers.extend(use.least.headers())
            else:
                _give_back(store, use)
        return response


def _taken(store: Counters, wants: list[Want], at: float) -> Taken:
    try:
        return store.take(wants, at)
    except Unavailable as error:
        _complain(error)
        raise


def _give_back(store: Counters, use: Use) -> None:
    places, use.places = use.places, []
    try:
        store.give_back(places)
    except Unavailable as error:  # the answer is there; it stays counted
        _complain(error)


def _complain(error: Unavailable) -> None:
    log.warning("%s: rate limits: %s", request_id.of(request.environ), error.reason)


def _without_repeats(wants: list[Want]) -> list[Want]:
    """The wants, for each counter that with the lowest limit: limits with the same pool and keys count together."""
    if len(wants) == 1:
        return wants
    lowest: dict[str, Want] = {}
    for want in sorted(wants, key=lambda want: want.limit, reverse=True):
        lowest[want.key] = want
    return list(lowest.values())
