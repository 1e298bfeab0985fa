"""Changes of one table, made together or not at all, whatever holds it.

An `Editor` opens a `Transaction`, in which `apply` makes the changes: it finds the rows that are meant and locks them,
compares their ETags with those that the caller knows, changes them, and tells what they were and what they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from app.tables.columns import Column, Value
from app.tables.edits.changes import Delete, Edit, Edits, Insert, Record, Update, equal, row_etag
from app.tables.query import Filter, Op
from app.tables.source import Row

T = TypeVar("T")
Known: TypeAlias = dict[tuple[Any, ...], list[Row]]
"""Rows by their keys."""

CHUNK = 500
"""Keys that are looked up at once: SQLite takes 32,766 values in a statement, others any number."""


class Conflict(Exception):
    """A row with this key is there already, or another row needs it; the text names the column."""


class Refused(Exception):
    """The table cannot be changed, or not so; the text says why."""


class Full(Exception):
    """The disk is full; the table is as it was."""


class Outdated(Exception):
    """A row is no longer what the caller knows."""


class Transaction(Protocol):
    """A table while it is being changed. Raises what `Source` does, Conflict, Refused, Full and BadValue."""

    columns: tuple[Column, ...]

    def find(self, filters: Sequence[Filter]) -> list[Row]:
        """All columns of the rows that pass; nobody else changes them before the end."""

    def insert(self, rows: Sequence[Record], key: Sequence[str]) -> list[Record]:
        """Add rows. Returns the key of each, made by the database or given; None for one that nobody knows."""

    def update(self, filters: Sequence[Filter], values: Record) -> int:
        """Set values where the filters pass; how many rows."""

    def delete(self, filters: Sequence[Filter]) -> int:
        """Remove the rows that pass; how many."""


class Editor(Protocol):
    """A table that can be changed."""

    def transact(self, work: Callable[[Transaction], T], timeout: float) -> T:
        """What `work` returns, once its changes are safe on disk. What it raises undoes them.

        It is called again where others were quicker. `timeout` is in seconds, for each statement.
        """


class Change(NamedTuple):
    """A row before and after; None where there was or is none."""

    before: Record | None
    after: Record | None


@dataclass
class Done:
    """What was changed. `changes` are there if they were to be recorded; `ids` has a list of values for each row."""

    count: int = 0
    inserted: list[Record] = field(default_factory=list)
    ids: list[list[Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def apply(
    table: Transaction, edits: Edits, key: Sequence[str], etags: frozenset[str] | None = None, recording: bool = False
) -> Done:
    """Make the changes. `etags` are those of If-Match: every row that is changed must have one of them; `*` is any.

    Raises Outdated where one has not, or where there is no row.
    """
    work = _Work(table, tuple(key), etags, recording)
    known = work.known(edits)
    for edit in edits.each:
        match edit:
            case Insert(rows, upsert):
                work.upsert(rows, known) if upsert else work.insert(rows)
            case Update():
                work.update(edit, known)
            case Delete():
                work.delete(edit, known)
    if etags is not None and not work.checked and edits.op != "insert":
        raise Outdated("there is no such row any more")
    return work.done


class _Work:
    def __init__(self, table: Transaction, key: tuple[str, ...], etags: frozenset[str] | None, recording: bool):
        self.table, self.key, self.etags, self.recording = table, key, etags, recording
        self.columns = {column.name: column for column in table.columns}
        self.names = tuple(self.columns)
        self.done, self.checked = Done(), 0

    def known(self, edits: Edits) -> Known | None:
        """The rows of many edits by their keys, found at once; None where each edit has to look for its own."""
        wanted = [key for edit in edits.each for key in self._keys(edit)]
        rows = sum(len(edit.rows) if isinstance(edit, Insert) else 1 for edit in edits.each)
        if rows < 2 or len(set(wanted)) < rows:
            return None
        found: Known = {}
        remaining = iter(dict.fromkeys(wanted))
        while chunk := list(islice(remaining, CHUNK)):
            by_column = zip(self.key, zip(*chunk, strict=True), strict=True)
            filters = [Filter(name, Op.EQUAL, tuple(dict.fromkeys(values))) for name, values in by_column]
            for row in self.table.find(filters):
                identity = tuple(self._id(self._record(row)))
                if len(self.key) == 1 or identity in set(chunk):
                    found.setdefault(identity, []).append(row)
        return found

    def _keys(self, edit: Edit) -> Iterable[tuple[Any, ...]]:
        if isinstance(edit, Insert):
            return (tuple(row[name] for name in self.key) for row in edit.rows) if edit.upsert else ()
        single = [item.values[0] for item in edit.filters if len(item.values) == 1 and item.op is Op.EQUAL]
        return [tuple(single)] if len(single) == len(self.key) == len(edit.filters) else []

    def insert(self, rows: Sequence[Record]) -> None:
        """Add rows."""
        keys = self.table.insert(rows, self.key)
        self.done.inserted += keys
        self.done.count += len(rows)
        self.done.ids += [self._id(each) for each in keys]
        if self.recording:
            self.done.changes += [Change(None, self._as_kept(*pair)) for pair in zip(rows, keys, strict=True)]

    def _as_kept(self, row: Record, key: Record) -> Record:
        """A new row as the table has it: with defaults, and rounded as its columns are."""
        if any(key.get(name) is None for name in self.key):
            return dict.fromkeys(self.names) | dict(row)
        found = self.table.find(equal({name: self.columns[name] for name in self.key}, key))
        return self._record(found[-1]) if found else row

    def upsert(self, rows: Sequence[Record], known: Known | None) -> None:
        """Add rows, or change those with their keys."""
        new: dict[tuple[Any, ...], Record] = {}
        for row in rows:
            identity = tuple(row[name] for name in self.key)
            filters = equal({name: self.columns[name] for name in self.key}, row)
            there = self.table.find(filters) if known is None else known.get(identity, [])
            if there:
                values = {name: value for name, value in row.items() if name not in self.key}
                self._change(there, partial(self.table.update, filters, values) if values else None, filters)
            else:
                new[identity] = {**new.get(identity, {}), **row}
        if new:
            self.insert(list(new.values()))

    def update(self, edit: Update, known: Known | None) -> None:
        """Change rows."""
        there = self._there(edit.filters, known)
        self._change(there, partial(self.table.update, edit.filters, edit.values), edit.filters)

    def delete(self, edit: Delete, known: Known | None) -> None:
        """Delete rows."""
        self._change(self._there(edit.filters, known), partial(self.table.delete, edit.filters), None)

    def _there(self, filters: Sequence[Filter], known: Known | None) -> list[Row]:
        if known is None:
            return self.table.find(filters)
        return known.get(tuple(item.values[0] for item in filters), [])

    def _change(self, there: list[Row], make: Callable[[], object] | None, left: Sequence[Filter] | None) -> None:
        """Make a change of rows, if they may be changed. Those that are `left` are found by these filters."""
        self._check(there)
        if not there:
            return
        if make is not None:
            make()
        before = [self._record(row) for row in there]
        self.done.count += len(before)
        self.done.ids += [self._id(row) for row in before]
        if self.recording:
            after = [None] * len(before) if left is None else map(self._record, self.table.find(left))
            self.done.changes += [Change(*pair) for pair in zip(before, after, strict=True)]

    def _check(self, there: Sequence[Row]) -> None:
        self.checked += len(there)
        if self.etags is None or "*" in self.etags:
            return
        for row in there:
            if row_etag(self.table.columns, row) not in self.etags:
                raise Outdated("somebody else has changed the row meanwhile: read it again")

    def _record(self, row: Row) -> Record:
        return dict(zip(self.names, row, strict=True))

    def _id(self, record: Mapping[str, Value | None]) -> list[Any]:
        return [record.get(name) for name in self.key]
