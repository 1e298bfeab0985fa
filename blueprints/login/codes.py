"""Codes and links that are sent by e-mail: each good once, for a while. Only their hashes are kept."""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.state import Database
from app.state.database import Execute
from blueprints.login.store import Store

AT_ONCE = 3
"""Codes of one owner that are good at the same time: who asks for more gets no more mail."""

TRIES = 5
"""Wrong tries after which a code is worth nothing."""


class Codes(Store):
    """The codes for one purpose at one mount. Every method raises Unavailable while the database is down."""

    create = (
        "CREATE TABLE IF NOT EXISTS sign_in_code (name VARCHAR(64) PRIMARY KEY, owner VARCHAR(64) NOT NULL,"
        " value TEXT NOT NULL, tries INTEGER NOT NULL, expires DOUBLE PRECISION NOT NULL)"
    )

    def __init__(self, find: Callable[[], Database], purpose: str):
        super().__init__(find)
        self._purpose = purpose

    def link(self, owner: str, seconds: float, size: int) -> str | None:
        """A token that names its owner, to be sent as a link; None if the owner has enough of them."""
        token = secrets.token_urlsafe(size)[:size]
        return token if self._add(token, owner, owner, seconds) else None

    def owner(self, token: str) -> str | None:
        """Whose token this is; None for one that is not good. It stays good."""
        sql = "SELECT value FROM sign_in_code WHERE name = :name AND expires > :now"
        rows = self.database.read(sql, name=self._hash(token), now=time.time())
        return str(rows[0]["value"]) if rows else None

    def use(self, token: str) -> str | None:
        """Whose token this is, once: of several requests with the same token one gets the owner."""
        owner = self.owner(token)
        return owner if owner is not None and self._delete("name = :name", name=self._hash(token)) else None

    def code(self, owner: str, seconds: float, size: int) -> str | None:
        """Digits for somebody to type in; None if the owner has enough of them."""
        digits = "".join(secrets.choice("0123456789") for _ in range(size))
        return digits if self._add(secrets.token_urlsafe(), owner, self._hash(owner, digits), seconds) else None

    def matches(self, owner: str, digits: str) -> bool:
        """Whether these are the digits of a code of the owner, which is then used up. A wrong try counts."""
        return self.database.write(lambda execute: self._matches(execute, self._hash(owner), self._hash(owner, digits)))

    def _matches(self, execute: Execute, owner: str, value: str) -> bool:
        sql = "DELETE FROM sign_in_code WHERE owner = :owner AND value = :value AND tries < :most AND expires > :now"
        if execute(sql, owner=owner, value=value, most=TRIES, now=time.time()).changed:
            return True
        execute("UPDATE sign_in_code SET tries = tries + 1 WHERE owner = :owner", owner=owner)
        return False

    def forget(self, owner: str) -> None:
        """Make all codes of the owner worthless."""
        self._delete("owner = :owner", owner=self._hash(owner))

    def _add(self, name: str, owner: str, value: str, seconds: float) -> bool:
        row: dict[str, Any] = {
            "name": self._hash(name),
            "owner": self._hash(owner),
            "value": value,
            "expires": time.time() + seconds,
        }
        return self.database.write(lambda execute: self._insert(execute, row))

    @staticmethod
    def _insert(execute: Execute, row: dict[str, Any]) -> bool:
        execute("DELETE FROM sign_in_code WHERE expires < :now", now=time.time())
        found = execute("SELECT COUNT(*) AS number FROM sign_in_code WHERE owner = :owner", owner=row["owner"]).first
        if found and found["number"] >= AT_ONCE:
            return False
        execute(
            "INSERT INTO sign_in_code (name, owner, value, tries, expires) VALUES (:name, :owner, :value, 0, :expires)",
            **row,
        )
        return True

    def _delete(self, which: str, **values: str) -> int:
        return self.database.write(lambda run: run(f"DELETE FROM sign_in_code WHERE {which}", **values)).changed

    def _hash(self, *texts: str) -> str:
        parts: Sequence[str] = (self._purpose, *texts)
        return hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()
