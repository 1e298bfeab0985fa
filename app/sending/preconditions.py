"""Conditional requests (RFC 9110 §13) as functions of plain values.

A request is given as its WSGI environ, of which only the `HTTP_` fields are read, so that these rules need neither a
server nor Flask.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from werkzeug.http import parse_date

_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Validators(NamedTuple):
    """What identifies the current state of a representation: a quoted entity tag, and whole seconds since 1970."""

    etag: str
    last_modified: int | None = None


def verdict(method: str, environ: Mapping[str, Any], current: Validators) -> int:
    """The status that the request's preconditions ask for: 200 to go on, 304 or 412. The order is RFC 9110 §13.2.2."""
    if (tags := environ.get("HTTP_IF_MATCH")) is not None:
        if not _lists(tags, current.etag, weakly=False):
            return 412
    elif _modified_since(environ.get("HTTP_IF_UNMODIFIED_SINCE"), current) is True:
        return 412
    reading = method in ("GET", "HEAD")
    if (tags := environ.get("HTTP_IF_NONE_MATCH")) is not None:
        if _lists(tags, current.etag, weakly=True):
            return 304 if reading else 412
    elif reading and _modified_since(environ.get("HTTP_IF_MODIFIED_SINCE"), current) is False:
        return 304
    return 200


def range_applies(environ: Mapping[str, Any], current: Validators) -> bool:
    """Whether If-Range, if present, names the very same state: never by a weak tag or another date (§13.1.5)."""
    if_range = environ.get("HTTP_IF_RANGE")
    if if_range is None:
        return True
    if '"' in if_range:
        return bool(if_range.strip() == current.etag and not current.etag.startswith("W/"))
    return current.last_modified is not None and _seconds(if_range) == current.last_modified


def _lists(tags: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags names this one; strong comparison accepts no weak tag (§8.8.3.2)."""
    if tags.strip() == "*":
        return True
    weak, opaque = etag.startswith("W/"), etag.removeprefix("W/")[1:-1]
    return any(
        listed == opaque and (weakly or not (weak or listed_weak)) for listed_weak, listed in _ENTITY_TAG.findall(tags)
    )


def _modified_since(date: str | None, current: Validators) -> bool | None:
    """None when there is nothing to compare: no date, not a valid one, or no Last-Modified (§13.1.3, §13.1.4)."""
    if date is None or current.last_modified is None:
        return None
    seconds = _seconds(date)
    return None if seconds is None else current.last_modified > seconds


def _seconds(date: str) -> int | None:
    try:
        moment = parse_date(date)
        return None if moment is None else int(moment.timestamp())
    except OverflowError:  # a year or an hour beyond what fits a C int
        return None
