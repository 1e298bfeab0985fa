"""What is to be changed in a table, as plain values, and how the arguments or the JSON of a request become them.

    POST    city=Oslo&city=Bergen&sales=3        two rows: shorter columns are padded with their last value
    POST    [{"city": "Oslo", "sales": 3}]       a row for each object; {"city": ["Oslo"]}: columns of lists
    PUT     id=3&id=4&sales=5                    sets all but the key where the key is one of the values
    PATCH   [{"id": 3, "sales": 5}, ...]         each object has its key
    DELETE  id=3&sales<=0                        the key, and conditions of the query language

Empty text is null (reference: gramex.md §10). Numbers of JSON are read from their digits, so that none loses any.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from app.tables import grammar
from app.tables.columns import BadValue, Column, Kind, Value, convert, truth
from app.tables.query import Filter, Op
from app.tables.source import Row

Record: TypeAlias = Mapping[str, Value | None]

PARAMETERS = grammar.PARAMETERS | {"_upsert", "_xsrf"}
"""Arguments that are no columns."""

DEEPEST = 100
"""How deep lists and objects of a JSON body may be nested."""


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows. With `upsert` those whose key is there change that row instead."""

    rows: tuple[Record, ...]
    upsert: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """What rows that pass the filters get."""

    filters: tuple[Filter, ...]
    values: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows that pass the filters go."""

    filters: tuple[Filter, ...]


Edit: TypeAlias = Insert | Update | Delete
Ignored: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes of one table that are made together or not at all. `op` is insert, update or delete."""

    op: str
    each: tuple[Edit, ...]
    ignored: Ignored = ()

    @property
    def filters(self) -> list[list[Any]]:
        """The conditions as answers tell them: column, operator, values."""
        found = [each.filters for each in self.each if not isinstance(each, Insert)]
        return [[item.column, item.op.text, list(item.values)] for filters in found for item in filters]


class Given(NamedTuple):
    """What a request gives: its arguments, and the JSON of its body (`body` as `from_json` reads it), if any."""

    args: Mapping[str, Sequence[str]]
    body: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of any column."""
        return not self.body and all(name in PARAMETERS for name in self.args)


class Invalid(BadValue):
    """What cannot be done with the values given; the text says which."""

    def __init__(self, text: str):
        ValueError.__init__(self, text)
        self.name, self.value, self.wanted = "", "", text


class Number(str):
    """A number of JSON: its text."""

    __slots__ = ()


def from_json(data: bytes) -> Any:
    """What JSON says, with numbers as `Number`. Raises ValueError, which says what is wrong."""
    try:
        body = json.loads(data, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError(f"the JSON is nested deeper than {DEEPEST} levels") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the JSON is not UTF-8: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(body, dict | list):
        raise ValueError("the JSON should be an object, or a list of objects")
    if isinstance(body, list) and not all(isinstance(record, dict) for record in body):
        raise ValueError("the JSON should be an object, or a list of objects: it is a list of something else")
    _check_depth(body)
    return body


def _no_constant(text: str) -> None:
    raise ValueError(f"the body is no JSON: {text} is no number there")


def _check_depth(body: Any) -> None:
    level = [body]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return
    raise ValueError(f"the JSON is nested deeper than {DEEPEST} levels")


def inserts(given: Given, columns: Sequence[Column], key: Sequence[str], strict: bool = False) -> Edits:
    """The rows to insert; with the argument `_upsert` the key of each must be there. Raises BadValue."""
    reading = _Reading(columns, key, strict)
    upsert = any(truth(text) for text in given.args.get("_upsert", ()))
    rows = tuple(reading.row(record, number) for number, record in enumerate(_records(given, reading.nested), 1))
    for number, row in enumerate(rows, 1):
        reading.check_row(row, number, upsert)
    return Edits("insert", (Insert(rows, upsert),) if rows else (), reading.ignored())


def updates(given: Given, columns: Sequence[Column], key: Sequence[str], strict: bool = False) -> Edits:
    """What to change in the rows that the key names. Raises BadValue."""
    reading = _Reading(columns, key, strict)
    edits = tuple(reading.update(lists, where) for lists, where in _each(given, reading.nested))
    return Edits("update", edits, reading.ignored())


def deletes(given: Given, columns: Sequence[Column], key: Sequence[str], strict: bool = False) -> Edits:
    """Which rows to delete. Raises BadValue."""
    reading = _Reading(columns, key, strict)
    edits = tuple(reading.delete(lists, where) for lists, where in _each(given, reading.nested))
    return Edits("delete", edits, reading.ignored())


def row_etag(columns: Iterable[Column], row: Row) -> str:
    """The strong ETag of a row, which changes with any of its values. It is that of all columns of the table."""
    names = [column.name for column in columns]
    return hashlib.sha256(repr(list(zip(names, row, strict=True))).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def equal(columns: Mapping[str, Column], record: Record) -> tuple[Filter, ...]:
    """The conditions that rows with these values pass; for null, that it is null."""
    return tuple(
        Filter(name, Op.NULL) if record[name] is None else Filter(name, Op.EQUAL, (record[name],))  # type: ignore[arg-type]  # it is not None
        for name in columns
        if name in record
    )


def _lists(given: Given, whole: Collection[str] = ()) -> dict[str, list[Any]]:
    """Values by column: those of the body take the place of arguments of the same name.

    A list is the values of a column, but one value in the columns that are `whole`.
    """
    lists: dict[str, list[Any]] = {name: list(values) for name, values in given.args.items() if name not in PARAMETERS}
    body = given.body if isinstance(given.body, dict) else {}
    return lists | {
        name: value if isinstance(value, list) and name not in whole else [value] for name, value in body.items()
    }


def _records(given: Given, nested: Collection[str]) -> Iterator[dict[str, Any]]:
    """The new rows, as they were sent. `nested` are the columns that can hold lists."""
    if isinstance(given.body, list):
        shared = {name: values[0] for name, values in _lists(given).items() if values}
        yield from (shared | record for record in given.body)
        return
    body = given.body or {}
    is_one_row = not any(isinstance(value, list) for name, value in body.items() if name not in nested)
    lists = _lists(given, nested if is_one_row else ())
    for index in range(max(map(len, lists.values()), default=0)):
        yield {name: values[min(index, len(values) - 1)] if values else None for name, values in lists.items()}


def _each(given: Given, nested: Collection[str]) -> Iterator[tuple[dict[str, list[Any]], str]]:
    """What each edit is given, values by column, and how to call it in messages."""
    if not isinstance(given.body, list):
        yield _lists(given, nested), ""
        return
    shared = _lists(given)
    for number, record in enumerate(given.body, 1):
        yield shared | {name: [value] for name, value in record.items()}, f"row {number}: "


class _Reading:
    """What a request gives, read against the columns of a table."""

    def __init__(self, columns: Sequence[Column], key: Sequence[str], strict: bool):
        self.columns = {column.name: column for column in columns}
        self.key, self.strict = tuple(key), strict
        self.nested = frozenset(column.name for column in columns if column.kind is Kind.OTHER)
        self._unknown: dict[str, dict[str, None]] = {}
        if not self.key:
            raise Invalid("rows cannot be changed: `id:` in the YAML should name the columns that tell them apart")
        for name in self.key:
            if name not in self.columns:
                raise BadValue("id", name, "a column of the table")

    def ignored(self) -> Ignored:
        """The names that are no columns, with their values. Raises BadValue for them if it is strict."""
        for name in self._unknown if self.strict else ():
            raise BadValue(name, name, f"a column: there are {', '.join(self.columns)}")
        return tuple((name, tuple(values)) for name, values in self._unknown.items())

    def row(self, record: Mapping[str, Any], number: int) -> Record:
        """A new row."""
        self._ignore({name: [value] for name, value in record.items() if name not in self.columns})
        return {name: self._value(raw, name, f"row {number}: ") for name, raw in record.items() if name in self.columns}

    def check_row(self, row: Record, number: int, upsert: bool) -> None:
        """Raise BadValue for a row without anything, or without a key that it needs."""
        if not row:
            self.ignored()
            raise Invalid(f"row {number}: none of its names is a column: there are {', '.join(self.columns)}")
        missing = [name for name in self.key if row.get(name) is None] if upsert else []
        if missing:
            raise Invalid(f"row {number}: {', '.join(missing)}: `_upsert` needs the key of each row")

    def update(self, lists: Mapping[str, Sequence[Any]], where: str) -> Update:
        """Which rows get what."""
        others = {name: values for name, values in lists.items() if name in self.columns and name not in self.key}
        self._ignore({name: values for name, values in lists.items() if name not in self.columns})
        values = {name: self._value(given[0], name, where) for name, given in others.items() if given}
        filters = self._by_key(lists, where)
        if not values:
            self.ignored()
            raise Invalid(f"{where}nothing to change: give a column besides {', '.join(self.key)}")
        return Update(filters, values)

    def delete(self, lists: Mapping[str, Sequence[Any]], where: str) -> Delete:
        """Which rows go."""
        by_key = self._by_key(lists, where)
        texts = dict(self._condition(name, values) for name, values in lists.items() if name not in self.key)
        query = grammar.parse(texts, tuple(self.columns.values()))
        self._ignore(dict(query.ignored))
        return Delete((*by_key, *query.filters))

    def _by_key(self, lists: Mapping[str, Sequence[Any]], where: str) -> tuple[Filter, ...]:
        """The conditions on the columns of the key, each of which must have a value."""
        filters = []
        for name in self.key:
            values = [self._value(raw, name, where) for raw in lists.get(name, ())]
            found = tuple(dict.fromkeys(value for value in values if value is not None))
            if not found:
                raise Invalid(f"{where}{name}: the key is missing: say which row is meant, as in {name}=…")
            filters.append(Filter(name, Op.EQUAL, found))
        return tuple(filters)

    def _condition(self, name: str, values: Sequence[Any]) -> tuple[str, list[str]]:
        """A condition as an argument of the query language; null is one too."""
        if any(isinstance(value, dict | list) for value in values):
            raise BadValue(name, _shown(values), "a condition: its value should not be nested")
        if any(value is None for value in values):
            return f"{name}!", []
        return name, [_shown(value) for value in values]

    def _ignore(self, unknown: Mapping[str, Sequence[Any]]) -> None:
        for name, values in unknown.items():
            shown = (_whole(_shown(value)) for value in values)
            self._unknown.setdefault(_whole(name), {}).update(dict.fromkeys(shown))

    def _value(self, raw: Any, name: str, where: str) -> Value | None:
        """What a text or a value of JSON means in a column; empty text is null."""
        if raw is None or raw == "":
            return None
        column = self.columns[name]
        if isinstance(raw, bool) and column.kind not in (Kind.TEXT, Kind.OTHER):
            if column.kind is Kind.BOOLEAN:
                return raw
            raise BadValue(f"{where}{name}", _shown(raw), f"the {column.kind} that it should be")
        if isinstance(raw, dict | list) and column.kind is not Kind.OTHER:
            raise BadValue(f"{where}{name}", _shown(raw), "one value: it is nested")
        try:
            return convert(_shown(raw), column)
        except BadValue as error:
            raise BadValue(f"{where}{name}", error.value, error.wanted) from error


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can name and no answer can hold."""
    return text.encode("utf-8", "replace").decode()


def _shown(raw: Any) -> str:
    """A value as text: of JSON, what is nested or no text is written as there."""
    return raw if isinstance(raw, str) else _written(raw)


def _written(raw: Any) -> str:
    """JSON in which numbers have the digits that they came with."""
    if isinstance(raw, Number):
        return str(raw)
    if isinstance(raw, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_written(value)}" for name, value in raw.items()) + "}"
    if isinstance(raw, list | tuple):
        return "[" + ", ".join(map(_written, raw)) + "]"
    return json.dumps(raw, ensure_ascii=False)
