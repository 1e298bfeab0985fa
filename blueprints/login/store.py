"""Where sign-ins remember something: a table beside the attributes of users (`storelocations.user`)."""

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar

from app.state import Database
from app.state.tables import make_once


class Store:
    """A table, made at first use. `find` gives its database; it is called in a request."""

    create: ClassVar[str]
    """The SQL that makes the table unless it is there."""

    def __init__(self, find: Callable[[], Database]):
        self._find = find

    @cached_property
    def database(self) -> Database:
        """The database, with the table in it. Raises Unavailable while it is down."""
        found = self._find()
        make_once(found, self.create)
        return found
