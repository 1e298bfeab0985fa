"""Changes of a data file: it is read, changed and replaced as a whole, under a lock.

The rows that are meant are found in a copy of the table in DuckDB, so that every operator means what it means when
the file is read. Then their text is changed, row by row (`csv_text`, `json_text`), or their cells (`workbook_edits`,
`parquet_edits`). A file that somebody else has changed meanwhile is read again, and the work begins anew.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import sqlalchemy as sa

from app import offload
from app.tables.columns import Column, Kind, Value
from app.tables.edits import csv_text, json_text, parquet_edits, workbook_edits
from app.tables.edits.changes import Invalid, Record
from app.tables.edits.locking import PATIENCE, Changed, locked, replace
from app.tables.edits.patches import TYPES, Patch, free_name
from app.tables.edits.transactions import Refused, Transaction
from app.tables.files import packing
from app.tables.files.copies import Options, quoted
from app.tables.files.duckdb_answer import written
from app.tables.files.file import File
from app.tables.files.loading import Engine, Loaded, engine, stamp_of
from app.tables.files.readers import format_of
from app.tables.query import Filter, Op, Query
from app.tables.source import Down, Missing, Row
from app.tables.sql import compiled
from app.tables.sql.reading import reader

T = TypeVar("T")
LARGEST = 256 << 20
"""Bytes of a file that is edited. It has to fit into memory several times."""

_BATCH = 200
"""Rows that are put into DuckDB, or keys that are looked for, by one statement."""


class FileEditor:
    """Changes a data file. See `app.tables.edits.transactions.Editor`.

    `first` are the columns of the file if it is not there yet, or has none; without them it must be there.
    """

    def __init__(self, file: File, first: Sequence[Column] = ()):
        """Raises Refused for a file of a format that cannot be written."""
        self._path, self._options, self._first = file.path.resolve(), file.options, tuple(first)
        self._format, self._packed = format_of(file.path.name, file.options)
        if self._format not in _FORMATS or file.options.range or file.options.records:
            raise Refused(f"{file.path.name}: files of this kind can be read, and not edited")

    def transact(self, work: Callable[[Transaction], T], timeout: float) -> T:
        """See Editor."""
        with locked(self._path):
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    return self._attempt(work, timeout)
                except Changed:
                    if time.monotonic() > until:
                        raise Down(f"{self._path.name}: somebody else writes it all the time") from None

    def _attempt(self, work: Callable[[Transaction], T], timeout: float) -> T:
        stamp, loaded = self._loaded(timeout)
        return offload.run(lambda: self._change(work, stamp, loaded))

    def _loaded(self, timeout: float) -> tuple[Any, Loaded | None]:
        """The state of the file and its table; None for a file without columns, or that is to be made."""
        try:
            stamp = stamp_of(self._path)
        except Missing:
            if not self._first:
                raise
            return None, None
        if stamp.size > LARGEST:
            raise Refused(f"{self._path.name}: is too large to be edited: put it into a database")
        if not stamp.size and self._first:
            return stamp, None
        loaded = engine().loaded(self._path, self._options, timeout)
        return stamp, loaded if loaded.columns else None

    def _change(self, work: Callable[[Transaction], T], stamp: Any, loaded: Loaded | None) -> T:
        with _copied(engine(), loaded, self._first) as (cursor, columns, count):
            rows = _Rows(cursor, Patch(self._path.name, columns, count))
            result = work(rows)
        if rows.patch:
            write = partial(self._write, rows.patch, bool(loaded), stamp)
            replace(self._path, write, lambda: self._check(stamp))
        return result

    def _check(self, stamp: Any) -> None:
        try:
            found = stamp_of(self._path)
        except Missing:
            found = None
        if found != stamp:
            raise Changed

    def _write(self, patch: Patch, is_there: bool, stamp: Any, beside: Path) -> None:
        """Write the file as it shall be."""
        old = self._path if is_there else None
        try:
            _FORMATS[self._format](old, beside, patch, self._options, self._packed)
        except OSError:  # the disk
            raise
        except Exception:  # whatever it is, it may be that the file is another one by now
            self._check(stamp)
            raise


@contextmanager
def _copied(
    tables: Engine, loaded: Loaded | None, first: tuple[Column, ...]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[Column, ...], int]]:
    """A copy of the table, called `edited`, with the number of each row; its columns, and how many rows it has."""
    cursor, columns = tables.cursor(), loaded.columns if loaded else first
    try:
        with tables.call(cursor):
            number = quoted(free_name(columns))
            if loaded:
                cursor.execute(f"CREATE TEMP TABLE edited AS SELECT rowid AS {number}, * FROM {loaded.table}")
            else:
                types = ", ".join(f"{quoted(column.name)} {TYPES[column.kind]}" for column in columns)
                cursor.execute(f"CREATE TEMP TABLE edited ({number} BIGINT, {types})")
            count = (cursor.execute("SELECT count(*) FROM edited").fetchone() or (0,))[0]
            yield cursor, columns, count
    finally:
        cursor.execute("DROP TABLE IF EXISTS edited")
        cursor.close()


class _Rows:
    """The table of a file in a transaction. See `app.tables.edits.transactions.Transaction`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, patch: Patch):
        self.columns, self.patch = patch.columns, patch
        self._cursor, self._pending = cursor, dict[int, Record]()
        self._table = sa.table(
            "edited", *(sa.column(column.name) for column in self.columns), sa.column(free_name(self.columns))
        )
        self._order = self._table.c[free_name(self.columns)]
        self._numbered = f"{quoted(free_name(self.columns))} IN (SELECT unnest($1::BIGINT[]))"
        self._json = {column.name for column in self.columns if column.kind is Kind.OTHER}

    def find(self, filters: Sequence[Filter]) -> list[Row]:
        """See Transaction."""
        self._flush()
        names = [self._table.c[column.name] for column in self.columns]
        raw = [sa.type_coerce(cell, sa.types.NullType()) for cell in names]
        selects = (sa.select(self._order, *raw).where(self._passing(some)) for some in _split(filters))
        found = sorted((row for select in selects for row in self._run(select)), key=lambda row: int(row[0]))
        return [self._as_read(row) for row in reader(self.columns)([row[1:] for row in found])]

    def insert(self, rows: Sequence[Record], key: Sequence[str]) -> list[Record]:
        """See Transaction. A key that is one integer gets the next number where a row has none."""
        keys: list[Record] = []
        numbers = self._next_numbers(rows, key)
        for row in rows:
            if numbers is not None and row.get(key[0]) is None:
                row = {**row, key[0]: next(numbers)}
            self._pending[self.patch.insert(row)] = row
            keys.append({name: row.get(name) for name in key})
        return keys

    def update(self, filters: Sequence[Filter], values: Record) -> int:
        """See Transaction."""
        numbers = self._numbers(filters)
        names = list(values)
        cells = ", ".join(f"{quoted(name)} = ${index}" for index, name in enumerate(names, 2))
        kept = [self._as_kept(name, values[name]) for name in names]
        self._execute(f"UPDATE edited SET {cells} WHERE {self._numbered}", [numbers, *kept])
        for number in numbers:
            self.patch.update(number, values)
        return len(numbers)

    def delete(self, filters: Sequence[Filter]) -> int:
        """See Transaction."""
        numbers = self._numbers(filters)
        self._execute(f"DELETE FROM edited WHERE {self._numbered}", [numbers])
        for number in numbers:
            self.patch.delete(number)
        return len(numbers)

    def _numbers(self, filters: Sequence[Filter]) -> list[int]:
        self._flush()
        selects = (sa.select(self._order).where(self._passing(some)) for some in _split(filters))
        return sorted(int(row[0]) for select in selects for row in self._run(select))

    def _query(self, filters: Sequence[Filter]) -> Query:
        return Query(tuple(column.name for column in self.columns), tuple(filters), limit=None)

    def _passing(self, filters: Sequence[Filter]) -> sa.ColumnElement[bool]:
        found = compiled.select(self._query(filters), self._table, self.columns, "duckdb").whereclause
        return sa.true() if found is None else found

    def _run(self, statement: sa.Select[Any]) -> list[Row]:
        return self._execute(*written(statement))

    def _execute(self, sql: str, values: Sequence[Any]) -> list[Row]:
        try:
            return list(self._cursor.execute(sql, values).fetchall())
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise Invalid(str(error).partition("\n")[0].partition(": ")[2]) from error
        except duckdb.ConstraintException as error:  # the table has no constraints of its own
            raise Invalid(str(error).partition("\n")[0]) from error
        except duckdb.Error as error:
            raise Down(str(error).partition("\n")[0]) from error

    def _as_kept(self, name: str, value: Value | None) -> Value | None:
        """A value as DuckDB takes it: what is JSON there is written as such."""
        return json_text.as_json(str(value)) if name in self._json and value is not None else value

    def _as_read(self, row: Row) -> Row:
        """A row whose nested values are what their JSON says, as those who query the file see it."""
        if not self._json:
            return row
        pairs = zip(self.columns, row, strict=True)
        return tuple(json_text.read(value) if column.kind is Kind.OTHER else value for column, value in pairs)

    def _flush(self) -> None:
        """Put the new rows into the table, now that somebody asks."""
        pending, self._pending = self._pending, {}
        remaining = iter(pending.items())
        while batch := list(itertools.islice(remaining, _BATCH)):
            values: list[Any] = []
            for number, row in batch:
                values += [number, *(self._as_kept(column.name, row.get(column.name)) for column in self.columns)]
            width = len(self.columns) + 1
            marks = (
                f"({', '.join(f'${at + index}' for index in range(1, width + 1))})"
                for at in range(0, len(values), width)
            )
            self._execute(f"INSERT INTO edited VALUES {', '.join(marks)}", values)

    def _next_numbers(self, rows: Sequence[Record], key: Sequence[str]) -> Iterator[int] | None:
        kinds = [column.kind for column in self.columns if column.name in key]
        if kinds != [Kind.INTEGER] or all(row.get(key[0]) is not None for row in rows):
            return None
        self._flush()
        highest = self._execute(f"SELECT max({quoted(key[0])}) FROM edited", ())[0][0] or 0
        given = (value for row in rows if isinstance(value := row.get(key[0]), int))
        return itertools.count(max([highest, *given]) + 1)


def _split(filters: Sequence[Filter]) -> Iterator[tuple[Filter, ...]]:
    """The filters, one with many values in parts: the time that SQLAlchemy takes grows with their square."""
    long = next((item for item in filters if item.op is Op.EQUAL and len(item.values) > _BATCH), None)
    if long is None:
        yield tuple(filters)
        return
    others = [item for item in filters if item is not long]
    for start in range(0, len(long.values), _BATCH):
        yield from _split((*others, Filter(long.column, Op.EQUAL, long.values[start : start + _BATCH])))


def _data(old: Path | None, packed: str) -> bytes:
    """What is in a file, unpacked."""
    if old is None:
        return b""
    with old.open("rb") as file:
        return b"".join(packing.KINDS[packed](file)) if packed else file.read()


def _save(beside: Path, data: bytes, packed: str) -> None:
    if packed == "gz":
        import gzip

        data = gzip.compress(data)
    elif packed:
        import zstandard

        data = zstandard.compress(data)
    beside.write_bytes(data)


def _csv(separator: str, old: Path | None, beside: Path, patch: Patch, options: Options, packed: str) -> None:
    separator, data = options.sep or separator, _data(old, packed)
    if old is None:
        data = csv_text.empty(patch.columns, separator, options.encoding)
    above = options.header
    new = csv_text.patched(data, patch, separator, options.encoding, above if old else 0, options.na_values)
    _save(beside, new, packed)


def _json(
    change: Callable[[str, Patch], str], old: Path | None, beside: Path, patch: Patch, _: Options, packed: str
) -> None:
    data = _data(old, packed)
    text = data.decode("utf-8-sig")
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    try:
        new = change(text, patch)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Refused(f"{patch.name}: cannot be edited: Python does not take it for JSON") from error
    _save(beside, mark + new.encode(), packed)


def _unpacked(
    write: Callable[[Path | None, Path, Patch, Options], None],
    old: Path | None,
    beside: Path,
    patch: Patch,
    options: Options,
    packed: str,
) -> None:
    if packed:
        raise Refused(f"{patch.name}: cannot be edited: only text files can be so while they are packed")
    write(old, beside, patch, options)


_Write = Callable[[Path | None, Path, Patch, Options, str], None]
_FORMATS: Mapping[str, _Write] = {
    "csv": partial(_csv, ","),
    "tsv": partial(_csv, "\t"),
    "json": partial(_json, json_text.patched_list),
    "ndjson": partial(_json, json_text.patched_lines),
    "parquet": partial(_unpacked, parquet_edits.write),
    "xlsx": partial(_unpacked, workbook_edits.write),
    "xlsm": partial(_unpacked, workbook_edits.write),
}
