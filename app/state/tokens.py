"""Where tokens are kept. Of each there is only a hash: who reads the table has none of them."""

import hashlib
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

import orjson

from app.json_provider import dumps
from app.state.database import Conflict, Execute, Row, execute
from app.state.tables import TEXT, TIME, Table, plain

API_KEY = "Key"
"""The type of API keys, which may be used again and again."""

COLUMNS = {"token": "VARCHAR(64) PRIMARY KEY", "user": TEXT, "type": "VARCHAR(255)", "expire": TIME}
"""The original's columns (reference: gramex.md §5)."""

OURS = {"owner": "VARCHAR(255)", "created": TIME, "used": TIME, "scope": TEXT, "note": TEXT}

DAY = 86400
_SIZE = 32
_HASH = 64
"""Digits of a token, and of the hash of one."""

_ATTEMPTS = 10
"""Short tokens may be taken already."""


class Scope(NamedTuple):
    """Where a key may be used: mounts by their names, with wildcards, and methods; empty for all."""

    mounts: Sequence[str] = ()
    methods: Sequence[str] = ()

    def refusal(self, mount: str, method: str) -> str | None:
        """Why a request is outside; None if it is not. HEAD is a GET (RFC 9110 §9.3.2)."""
        if self.mounts and not any(fnmatchcase(mount, pattern) for pattern in self.mounts):
            return f"this API key is for {', '.join(self.mounts)} only, not for {mount or 'this address'}"
        if self.methods and method not in self.methods and not (method == "HEAD" and "GET" in self.methods):
            return f"this API key is for {', '.join(self.methods)} only, not for {method}"
        return None


class Token(NamedTuple):
    """What is known of a token; times in seconds since 1970."""

    user: Any
    """As it was given: the id, or a mapping."""
    type: str
    expire: float
    extra: Mapping[str, Any] = {}
    """Values of the columns that the site adds."""
    scope: Scope = Scope()
    note: str = ""
    created: float = 0.0
    used: float = 0.0
    id: str = ""
    """The hash. It names the token, and nobody can use it as one."""

    @property
    def owner(self) -> str:
        """The id of the user."""
        found = self.user.get("id") if isinstance(self.user, Mapping) else self.user
        return plain(str(found or ""))[:255]

    def attributes(self) -> dict[str, Any]:
        """The user as a mapping, with the type and the values of the site's columns, unless they are NULL."""
        user = self.user if isinstance(self.user, Mapping) else {"id": self.user}
        found = {key: value for key, value in self.extra.items() if value is not None}
        return {**user, **found, "type": self.type}


class Tokens:
    """The tokens of a site. Every method raises Unavailable while their database is down."""

    def __init__(self, table: Table):
        self._table, self._purged = table, 0.0
        self._touched: dict[str, float] = {}
        """When uses were noted here, by the id of the token."""
        self._where = f"FROM {table.name} WHERE {table.quoted('token')} = :id"

    @property
    def extra(self) -> Collection[str]:
        """The columns that the site adds."""
        return self._table.columns.keys() - COLUMNS.keys() - OURS.keys()

    def add(self, token: Token, size: int | None = None, reset: bool = False) -> str:
        """Make a token of `size` hexadecimal digits, 32 unless given; `reset` ends the user's others of this type.

        Raises ValueError for a size below 1, and where a reset cannot tell whose tokens these are.
        """
        if size is not None and size < 1:
            raise ValueError(f"a token has at least one digit, not {size}")
        if reset and not token.owner:
            raise ValueError("reset needs a user that has an id")
        self._prepare()
        for _ in range(_ATTEMPTS):
            text = _new(size or _SIZE)
            row = _row(token._replace(id=hashed(text), created=time.time()))
            with suppress(Conflict):
                self._table.database.write(partial(self._add, row=row, reset=reset))
                return text
        raise ValueError(f"tokens of {size} digits are used up: make them longer")

    def _add(self, execute: Execute, row: Mapping[str, Any], reset: bool) -> None:
        if reset:
            owner, kind = map(self._table.quoted, ("owner", "type"))
            which = f"{owner} = :owner AND {kind} = :type"
            execute(f"DELETE FROM {self._table.name} WHERE {which}", owner=row["owner"], type=row["type"])
        self._table.insert(execute, row)

    def find(self, text: str | bytes) -> Token | None:
        """What is known of a token that has not expired."""
        self._prepare()
        row = self._table.find("token", hashed(text))
        return _live(row) if row is not None else None

    def take(self, text: str | bytes) -> Token | None:
        """What is known of a token, which ends: of all who take it at once, one gets it."""
        if self.find(text) is None:
            return None  # a guess costs no write
        return self._table.database.write(lambda execute: self._take(execute, hashed(text)))

    def _take(self, execute: Execute, id: str) -> Token | None:
        row = execute(f"SELECT * {self._where}", id=id).first
        won = execute(f"DELETE {self._where}", id=id).changed == 1
        return _live(row) if won and row is not None else None

    def touch(self, token: Token, every: float) -> None:
        """Note that a token was used now, unless that was noted within so many seconds."""
        now, used = time.time(), self._table.quoted("used")
        if max(token.used, self._touched.get(token.id, 0.0)) > now - every:
            return
        self._touched[token.id] = now  # before it is written: of many requests at once one writes
        sql = f"UPDATE {self._table.name} SET {used} = :now WHERE {self._table.quoted('token')} = :id"
        execute(
            self._table.database,
            f"{sql} AND ({used} IS NULL OR {used} <= :before)",
            now=now,
            before=now - every,
            id=token.id,
        )

    def keys(self) -> list[Token]:
        """The API keys, the newest last; not those of the original, which stand in its table in clear."""
        self._prepare()
        rows = self._table.database.read(
            f"SELECT * FROM {self._table.name} WHERE {self._table.quoted('type')} = :type", type=API_KEY
        )
        found = filter(None, (_live(row) for row in rows if len(row["token"]) == _HASH))
        return sorted(found, key=lambda token: token.created)

    def remove(self, id: str) -> int:
        """End the token with this id; returns how many there were."""
        return self._remove("token", "=", id)

    def remove_of(self, owner: str) -> int:
        """End all tokens of a user; returns how many there were."""
        return self._remove("owner", "=", plain(owner)[:255])

    def _remove(self, column: str, compare: str, value: Any) -> int:
        self._table.make()
        which = f"{self._table.quoted(column)} {compare} :value"
        return execute(self._table.database, f"DELETE FROM {self._table.name} WHERE {which}", value=value).changed

    def _prepare(self) -> None:
        """Make the table at first use, and remove what has expired, then and once a day."""
        now = time.time()
        if now - self._purged > DAY:
            self._purged = now
            self._remove("expire", "<", now)


def hashed(text: str | bytes) -> str:
    """What is kept of a token. Tokens are random, so that a plain hash cannot be guessed from a list of words."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()


def _new(size: int) -> str:
    return secrets.token_hex((size + 1) // 2)[:size]


def _row(token: Token) -> dict[str, Any]:
    """The token as a row of the table."""
    return {
        "token": token.id,
        "user": dumps(token.user).decode(),
        "type": token.type,
        "expire": token.expire,
        "owner": token.owner,
        "created": token.created,
        "scope": dumps(token.scope._asdict()).decode() if any(token.scope) else None,
        "note": plain(token.note),
        **token.extra,
    }


def _live(row: Row) -> Token | None:
    """The token of a row; None if it has expired."""
    if not row["expire"] > time.time():
        return None
    values = dict(row)
    user, kind, expire = orjson.loads(values.pop("user")), values.pop("type"), values.pop("expire")
    scope, note, id = values.pop("scope"), values.pop("note"), values.pop("token")
    created, used = values.pop("created"), values.pop("used")
    del values["owner"]
    scope = Scope(**orjson.loads(scope)) if scope else Scope()
    return Token(user, kind, expire, values, scope, note or "", created or 0.0, used or 0.0, id)
