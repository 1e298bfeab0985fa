"""`gramex.data`: queries over tables. Changing them is not there yet."""

from collections.abc import Iterable, Mapping, MutableMapping
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
    import pandas

    source = sources.opened(str(url), table, **options)
    query = grammar.parse({name: _texts(values) for name, values in (args or {}).items()}, source.columns())
    result = source.run(query, _TIMEOUT)
    try:
        rows = [row for batch in result.batches() for row in batch]
    finally:
        result.close()
    if meta is not None:
        meta.update(grammar.meta(query))
    return pandas.DataFrame(rows, columns=[column.name for column in result.columns])


def _texts(values: Any) -> list[str]:
    listed: Iterable[Any] = values if isinstance(values, list | tuple) else [values]
    return [str(value) for value in listed]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "there is filter; to change tables, use a database's own package")
