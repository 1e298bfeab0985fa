"""The audit log: one row for each sign-in, sign-out and failure, in the table of `storelocations.userlog`.

::

    userlog.write("login", user)

A column is a key of the request log; those that the YAML adds too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from flask import Request, Response, current_app, has_request_context, request

from app.guards import log
from app.state.tables import TEXT, Table, located, plain

if TYPE_CHECKING:
    from app.application import Application

COLUMNS = ("event", "port", "uri", "name", "class", "datetime", "user", "ip", "browser")
"""The original's (reference: gramex.md §5)."""

KEYS = ("event", *(key for key in log.VALUES if key not in ("status", "size")))
"""What a column may be. There is no answer yet when an event is written down."""

_OF_THE_MOUNT = {"name": "name", "mount": "name", "class": "handler"}
"""Keys that the request log knows only when the answer is there, and the attributes of a mount for them."""

_LONGEST = 2000
"""Characters of a value: a client may send any as the name of a user, or of its browser."""


def write(event: str, user: str | Mapping[str, Any] | None = None, **extra: Any) -> None:
    """Write an event of a user down, durably: `login`, `logout`, `fail` and whatever else.

    `user` is an id or a mapping with an `id`; `extra` takes the place of what the request says. Raises Unavailable
    while the table's database is down.
    """
    log_table = table()
    given = {"event": event, **extra}
    row = {column: given[column] if column in given else _value(column, user) for column in log_table.columns}
    row = {column: None if value is None else plain(str(value))[:_LONGEST] for column, value in row.items()}
    log_table.database.write(lambda execute: log_table.insert(execute, row))


def table() -> Table:
    """The table of the site that is being served."""
    found = located("userlog", dict.fromkeys(COLUMNS, TEXT))
    found.make()
    return found


def _value(column: str, user: str | Mapping[str, Any] | None) -> Any:
    family, dot, name = column.partition(".")
    if family == "user":
        attributes = user if isinstance(user, Mapping) else {"id": user}
        return attributes.get(name if dot else "id")
    if not has_request_context():  # a command
        return datetime.now(UTC).isoformat(timespec="milliseconds") if column == "datetime" else None
    current: Request = request._get_current_object()  # type: ignore[attr-defined]  # a werkzeug proxy
    if column in _OF_THE_MOUNT:
        mount = cast("Application", current_app).mounts.get(current.blueprint or "")
        return getattr(mount, _OF_THE_MOUNT[column], "")
    value = log.FAMILIES[family](name) if dot else log.VALUES[column]
    return value(current, Response())
