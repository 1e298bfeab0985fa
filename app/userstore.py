"""What is known of users from one sign-in to the next, in the table of `storelocations.user`: a key, a JSON object."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.json_provider import dumps
from app.state.database import Conflict, Database, Execute
from app.state.tables import KEY, TEXT, Table, located, plain

ACTIVE, DISABLED = "active", "disabled"
"""Attributes that say something of the account: `active` is "y" once the user has signed in, `disabled` shuts it."""

_COLUMNS = {"key": KEY, "value": TEXT}


def load(id: str) -> dict[str, Any]:
    """The attributes of a user; empty for one who is not known. Raises Unavailable while the database is down."""
    row = _table().find("key", _key(id))
    return orjson.loads(row["value"]) if row is not None else {}


def save(id: str, attributes: Mapping[str, Any]) -> None:
    """Keep attributes of a user, durably, in place of those of the same names; the others stay."""
    work = _Merge(_table(), _key(id), attributes)
    try:
        work.table.database.write(work)
    except Conflict:  # another request has just added the row: now there is one to change
        work.table.database.write(work)


def everyone() -> dict[str, dict[str, Any]]:
    """All users that are known, with their attributes."""
    table = _table()
    rows = table.database.read(f"SELECT * FROM {table.name} ORDER BY {table.quoted('key')}")
    return {row["key"]: orjson.loads(row["value"]) for row in rows}


def database() -> Database:
    """The database of users' attributes; what else sign-ins have to remember is there too."""
    return _table().database


class _Merge:
    """One transaction of `save`."""

    def __init__(self, table: Table, key: str, attributes: Mapping[str, Any]):
        self.table, self._key, self._attributes = table, key, attributes

    def __call__(self, execute: Execute) -> None:
        table = self.table
        where = f"WHERE {table.quoted('key')} = :key"
        found = execute(f"SELECT * FROM {table.name} {where}{table.database.for_update}", key=self._key).first
        kept = orjson.loads(found["value"]) if found is not None else {}
        value = dumps({**kept, **self._attributes}).decode()
        if found is None:
            table.insert(execute, {"key": self._key, "value": value})
        else:
            execute(f"UPDATE {table.name} SET {table.quoted('value')} = :value {where}", key=self._key, value=value)


def _table() -> Table:
    table = located("user", _COLUMNS)
    table.make()
    return table


def _key(id: str) -> str:
    return plain(id)[:255]
