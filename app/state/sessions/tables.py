"""Sessions in a table, of SQLite, PostgreSQL, MariaDB ..."""

import time
from pathlib import Path
from typing import Any

import orjson

from app.json_provider import dumps
from app.state.database import Conflict, Execute
from app.state.sessions.store import Change, Record, hashed
from app.state.tables import KEY, TIME, Table

_PURGE = "purge"
"""The id of the row that says when ended sessions are removed next; no hash is like it."""

_BATCH = 1000
"""How many are removed in one transaction: a long one would keep requests waiting."""


class Tables:
    """See Store."""

    def __init__(self, url: str, folder: Path, table: str = "session"):
        text = "LONGTEXT" if url.startswith(("mysql", "mariadb")) else "TEXT"  # of 64 KB there
        columns = {
            "id": KEY,
            "owner": "VARCHAR(255) NOT NULL",
            "expires": f"{TIME} NOT NULL",
            "data": f"{text} NOT NULL",
        }
        self._table = Table(url, folder, table, columns, indexed=("owner", "expires"))
        self._database, self._name = self._table.database, self._table.name

    def read(self, id: str) -> Record | None:
        """See Store."""
        self._table.make()
        rows = self._database.read(f"SELECT data, expires FROM {self._name} WHERE id = :id", id=hashed(id))
        live = rows and rows[0]["expires"] > time.time()
        return Record(orjson.loads(rows[0]["data"]), rows[0]["expires"]) if live else None

    def write(self, id: str, change: Change, expires: float, owner: str = "", new: bool = False) -> None:
        """See Store."""
        self._table.make()
        values = {"id": hashed(id), "expires": expires, "owner": owner}
        work = self._insert if new else self._merge
        self._database.write(lambda execute: work(execute, change, values))

    def _insert(self, execute: Execute, change: Change, values: dict[str, Any]) -> None:
        self._table.insert(execute, {**values, "data": dumps(change.applied({})).decode()})

    def _merge(self, execute: Execute, change: Change, values: dict[str, Any]) -> None:
        lock = self._database.for_update
        found = execute(f"SELECT data FROM {self._name} WHERE id = :id{lock}", id=values["id"]).first
        if found:
            data = dumps(change.applied(orjson.loads(found["data"]))).decode()
            sql = f"UPDATE {self._name} SET data = :data, expires = :expires, owner = :owner WHERE id = :id"
            execute(sql, data=data, **values)

    def delete(self, id: str) -> None:
        """See Store."""
        self._delete("id = :id", id=hashed(id))

    def delete_of(self, owner: str, but: str = "") -> int:
        """See Store."""
        return self._delete("owner = :owner AND id <> :but", owner=owner, but=hashed(but)) if owner else 0

    def _delete(self, which: str, **values: Any) -> int:
        self._table.make()
        sql = f"DELETE FROM {self._name} WHERE {which}"
        return self._database.write(lambda execute: execute(sql, **values)).changed

    def purge(self, every: float) -> int:
        """See Store."""
        self._table.make()
        now, removed = time.time(), 0
        if not self._is_my_turn(now, every):
            return 0
        while batch := self._purge_until(self._end_of_batch(now)):
            removed += batch
        return removed

    def _is_my_turn(self, now: float, every: float) -> bool:
        """Whether it is time, and no other worker is at it."""
        claim = f"UPDATE {self._name} SET expires = :next WHERE id = :id AND expires <= :now"
        try:
            if self._database.write(lambda execute: execute(claim, id=_PURGE, next=now + every, now=now)).changed:
                return True
            row = {"id": _PURGE, "owner": "", "expires": now + every, "data": "{}"}
            self._database.write(lambda execute: self._table.insert(execute, row))
        except Conflict:  # the row is there, and its time has not come
            return False
        return True

    def _end_of_batch(self, now: float) -> float:
        sql = f"SELECT expires FROM {self._name} WHERE expires < :now ORDER BY expires LIMIT 1 OFFSET {_BATCH - 1}"
        rows = self._database.read(sql, now=now)
        return float(rows[0]["expires"]) if rows else now

    def _purge_until(self, end: float) -> int:
        return self._delete("expires <= :end AND id <> :purge", end=end, purge=_PURGE)
