"""The values that a column has, for lists from which people choose filters.

::

    url:
      choices:
        pattern: /choices
        handler: FilterHandler        # or Filter
        kwargs: {url: data/sales.csv}

    GET /choices?_c=city&_c=product&city=Oslo
    {"city": [{"city": "Bergen"}, {"city": "Oslo"}], "product": [{"product": "chair"}]}

Each `_c` is a list of its own, of the rows that pass the filters on other columns. `_c=a,b` gives the pairs that there
are, `_c=sales|range` the smallest and the largest value, `_c=sales|sum` an aggregate (reference: gramex.md §12).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from flask import Blueprint, Response, jsonify
from pydantic import Field

from app.handler import Handler
from app.mounts import Mount
from app.tables.columns import Column
from app.tables.query import Op
from blueprints.forms.datasets import SINGLE, Opened
from blueprints.forms.formats import PAGE, Format
from blueprints.forms.functions import Args
from blueprints.forms.results import Answered, together
from blueprints.forms.settings import Settings as Tables
from blueprints.forms.views import TablesView, varying, with_format_headers

_OTHERS = ("_c", "_by", "_offset", "_after", "_distinct", "_count")
"""Arguments that mean nothing for the values of a column."""

_SUFFIXES = tuple(sorted({op.text for op in Op}, key=len, reverse=True))


class Settings(Tables):
    """The datasets as FormHandler has them."""

    in_memory: bool = Field(False, description="Keep the whole table in memory until it changes")
    separator: str = Field(",", min_length=1, description="What stands between the columns of a pair")


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    bp = mount.blueprint()
    bp.after_request(with_format_headers)
    mount.route(bp, FilterView(mount), ("GET",))
    return bp


class FilterView(TablesView):
    """Answers with the values of columns; made once for a mount."""

    def _read(self, handler: Handler, args: Sequence[Args]) -> Response:
        settings = self.settings
        assert isinstance(settings, Settings)
        calls = [
            partial(one.read, own, handler, settings.in_memory) for one, own in zip(self.datasets, args, strict=True)
        ]
        opened = together(calls)
        lists = [each for one in opened for each in self._lists(one, settings.separator)]
        if not lists:
            return jsonify({})
        kind = self._kind(opened[-1].args, handler)
        return varying(self._data(lists, handler, "json" if kind == PAGE else kind))

    def _of_rows(self, answers: Sequence[Answered], handler: Handler, written: Format, args: Args) -> Response:
        """A list of a column named `data` has its name too, which a dataset of that name alone has not."""
        response = super()._of_rows(answers, handler, written, args)
        if [answer.name for answer in answers] == [SINGLE] and response.mimetype == "application/json":
            response.response = chain([b'{"data":'], response.iter_encoded(), [b"}"])
            response.headers.pop("Content-Length", None)
        return response

    def _lists(self, opened: Opened, separator: str) -> Iterator[Opened]:
        """What is asked for each `_c`, under the name of its list."""
        columns = opened.source.columns()
        for text in dict.fromkeys(filter(None, opened.args.get("_c", ()))):
            name = text if self.is_single else f"{opened.name}:{text}"
            yield replace(opened, name=name, args=asked(text, opened.args, columns, separator))


class _Part(NamedTuple):
    """A part of a `_c`: a column, or aggregates of it."""

    column: str
    aggregates: tuple[str, ...] = ()


def asked(text: str, args: Args, columns: Sequence[Column], separator: str = ",") -> Args:
    """The arguments of a query for the values that one `_c` names; for none, if it names no column."""
    names = {column.name for column in columns}
    parts = [_part(part, names) for part in ([text] if text in names else text.split(separator))]
    plain = [part.column for part in parts if not part.aggregates]
    aggregates = [aggregate for part in parts for aggregate in part.aggregates]
    own = {part.column for part in parts}
    kept = {name: values for name, values in args.items() if name not in _OTHERS and _filtered(name, names) not in own}
    not_null = {name: [""] for name in plain if name in names}
    shape = {"_by": plain or [""]} if aggregates else {"_distinct": ["y"]}
    nothing = {"_limit": ["0"]} if own.isdisjoint(names) else {}
    return {**kept, **not_null, **shape, **nothing, "_c": [*plain, *aggregates]}


def _part(text: str, names: set[str]) -> _Part:
    if text in names:
        return _Part(text)
    column, bar, function = text.rpartition("|")
    if not bar or column not in names:
        return _Part(text)
    return _Part(column, (f"{column}|min", f"{column}|max") if function.lower() == "range" else (text,))


def _filtered(arg: str, names: set[str]) -> str | None:
    """The column that an argument filters by."""
    if arg in names:
        return arg
    found = (arg.removesuffix(suffix) for suffix in _SUFFIXES if suffix and arg.endswith(suffix))
    return next((name for name in found if name in names), None)
