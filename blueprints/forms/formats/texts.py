"""Arguments of the request in the texts of a format's options: `title: Sales of {city}`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from blueprints.forms.formats.format import Context, Data

CHARTED = 10_000
"""Rows of a chart."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

_EXPRESSIONS = frozenset({"calculate", "expr", "expression", "filter", "init", "labelExpr", "signal", "test", "update"})
"""Keys of Vega whose texts are code. An argument there is a name or a number, and cannot add code of its own."""

_HARMLESS = re.compile(r"[\w .:%#|-]*")


def filled(value: Any, context: Context, key: str = "") -> Any:
    """The value with arguments in place of `{name}` in all its texts. Raises ValueError for one that is not there."""
    if isinstance(value, Mapping):
        return {name: filled(item, context, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, context, key) for item in value]
    if not isinstance(value, str):
        return value
    return _PLACEHOLDER.sub(lambda found: _argument(found[1], context, key in _EXPRESSIONS), value)


def placeholders(value: Any) -> frozenset[str]:
    """The names of the arguments that `filled` needs."""
    if isinstance(value, Mapping):
        return frozenset().union(*map(placeholders, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(placeholders, value))
    return frozenset(_PLACEHOLDER.findall(value)) if isinstance(value, str) else frozenset()


def _argument(name: str, context: Context, in_code: bool) -> str:
    if name not in context.args:
        raise ValueError(f"this format needs the argument {name!r}: add &{name}=...")
    value = context.arg(name)
    if in_code and not _HARMLESS.fullmatch(value):
        raise ValueError(f"{name}: {value!r} may have letters, digits, spaces and . : % # | - here")
    return value


class Named(Protocol):
    """A dataset in some form."""

    @property
    def name(self) -> str:
        """Its name."""


N = TypeVar("N", bound=Named)


def picked(datasets: Sequence[N], name: str | None) -> N:
    """The dataset of that name, or the first. Raises ValueError."""
    found = next((data for data in datasets if name in (None, data.name)), None)
    if found is None:
        raise ValueError(f"there is no dataset {name!r}: there are {', '.join(data.name for data in datasets)}")
    return found


def bounded(data: Data, limit: int = CHARTED) -> Data:
    """The data in one batch. Raises ValueError for more rows than a chart has."""
    rows = []
    for batch in data.batches:
        rows += batch
        if len(rows) > limit:
            raise ValueError(f"a chart has at most {limit:,} rows: filter, group by _by=, or add _limit={limit}")
    return data._replace(batches=iter([rows]))
