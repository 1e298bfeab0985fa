"""Where sign-ins remember something: a table beside the attributes of users (`storelocations.user`)."""

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar

from app.state import Conflict, Database


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
        try:
            found.write(lambda execute: execute(self.create))
        except Conflict:
            pass  # PostgreSQL says so when another worker makes it at the same moment
        return found
