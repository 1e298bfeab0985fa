"""A folder as a table: a row for each file and each folder below it, however deep.

    source = Folder(Path("/data"))

Links are rows, but what they lead to is not looked into. A walk ends after ten seconds, with what it has found by then.
"""

import csv
import logging
import os
import stat
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from app.tables.columns import Column, Kind
from app.tables.files import csv_files
from app.tables.files.duckdb_answer import Answer, answered
from app.tables.files.loading import Engine, engine
from app.tables.query import Query
from app.tables.source import Down, Missing

log = logging.getLogger("skerry")

LONGEST = 10.0
"""Seconds that a walk may take (reference: gramex.md §9)."""

COLUMNS = (
    Column("type", Kind.TEXT, nullable=False),
    Column("dir", Kind.TEXT, nullable=False),
    Column("name", Kind.TEXT, nullable=False),
    Column("path", Kind.TEXT, nullable=False),
    Column("size", Kind.INTEGER, nullable=False),
    Column("mtime", Kind.FLOAT, nullable=False),
    Column("level", Kind.INTEGER, nullable=False),
)
_TYPES = {"mtime": "DOUBLE", "size": "BIGINT", "level": "BIGINT"}


class Folder:
    """A folder, walked at each query. See `app.tables.source.Source`."""

    def __init__(self, path: Path, tables: Engine | None = None):
        self.path, self._tables = path, tables or engine()

    def columns(self) -> tuple[Column, ...]:
        """See Source."""
        if not self.path.is_dir():
            raise Missing(f"there is no folder {self.path}")
        return COLUMNS

    def state(self) -> None:
        """None: to know it takes a walk. See Source."""

    def run(self, query: Query, timeout: float) -> Answer:
        """See Source."""
        self.columns()
        return answered(self._tables, self._tables.made(self._fill), query, timeout, self.path.name)

    def _fill(self, db: DuckDBPyConnection, table: str) -> tuple[Column, ...]:
        types = {column.name: _TYPES.get(column.name, "VARCHAR") for column in COLUMNS}
        with self._tables.folder() as folder:
            rows = folder / "rows.csv"
            try:
                with rows.open("w", newline="", encoding="utf-8", errors="replace") as file:
                    csv.writer(file).writerows(_timed(self.path))
            except OSError as error:
                raise Down(f"{self.path.name}: {error.strerror}") from error
            cells = "* REPLACE (coalesce(type, '') AS type)"  # without an extension it is empty, and not null
            db.execute(f"CREATE TABLE {table} AS SELECT {cells} FROM {csv_files.plain(rows, types)}")
        return COLUMNS


def _timed(top: Path) -> Iterator[list[Any]]:
    """The rows that are found in time."""
    until = time.monotonic() + LONGEST
    for row in walked(top):
        yield row
        if time.monotonic() > until:
            log.warning("%s: has more than can be listed in %g s, the rest is left out", top, LONGEST)
            return


def walked(top: Path) -> Iterator[list[Any]]:
    """A row for each file and folder below, those of a folder before those of the folders in it, in order of names."""
    folders = [(str(top), 0)]
    while folders:
        path, level = folders.pop()
        inside = []
        for entry in _entries(path):
            found = _status(entry)
            if found is None:
                continue
            is_folder = stat.S_ISDIR(found.st_mode)
            if is_folder:
                inside.append((entry.path, level + 1))
            kind = "dir" if is_folder else os.path.splitext(entry.name)[1]
            yield [kind, path, entry.name, entry.path, found.st_size, repr(found.st_mtime), level]
        folders += reversed(inside)


def _entries(path: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(path) as entries:
            return sorted(islice(entries, _MOST), key=lambda entry: entry.name)
    except OSError as error:  # it has gone meanwhile, or is not for us
        log.info("%s: %s", path, error.strerror)
        return []


_MOST = 1_000_000
"""Entries of one folder."""


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None  # it has gone meanwhile
