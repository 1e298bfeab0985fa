"""Tables that a site may put anywhere: made at first use, with our columns and those that the YAML adds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import current_app

from app.state.database import Conflict, Database, Execute, Row, Unavailable, connect, execute

if TYPE_CHECKING:
    from app.application import Application

KEY = "VARCHAR(255) PRIMARY KEY"
TEXT = "TEXT"
TIME = "DOUBLE PRECISION"

_TWINS = ("42710", "42P07")
"""PostgreSQL's codes for types and for tables and indexes that are there already."""

_TABLES = "skerry.tables"
_MYSQL = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
"""MariaDB would take `Bob` for `bob`, and may not know all characters."""


class Table:
    """One table. Names may be words of SQL, as `user` is, and have dots. Columns that are `indexed` are found fast.

    Every method raises Unavailable while the database is down.
    """

    def __init__(self, url: str, folder: Path, name: str, columns: Mapping[str, str], indexed: Sequence[str] = ()):
        mysql = url.startswith(("mysql", "mariadb"))
        self._mark, self._options = ("`", _MYSQL) if mysql else ('"', "")
        self.database = connect(url, folder)
        self.name, self.columns = self.quoted(name), dict(columns)
        self._indexes = {column: self.quoted(f"{name}_{column}") for column in indexed}
        self._ready = False

    def quoted(self, name: str) -> str:
        """The name as SQL takes it."""
        return f"{self._mark}{name}{self._mark}"

    def find(self, key: str, value: str) -> Row | None:
        """The row with this value in a column that is a key."""
        self.make()
        rows = self.database.read(f"SELECT * FROM {self.name} WHERE {self.quoted(key)} = :value", value=value)
        return rows[0] if rows else None

    def insert(self, execute: Execute, values: Mapping[str, Any]) -> None:
        """Add a row in a transaction; raises Conflict for a key that is there."""
        given = {f"v{number}": value for number, value in enumerate(values.values())}
        names, marks = ", ".join(map(self.quoted, values)), ", ".join(f":{mark}" for mark in given)
        execute(f"INSERT INTO {self.name} ({names}) VALUES ({marks})", **given)

    def make(self) -> None:
        """Make the table, or the columns that it lacks. What is all there costs a read, at first use."""
        if not self._ready:
            if not self._has(*self.columns):
                self._create()
            self._ready = True

    def _create(self) -> None:
        columns = ", ".join(f"{self.quoted(name)} {kind}" for name, kind in self.columns.items())
        make_once(self.database, f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}){self._options}")
        for column, index in self._indexes.items():
            make_once(self.database, f"CREATE INDEX IF NOT EXISTS {index} ON {self.name} ({self.quoted(column)})")
        for name, kind in self.columns.items():
            if not self._has(name):
                self._add(name, kind)

    def _add(self, name: str, kind: str) -> None:
        try:
            execute(self.database, f"ALTER TABLE {self.name} ADD COLUMN {self.quoted(name)} {kind}")
        except Unavailable:
            if not self._has(name):  # another worker has not been faster
                raise

    def _has(self, *names: str) -> bool:
        # With the table's name before it, SQLite does not take a quoted name for text.
        columns = ", ".join(f"{self.name}.{self.quoted(name)}" for name in names)
        try:
            self.database.read(f"SELECT {columns} FROM {self.name} WHERE 1 = 0")
        except Unavailable:
            return False
        return True


def make_once(database: Database, sql: str) -> None:
    """Run a `CREATE ... IF NOT EXISTS`, also if another worker does at the same moment."""
    try:
        execute(database, sql)
    except (Conflict, Unavailable) as error:
        if not _made_by_another(error):
            raise


def _made_by_another(error: Conflict | Unavailable) -> bool:
    """Whether PostgreSQL says that another worker has made the same at this moment: `IF NOT EXISTS` looks too early."""
    original = getattr(error.__cause__, "orig", None)
    return isinstance(error, Conflict) or getattr(original, "sqlstate", None) in _TWINS


def located(name: str, columns: Mapping[str, str]) -> Table:
    """The table that `storelocations:` has under a name, with these columns besides those of the YAML."""
    tables: dict[str, Table] = current_app.extensions.setdefault(_TABLES, {})
    if name not in tables:
        site = cast("Application", current_app).site
        place = getattr(site.storelocations, name)
        tables[name] = Table(place.url, site.config.folder / "var", place.table, {**place.columns, **columns})
    return tables[name]


def plain(text: str) -> str:
    """The text without what some databases refuse: the null character, and halves of characters."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
