"""`gramex.data`: queries over tables. Changing them is not there yet."""

from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from app.compat import missing
from app.tables import grammar, sources

if TYPE_CHECKING:
    import pandas

__all__ = ["filter"]

_TIMEOUT = 30.0
"""Seconds after which a query is cancelled."""


def filter(
    url: str,
    args: Mapping[str, Any] | None = None,
    meta: MutableMapping[str, Any] | None = None,
    table: str | None = None,
    **options: Any,
) -> "pandas.DataFrame":
    """The rows of a file or of a database's table that the arguments ask for (docs/forms.md), as a DataFrame.

    `meta` is told what was understood. `options` are those of files: sep, encoding, sheet. Raises ValueError for bad
    arguments.
    """
    from app.tables.files.frames import to_frame

    source = sources.opened(str(url), table, **options)
    query = grammar.parse({name: _texts(values) for name, values in (args or {}).items()}, source.columns())
    with closing(source.run(query, _TIMEOUT)) as result:
        frame = to_frame(result.columns, result.batches())
    if meta is not None:
        meta.update(grammar.meta(query))
    return frame


def _texts(values: Any) -> list[str]:
    listed: Iterable[Any] = values if isinstance(values, list | tuple) else [values]
    return [str(value) for value in listed]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "there is filter; to change tables, use a database's own package")
