"""The answers of a request's datasets: their rows, what `modify` makes of them, and the links to the pages around.

A page that the request asks for is fetched with one row more than it has, which says whether there is a next page.
Everything else is a stream, of which nobody knows the end.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from app import offload
from app.handler import Handler
from app.tables import grammar
from app.tables.columns import Column
from app.tables.grammar import Query
from app.tables.query import DEFAULT_LIMIT, Op
from app.tables.source import Result, Row
from blueprints.forms.datasets import Opened
from blueprints.forms.functions import Modify

T = TypeVar("T")
PAGE = 1000
"""Rows of a page that is fetched as a whole."""


@dataclass
class Answered:
    """The answer of one dataset: rows, or the `value` that a function has made in place of them."""

    opened: Opened
    query: Query
    columns: tuple[Column, ...]
    batches: Iterator[list[Row]]
    close: Callable[[], None]
    count: int | None = None
    is_whole: bool = False
    """Whether all rows are there already."""
    row: Row | None = None
    """The only row of a request that names one by its key."""
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    """next and prev: the arguments that differ there."""
    value: Any = None
    is_value: bool = False

    @property
    def name(self) -> str:
        """That of the dataset."""
        return self.opened.name

    def meta(self) -> dict[str, Any]:
        """What was understood."""
        return grammar.meta(self.query, self.count)


def parsed(opened: Opened, passed: Collection[str]) -> Query:
    """What the dataset is asked. `passed` are groups of the path, which need not be columns. Raises BadValue."""
    columns = opened.source.columns()
    names = {column.name for column in columns}
    others = [name for name in passed if name not in names]
    query = grammar.parse(opened.args, columns, opened.settings.strict, others, opened.settings.id)
    return replace(query, count=True) if any(opened.args.get("_meta", ())) and not query.count else query


def answered(opened: Opened, query: Query, handler: Handler) -> Answered:
    """The rows, of which the first are awaited, so that a query that fails is no success; after `modify`, all.

    Raises BadValue, Missing, Down, TooLong, and what `modify` raises.
    """
    size = _page_size(opened, query)
    asked = query if size is None else _with_limit(query, size + 1)
    result = opened.source.run(asked, opened.settings.timeout)
    try:
        answer = _of(opened, query, result, size)
        modify = opened.settings.modify
        return answer if modify is None else modified(answer, modify, handler)
    except BaseException:
        result.close()
        raise


def _of(opened: Opened, query: Query, result: Result, size: int | None) -> Answered:
    answer = Answered(opened, query, result.columns, result.batches(), result.close, result.count)
    if size is None:
        answer.is_whole = result.is_complete
        return answer
    rows = [row for batch in answer.batches for row in batch]
    result.close()
    answer.batches, answer.is_whole = iter([rows[:size]] if rows else []), True
    answer.links = _links(query, rows, size)
    if len(rows) == 1 and _names_one_row(opened, query):
        answer.row = rows[0]
    return answer


@lru_cache(maxsize=512)
def _with_limit(query: Query, limit: int) -> Query:
    """The query with another limit: `replace` takes as long as SQLite for ten rows."""
    return replace(query, limit=limit)


def _page_size(opened: Opened, query: Query) -> int | None:
    """How many rows a request has that is to be answered as a page; None for a stream."""
    limit = query.limit
    if limit is None:
        return None
    if query.after is not None:
        return limit if limit <= DEFAULT_LIMIT else None
    if _names_one_row(opened, query):
        return min(limit, PAGE)
    return limit if limit <= PAGE else None


def _links(query: Query, rows: Sequence[Row], size: int) -> dict[str, dict[str, str]]:
    links: dict[str, dict[str, str]] = {}
    if len(rows) > size > 0:
        token = grammar.links(query, rows[size - 1])
        if token is not None:
            links["next"] = {"_after": token}
        elif query.after is None:
            links["next"] = {"_offset": str(query.offset + size)}
    if query.offset and query.after is None:
        links["prev"] = {"_offset": str(max(0, query.offset - size))}
    return links


def _names_one_row(opened: Opened, query: Query) -> bool:
    """Whether the filters are one value for each of the columns that tell rows apart, and all columns are shown."""
    key = set(opened.settings.id)
    named = {one.column for one in query.filters if one.op is Op.EQUAL and len(one.values) == 1}
    return bool(key) and key <= named and query.by is None and "_c" not in opened.args and not query.distinct


def modified(answer: Answered, modify: Modify, handler: Handler) -> Answered:
    """The answer after the function: rows if it returns a DataFrame, and anything else as it is."""
    from app.tables.files.frames import to_frame

    frame = to_frame(answer.columns, answer.batches)
    answer.close()
    return with_value(answer, modify(data=frame, key=answer.name, handler=handler))


def with_value(answer: Answered, value: Any) -> Answered:
    """The answer with what a function made of it."""
    if not is_frame(value):
        return replace(answer, value=value, is_value=True, row=None)
    from app.tables.files.frames import to_data

    columns, batches = to_data(value)
    return replace(answer, columns=tuple(columns), batches=iter(batches), row=None, is_whole=True)


def modified_together(answers: Sequence[Answered], modify: Modify, handler: Handler) -> list[Answered] | Any:
    """All answers after the function of the mount, which sees a dict of DataFrames: answers, or what it returns."""
    from app.tables.files.frames import to_frame

    frames = {
        answer.name: answer.value if answer.is_value else to_frame(answer.columns, answer.batches) for answer in answers
    }
    for answer in answers:
        answer.close()
    value = modify(data=frames, key=None, handler=handler)
    if not isinstance(value, Mapping) or not all(map(is_frame, value.values())):
        return [with_value(answers[-1], value)] if is_frame(value) else value
    known = {answer.name: answer for answer in answers}
    return [_named(known.get(name, answers[-1]), str(name), frame) for name, frame in value.items()]


def _named(answer: Answered, name: str, frame: Any) -> Answered:
    return with_value(replace(answer, opened=replace(answer.opened, name=name)), frame)


class NoRows(Exception):
    """A function has made something else than rows, the `value`."""

    def __init__(self, value: Any):
        super().__init__("modify gives no rows")
        self.value = value


def modified_run(opened: Opened, handler: Handler, query: Query, timeout: float) -> Result:
    """The source's answer after `modify`. Raises NoRows, and what the source raises."""
    result = opened.source.run(query, timeout)
    modify = opened.settings.modify
    if modify is None or query.limit == 0:  # it is only to be counted
        return result
    answer = Answered(opened, query, result.columns, result.batches(), result.close, result.count)
    changed = modified(answer, modify, handler)
    if changed.is_value:
        raise NoRows(changed.value)
    return Rows(changed.columns, changed.batches, changed.count)


class Rows:
    """Rows that are there already. See `app.tables.source.Result`."""

    is_complete = True

    def __init__(self, columns: tuple[Column, ...], batches: Iterator[list[Row]], count: int | None):
        self.columns, self.count, self._batches = columns, count, batches

    def batches(self) -> Iterator[list[Row]]:
        """See Result."""
        return self._batches

    def close(self) -> None:
        """See Result."""


def records(answer: Answered) -> list[dict[str, Any]]:
    """The rows as objects."""
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for batch in answer.batches for row in batch]


def is_frame(value: Any) -> bool:
    """Whether a value is a DataFrame or a Series of pandas, which is not loaded for that."""
    kind = type(value)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in ("DataFrame", "Series")


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls return; under gevent they wait for their sources at the same time.

    Raises the first error, and closes the answers of the others.
    """
    if len(calls) == 1:
        return [calls[0]()]
    outcomes = _at_once(calls) if offload.cooperative() else list(map(_outcome, calls))
    errors = [error for _, error in outcomes if error is not None]
    if errors:
        for value, _ in outcomes:
            if isinstance(value, Answered):
                value.close()
        raise errors[0]
    return [cast(T, value) for value, _ in outcomes]


def _at_once(calls: Sequence[Callable[[], T]]) -> list[tuple[T | None, Exception | None]]:
    import gevent

    greenlets = [gevent.spawn(copy_context().run, _outcome, call) for call in calls]
    try:
        gevent.joinall(greenlets)
    except BaseException:
        gevent.killall(greenlets)
        raise
    return [greenlet.get() for greenlet in greenlets]


def _outcome(call: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """What a call gives, or its error as a value: gevent prints those that leave a greenlet."""
    try:
        return call(), None
    except Exception as error:
        return None, error
