"""What databases say of a change that they refuse, in our words: which column, and what is wrong with it."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from app.tables.edits.changes import Invalid
from app.tables.edits.transactions import Conflict, Full, Refused

LOST = frozenset({"40001", "40P01", 1205, 1213})
"""How PostgreSQL and MariaDB say that a transaction was undone for the sake of another one."""


def code_of(error: BaseException) -> object:
    """The SQLSTATE of PostgreSQL, or the number of MariaDB and MySQL; None for what is neither."""
    first = next(iter(error.args), None)
    return first if isinstance(first, int) else getattr(error, "sqlstate", None)


def ours(error: BaseException) -> Exception | None:
    """What an error of a driver means for who changes a table; None if it is not about the change."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    code = code_of(error)
    if isinstance(code, int):
        return _of_mariadb(code, str(error.args[-1]))
    return _of_postgresql(code, getattr(error, "diag", None), str(error)) if isinstance(code, str) else None


_TAKEN = "{}: there is a row with this value already"
_NULL = "{}: needs a value"
_CHECK = "{}: the values break this rule of the table"
_ELSEWHERE = "{}: the value names a row of another table that is not there, or a row of another table needs this one"


def _of_sqlite(error: sqlite3.Error) -> Exception | None:
    code, text = getattr(error, "sqlite_errorcode", 0), str(error)
    columns = ", ".join(part.strip().rpartition(".")[2] for part in text.partition("failed: ")[2].split(","))
    if code & 0xFF == sqlite3.SQLITE_CONSTRAINT:
        return _SQLITE.get(code, _conflict)(columns or "a column", text)
    if code & 0xFF in (sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG):
        return Invalid(text)
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return Full(text)
    if code & 0xFF == sqlite3.SQLITE_READONLY or text.startswith(("cannot modify", "cannot INSERT", "cannot UPDATE")):
        return Refused(text)
    return None


def _taken(columns: str, _said: str) -> Exception:
    return Conflict(_TAKEN.format(columns))


def _conflict(_columns: str, said: str) -> Exception:
    return Conflict(said)


_SQLITE: Mapping[int, Callable[[str, str], Exception]] = MappingProxyType(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE: _taken,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: _taken,
        sqlite3.SQLITE_CONSTRAINT_ROWID: _taken,
        sqlite3.SQLITE_CONSTRAINT_NOTNULL: lambda columns, _: Invalid(_NULL.format(columns)),
        sqlite3.SQLITE_CONSTRAINT_CHECK: lambda columns, _: Invalid(_CHECK.format(columns)),
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: lambda _, __: Conflict(_ELSEWHERE.format("a reference")),
        sqlite3.SQLITE_CONSTRAINT_TRIGGER: lambda _, said: Invalid(said),
    }
)


def _of_postgresql(code: str, diag: Any, text: str) -> Exception | None:
    said = (getattr(diag, "message_primary", None) or text).partition("\n")[0]
    detail = getattr(diag, "message_detail", None) or ""
    key = re.match(r"Key \((.*?)\)=", detail)
    column = (key[1] if key else None) or getattr(diag, "column_name", None) or getattr(diag, "constraint_name", None)
    if code in _POSTGRESQL:
        kind, wanted = _POSTGRESQL[code]
        return kind(wanted.format(column or said))
    if code.startswith("22") or code == "P0001":  # a value that does not fit, or a trigger that refuses it
        return Invalid(said)
    return _general(said, code, _POSTGRESQL_REFUSALS, _POSTGRESQL_FULL)


_POSTGRESQL: Mapping[str, tuple[Callable[[str], Exception], str]] = MappingProxyType(
    {
        "23505": (Conflict, _TAKEN),
        "23P01": (Conflict, _TAKEN),
        "23503": (Conflict, _ELSEWHERE),
        "23502": (Invalid, _NULL),
        "23514": (Invalid, _CHECK),
        "42804": (Invalid, "{}"),
        "44000": (Invalid, _CHECK),
    }
)
_POSTGRESQL_REFUSALS = frozenset({"42501", "25006", "428C9", "55000", "0A000"})
_POSTGRESQL_FULL = frozenset({"53100"})


def _of_mariadb(code: int, text: str) -> Exception | None:
    said = text.partition("\n")[0]
    if code in _MARIADB:
        pattern, kind, wanted = _MARIADB[code]
        found = re.search(pattern, said)
        return kind(wanted.format(found[1] if found else said))
    return _general(said, code, _MARIADB_REFUSALS, _MARIADB_FULL)


def _general(said: str, code: object, refusals: frozenset[Any], full: frozenset[Any]) -> Exception | None:
    if code in refusals:
        return Refused(said)
    return Full(said) if code in full else None


_COLUMN = r"(?:column|Column|Field) (?:`[^`]*`\.`[^`]*`\.)?['`]([^'`]*)['`]"
_MARIADB: Mapping[int, tuple[str, Callable[[str], Exception], str]] = MappingProxyType(
    {
        1062: (r"for key '(?:[^'.]*\.)?(.*)'", Conflict, _TAKEN),
        1451: (r"FOREIGN KEY \(`(.*?)`\)", Conflict, _ELSEWHERE),
        1452: (r"FOREIGN KEY \(`(.*?)`\)", Conflict, _ELSEWHERE),
        1048: (_COLUMN, Invalid, _NULL),
        1364: (_COLUMN, Invalid, _NULL),
        1406: (_COLUMN, Invalid, "{}: the value is too long"),
        1264: (_COLUMN, Invalid, "{}: the number is too large"),
        1265: (_COLUMN, Invalid, "{}: is none of its values"),
        1292: (_COLUMN, Invalid, "{}: the value does not fit"),
        1366: (_COLUMN, Invalid, "{}: the value does not fit"),
        1367: (_COLUMN, Invalid, "{}: the value does not fit"),
        1644: (r"(.*)", Invalid, "{}"),
        3819: (r"constraint '(.*?)'", Invalid, _CHECK),
        4025: (r"CONSTRAINT `(.*?)` failed", Invalid, _CHECK),
    }
)
_MARIADB_REFUSALS = frozenset({1142, 1143, 1288, 1290, 1348, 1394, 1471, 1792, 1906, 3105})
_MARIADB_FULL = frozenset({1021, 1114})
