"""What a format is, and what it is given to write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.tables.columns import Column
from app.tables.source import Row

if TYPE_CHECKING:
    from app.handler import Handler

SINGLE = "data"
"""The name of the only dataset of a mount."""

ARGUMENTS = frozenset({"_chart", "_x", "_y", "_color", "_theme"})
"""Arguments that say what a chart shows."""


class Data(NamedTuple):
    """The answer of one dataset. The values of a row are Python's own for the kinds of the columns."""

    name: str
    columns: tuple[Column, ...]
    batches: Iterator[list[Row]]
    meta: Mapping[str, Any] = {}

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]


class Context(NamedTuple):
    """Who asks, and with what. `gramex` says that the mount is of a gramex.yaml: JSON is the original's then."""

    handler: "Handler"
    args: Mapping[str, Sequence[str]]
    gramex: bool = False

    def arg(self, name: str, default: str = "") -> str:
        """The last value of an argument that says something."""
        return next((value for value in reversed(self.args.get(name, ())) if value), default)


Write = Callable[[Sequence[Data], Context], Iterator[bytes]]


class Format(NamedTuple):
    """How datasets are written.

    `write` gives pieces of the body; it raises ValueError when it is called for what it cannot write. `attachment` is
    the name as which the answer is saved unless `_download` says another; empty, it is shown.
    """

    content_type: str
    extension: str
    write: Write
    attachment: str = ""
    headers: Mapping[str, str] = {}
    arguments: frozenset[str] = frozenset()
    """Arguments of a request that the format reads, and that are no columns for it."""


def is_single(datasets: Sequence[Data]) -> bool:
    """Whether there is one dataset without a name of its own, which is written plainly."""
    return len(datasets) == 1 and datasets[0].name == SINGLE
