"""Pages that begin after a row instead of at an offset: `_after`, for keyset pagination.

    ?_sort=-day&_limit=100&_after=            the first page, whose answer has a link to the next
    ?_sort=-day&_limit=100&_after=WyJkYX...   the rows after the last one of it

Rows that come and go meanwhile move no other ones between pages, and a page far down costs no more than the first one.
For that the order must tell all rows apart, so ties of the sort are broken by the key of the table. The token is the
sort and the values of the row: it needs no signature, as whoever makes one up could write a filter as well.
"""

import base64
import json
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.tables.columns import BadValue, Column, Kind, Value, convert
from app.tables.query import After, Query, Sort
from app.tables.source import Row


def paged(query: Query, args: Mapping[str, Sequence[str]], columns: Sequence[Column], key: Sequence[str] = ()) -> Query:
    """The query, with the whole order and its beginning if `_after` asks for them. Raises BadValue.

    `key` names columns that tell all rows apart; by default they are those of the table's own key.
    """
    if "_after" not in args:
        return query
    text = next(iter(args["_after"]), "")
    kinds = dict(_kinds(query, columns))
    own = [column.name for column in columns if column.key]
    sorts = tuple(_ordered(query, [name for name in key if name in kinds] or own, text))
    if not sorts:  # one row for all: there is none after it
        return query
    after = After(tuple(kinds[_source(sort)] for sort in sorts))
    return replace(query, sort=sorts, after=replace(after, values=_values(text, sorts, after.kinds)))


def token(query: Query, last_row: Row) -> str | None:
    """What `_after` takes for the rows after this one; None if the query is no page by `_after`, or the row cannot say.

    It cannot if a column of the order is not in the answer, or has a value that no request could write.
    """
    if query.after is None:
        return None
    cells = dict(zip(_names(query), last_row, strict=True))
    try:
        texts = [_text(cells[sort.name], kind) for sort, kind in zip(query.sort, query.after.kinds, strict=True)]
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    written = json.dumps([_signs(query.sort), texts], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _ordered(query: Query, key: Sequence[str], text: str) -> Iterator[Sort]:
    """What the query sorts by, and then what tells its rows apart."""
    yield from query.sort
    if query.by is not None:
        ties: Sequence[str] = [group.name for group in query.by]
    else:
        ties = query.columns if query.distinct else key
        if not ties:
            raise BadValue("_after", text, "possible here: the table has no key")
    sorted_by = {sort.name for sort in query.sort}
    yield from (Sort(name) for name in ties if name not in sorted_by)


def _kinds(query: Query, columns: Sequence[Column]) -> Iterator[tuple[object, Kind]]:
    """The kinds of all that can be sorted by."""
    yield from ((column.name, column.kind) for column in columns)
    yield from ((group.name, group.kind) for group in query.by or ())
    yield from ((sort.aggregate, sort.aggregate.kind) for sort in query.sort if sort.aggregate)


def _source(sort: Sort) -> object:
    return sort.aggregate or sort.name


def _names(query: Query) -> tuple[str, ...]:
    """The names of the answer's columns."""
    if query.by is None:
        return query.columns
    return *(group.name for group in query.by), *(aggregate.name for aggregate in query.aggregates)


def _signs(sorts: Sequence[Sort]) -> list[str]:
    return [("+" if sort.ascending else "-") + sort.name for sort in sorts]


def _values(text: str, sorts: Sequence[Sort], kinds: Sequence[Kind]) -> tuple[Value | None, ...]:
    """The values of the row that a token names."""
    if not text:
        return ()
    signs, texts = _opened(text)
    if signs != _signs(sorts):
        raise BadValue("_after", text, "of this sort: begin again with an empty `_after`")
    if len(texts) != len(kinds):
        raise BadValue("_after", text, _WANTED)
    return tuple(_value(value, sort.name, kind) for value, sort, kind in zip(texts, sorts, kinds, strict=True))


_WANTED = "empty, for the first page, or what the link to the next page has"


def _opened(text: str) -> tuple[list[str], list[str | None]]:
    try:
        signs, texts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, NotBase64, TypeError, RecursionError):
        raise BadValue("_after", text, _WANTED) from None
    is_text = isinstance(texts, list) and all(value is None or isinstance(value, str) for value in texts)
    if not (isinstance(signs, list) and is_text):
        raise BadValue("_after", text, _WANTED)
    return signs, texts


def _value(text: str | None, name: str, kind: Kind) -> Value | None:
    return None if text is None else convert(text, Column(f"_after: {name}", kind))


def _text(value: Any, kind: Kind) -> str | None:
    """The value as text that is read as the same value. Raises ValueError or TypeError if there is none."""
    if value is None:
        return None
    if kind is Kind.BINARY:
        text = base64.b64encode(value).decode()
    elif kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
        text = value.isoformat()
    else:
        text = str(value)
    if convert(text, Column("", kind)) != value:
        raise ValueError("reads as another value")
    return text
