"""What goes wrong with tables -> the statuses that say so."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    GatewayTimeout,
    HTTPException,
    InternalServerError,
    NotFound,
    PreconditionFailed,
)

from app import offload
from app.handler import HTTPError
from app.state.database import Unavailable
from app.tables import source
from app.tables.edits import transactions


@contextmanager
def answered(found_by_request: bool) -> Iterator[None]:
    """Raise the HTTPException for what goes wrong inside.

    A table that is not there is a 404 where the request says which it is, and a 503 where the YAML does.
    """
    try:
        yield
    except HTTPException:
        raise
    except Exception as error:
        meant = _meant(error, found_by_request)
        if meant is None:
            raise
        raise meant from error


def _meant(error: Exception, found_by_request: bool) -> HTTPException | None:
    said = str(error)
    match error:
        case source.Unreadable():
            return InternalServerError(said)
        case source.Missing() if found_by_request:
            return NotFound("there is no such table here")
        case source.Missing() | source.Down():
            return Unavailable("the table", error)  # what databases say names hosts and SQL: it is for the log
        case source.TooLong() | offload.Deadline():
            return GatewayTimeout("the query took longer than it may: ask for less, or raise `timeout`")
        case transactions.Conflict():
            return Conflict(said)
        case transactions.Refused():
            return Forbidden(said)
        case transactions.Outdated():
            return PreconditionFailed(said)
        case transactions.Full() | OSError(errno=errno.ENOSPC):
            return HTTPError(507, "there is no room left on the disk: nothing was changed")
        case ValueError():  # BadValue among them, and what a function of the site says is wrong (gramex.md §9)
            return BadRequest(said)
    return None
