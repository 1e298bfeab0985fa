"""The journal of changes: who has changed which rows, when, and what they were before. And the way back.

An entry is written before its change is committed, so no change is without one. One that was never committed is
harmless: `undo` changes only rows that are as the entry says.
"""

import base64
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app import offload
from app.state import files
from app.state.database import BUSY, Unavailable
from app.tables.columns import Column, Kind, Value
from app.tables.edits.changes import Record, equal
from app.tables.edits.transactions import Change, Conflict, Refused, Transaction

FILE = "journal.db"
UNDO = "undo"
"""The `op` of an entry that took another one back."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY AUTOINCREMENT, time DOUBLE PRECISION NOT NULL, "
    "who TEXT NOT NULL, mount TEXT NOT NULL, dataset TEXT NOT NULL, op TEXT NOT NULL, url TEXT NOT NULL, "
    "tab TEXT NOT NULL, key TEXT NOT NULL, rows TEXT NOT NULL, undone INTEGER)"
)


@dataclass(frozen=True)
class Entry:
    """A change of one dataset. `url` and `table` say where it is, without a password."""

    mount: str
    dataset: str
    op: str
    key: tuple[str, ...]
    changes: Sequence[Change]
    who: str = ""
    url: str = ""
    table: str = ""
    id: int = 0
    time: float = field(default_factory=time.time)
    undone: int | None = None
    """The id of the entry that took this one back."""


class Journal:
    """The journal in a file. Raises Unavailable while it cannot be written or read.

    It is written in the midst of other transactions, in whatever thread these are. So it takes no lock but SQLite's
    own: those of gevent are not for the threads of its pool.
    """

    def __init__(self, file: Path):
        self._file = file

    def _execute(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        """The rows of a statement, which is a transaction of its own."""
        return offload.run(self._executed, sql, values)

    def _executed(self, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        try:
            with closing(self._opened()) as connection:
                return connection.execute(sql, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(str(self._file), error) from error

    def _opened(self) -> sqlite3.Connection:
        is_new = not self._file.exists()
        if is_new:
            files.create(self._file, b"")  # which only its owner may read
        connection = sqlite3.connect(self._file, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=FULL")
        if is_new or not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchall():
            connection.execute(_TABLE)
        return connection

    def write(self, entry: Entry) -> int:
        """Keep an entry, durably; its id."""
        names = ("time", "who", "mount", "dataset", "op", "url", "tab", "key", "rows")
        values = {
            "time": entry.time,
            "who": entry.who,
            "mount": entry.mount,
            "dataset": entry.dataset,
            "op": entry.op,
            "url": entry.url,
            "tab": entry.table,
            "key": json.dumps(entry.key),
            "rows": json.dumps([[_packed(change.before), _packed(change.after)] for change in entry.changes]),
        }
        marks = ", ".join(f":{name}" for name in names)
        sql = f"INSERT INTO changes ({', '.join(names)}) VALUES ({marks}) RETURNING id"
        return int(self._execute(sql, **values)[0]["id"])

    def remove(self, id: int) -> None:
        """Forget an entry whose change was not made."""
        self._execute("DELETE FROM changes WHERE id = :id", id=id)

    def undone(self, id: int, by: int) -> None:
        """Note that an entry was taken back."""
        self._execute("UPDATE changes SET undone = :by WHERE id = :id", id=id, by=by)

    def latest(self, mount: str | None = None, count: int = 50) -> list[Entry]:
        """The latest entries, the last one first; of one mount, or of all."""
        where = "" if mount is None else "WHERE mount = :mount "
        sql = f"SELECT * FROM changes {where}ORDER BY id DESC LIMIT :count"
        given = {"count": count} if mount is None else {"count": count, "mount": mount}
        return [_entry(row) for row in self._execute(sql, **given)]

    def last(self, mount: str | None = None) -> Entry | None:
        """The last change that was not taken back."""
        where = "" if mount is None else " AND mount = :mount"
        sql = f"SELECT * FROM changes WHERE undone IS NULL AND op <> :undo{where} ORDER BY id DESC LIMIT 1"
        given = {"undo": UNDO} if mount is None else {"undo": UNDO, "mount": mount}
        rows = self._execute(sql, **given)
        return _entry(rows[0]) if rows else None

    def get(self, id: int) -> Entry | None:
        """The entry with this id."""
        rows = self._execute("SELECT * FROM changes WHERE id = :id", id=id)
        return _entry(rows[0]) if rows else None


def _entry(row: sqlite3.Row) -> Entry:
    changes = [Change(_unpacked(before), _unpacked(after)) for before, after in json.loads(row["rows"])]
    where = {"url": row["url"], "table": row["tab"], "who": row["who"]}
    key, when = tuple(json.loads(row["key"])), row["time"]
    own = {"id": row["id"], "time": when, "undone": row["undone"]}
    return Entry(row["mount"], row["dataset"], row["op"], key, changes, **where, **own)


def undo(table: Transaction, entry: Entry) -> list[Change]:
    """Make the rows what they were before a change; the changes that this takes.

    Raises Conflict for a row that has been changed since, Refused for one that nobody can find again.
    """
    return [_undone(table, change, entry) for change in reversed(entry.changes)]


def _undone(table: Transaction, change: Change, entry: Entry) -> Change:
    columns = {column.name: column for column in table.columns}
    identity = _key(change.after or change.before or {}, entry.key, columns)
    filters = equal({name: columns[name] for name in entry.key}, identity)
    there = [dict(zip(columns, row, strict=True)) for row in table.find(filters)]
    expected = [] if change.after is None else [change.after]
    if [_packed(row) for row in there] != [_packed(row) for row in expected]:
        shown = ", ".join(f"{name}={value}" for name, value in identity.items())
        raise Conflict(f"the row {shown} has been changed since, so that this cannot be undone")
    if change.before is None:
        table.delete(filters)
    elif change.after is None:
        table.insert([_writable(change.before, columns)], entry.key)
    else:
        changed = {name: value for name, value in change.before.items() if value != change.after.get(name)}
        if changed:
            table.update(filters, _writable(changed, columns))
    return Change(change.after, change.before)


def _key(record: Record, key: Sequence[str], columns: Mapping[str, Column]) -> Record:
    missing = [name for name in key if name not in columns]
    if missing:
        raise Refused(f"there is no column {missing[0]} any more")
    if not key or all(record.get(name) is None for name in key):
        raise Refused("a row has no key by which it could be found again")
    return {name: record.get(name) for name in key}


def _writable(record: Record, columns: Mapping[str, Column]) -> Record:
    """A row as it is written: what is nested is the text of its JSON."""
    return {
        name: json.dumps(value) if columns[name].kind is Kind.OTHER and isinstance(value, dict | list) else value
        for name, value in record.items()
        if name in columns
    }


def _packed(record: Record | None) -> Any:
    """A row as JSON that keeps the types of its values."""
    return None if record is None else {name: _pack(value) for name, value in record.items()}


def _pack(value: Value | None | dict[str, Any] | list[Any]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for name, (kind, write, _) in _PACKED.items():
        if isinstance(value, kind):
            return {name: write(value)}
    return {"text": str(value)}


def _unpacked(record: Mapping[str, Any] | None) -> Record | None:
    return None if record is None else {name: _unpack(value) for name, value in record.items()}


def _unpack(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((name, text),) = value.items()
    return _PACKED[name][2](text) if name in _PACKED else text


_PACKED: Mapping[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = MappingProxyType(
    {
        "decimal": (Decimal, str, Decimal),
        "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
        "date": (date, date.isoformat, date.fromisoformat),
        "time": (time_of_day, time_of_day.isoformat, time_of_day.fromisoformat),
        "binary": (bytes, lambda data: base64.b64encode(data).decode(), base64.b64decode),
        "json": (dict | list, lambda value: value, lambda value: value),
    }
)
"""How values that JSON has no type for are kept, a datetime before the date that it is too."""
