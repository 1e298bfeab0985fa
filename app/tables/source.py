"""What answers queries on a table: a database, a file, whatever implements `Source`.

    with contextlib.closing(source.run(parse(args, source.columns()), timeout=30)) as result:
        for rows in result.batches():
            ...

The values of a row are Python's own for the `kind` of their columns. Any of the three errors may also come while
batches are read.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from app.tables.columns import Column
from app.tables.query import Query

Row = tuple[Any, ...]


class Missing(Exception):
    """The table, its file or one of its columns is not there, or no longer."""


class Down(Exception):
    """The source does not answer for the moment; it may soon."""


class Unreadable(Down):
    """A file is not what its name says, or damaged; the text names its line where that is known.

    It stays so until somebody changes the file, which is then read again.
    """


class TooLong(Exception):
    """The query took longer than its timeout, and was cancelled in the engine."""


class Result(Protocol):
    """The answer to a query. Whoever got it closes it, which also stops what the engine still does for it."""

    columns: tuple[Column, ...]
    count: int | None
    """The number of rows before the limit, if the query asked for it."""

    @property
    def is_complete(self) -> bool:
        """Whether all rows have been fetched; if so before the first batch, that is the only one."""

    def batches(self) -> Iterator[list[Row]]:
        """Lists of rows, once, at constant memory. Raises Missing, Down, TooLong."""

    def close(self) -> None:
        """Cancel what is running and let go of the connection. May be called from another greenlet, and again."""


class Source(Protocol):
    """A table that can be queried."""

    def columns(self) -> tuple[Column, ...]:
        """Its columns in order. Raises Missing, Down."""

    def run(self, query: Query, timeout: float) -> Result:
        """The answer, once its first rows are there. Raises BadValue, Missing, Down, TooLong.

        `timeout` is in seconds, for everything up to the first rows and again for each further batch: a client that
        reads slowly does not count.
        """

    def state(self) -> str | None:
        """A text that changes whenever the table may have, or None if there is no cheap one."""
