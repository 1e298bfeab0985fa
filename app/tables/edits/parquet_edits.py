"""Rows of a Parquet file changed by a DuckDB of its own; types, compression and the file's own metadata stay."""

import os
from pathlib import Path
from typing import Any

import duckdb

from app.tables.columns import Column, Kind
from app.tables.edits.changes import Invalid, Record
from app.tables.edits.patches import TYPES, Patch, free_name
from app.tables.edits.transactions import Full
from app.tables.files.copies import Options, literal, nested, quoted
from app.tables.limits import LIMITS
from app.tables.source import Down


def write(old: Path | None, beside: Path, patch: Patch, _options: Options) -> None:
    """Write the file with the changes, or a new one. Raises Invalid for a value that a column cannot hold."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": LIMITS.threads,
        "memory_limit": f"{LIMITS.memory + LIMITS.working}B",
        "temp_directory": "",
    }
    db = duckdb.connect(":memory:", config=config)
    try:
        db.execute("SET TimeZone='UTC'")
        _write(db, old, beside, patch)
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        raise Invalid(_said(error)) from error
    except duckdb.Error as error:
        if os.strerror(28) in str(error):
            raise Full(f"{patch.name}: {_said(error)}") from error
        raise Down(f"{patch.name}: {_said(error)}") from error
    finally:
        db.close()


def _write(db: duckdb.DuckDBPyConnection, old: Path | None, beside: Path, patch: Patch) -> None:
    number = quoted(free_name(patch.columns))
    if old is None:
        db.execute(f"CREATE TABLE t ({number} BIGINT, {', '.join(map(_declared, patch.columns))})")
    else:
        names = ", ".join(quoted(column.name) for column in patch.columns)
        source = f"read_parquet({literal(old)}, file_row_number=true)"
        db.execute(f"CREATE TABLE t AS SELECT file_row_number AS {number}, {names} FROM {source}")
    patch.check((db.execute("SELECT count(*) FROM t").fetchone() or (0,))[0])
    _apply(db, patch, number)
    names = ", ".join(quoted(column.name) for column in patch.columns)
    options = ", ".join(["FORMAT parquet", *_kept(db, old)])
    db.execute(f"COPY (SELECT {names} FROM t ORDER BY {number}) TO {literal(beside)} ({options})")


def _declared(column: Column) -> str:
    return f"{quoted(column.name)} {'VARCHAR' if column.kind is Kind.OTHER else TYPES[column.kind]}"


def _apply(db: duckdb.DuckDBPyConnection, patch: Patch, number: str) -> None:
    _check_nested(db, patch)
    if patch.deleted:
        db.execute(f"DELETE FROM t WHERE {number} IN (SELECT unnest($1::BIGINT[]))", [sorted(patch.deleted)])
    for row, values in patch.updated.items():
        cells = ", ".join(f"{quoted(name)} = ${index}" for index, name in enumerate(values, 2))
        db.execute(f"UPDATE t SET {cells} WHERE {number} = $1", [row, *values.values()])
    if patch.inserted:
        marks = ", ".join(f"${index}" for index in range(1, len(patch.columns) + 2))
        rows: list[Any] = [[*each] for each in zip(patch.inserted, *zip(*patch.new_rows(), strict=True), strict=True)]
        db.executemany(f"INSERT INTO t VALUES ({marks})", rows)


def _check_nested(db: duckdb.DuckDBPyConnection, patch: Patch) -> None:
    """Raise Invalid for lists and objects, whose types only those who made the file know."""
    types = {name: kind for name, kind, *_ in db.execute("DESCRIBE t").fetchall()}
    changed: list[Record] = [*patch.updated.values(), *patch.inserted.values()]
    names = {name for values in changed for name, value in values.items() if value is not None}
    for name in names:
        if nested(types[name]):
            raise Invalid(f"{name}: lists and objects of a Parquet file cannot be edited")


def _kept(db: duckdb.DuckDBPyConnection, old: Path | None) -> list[str]:
    """Options of the new file that the old one has."""
    if old is None:
        return []
    found = db.execute(f"SELECT any_value(compression) FROM parquet_metadata({literal(old)})").fetchone()
    compression = str((found or ["SNAPPY"])[0] or "SNAPPY")
    pairs = db.execute(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata({literal(old)})").fetchall()
    kept = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in pairs if key != "ARROW:schema")
    options = [f"COMPRESSION {literal(compression)}"] if compression in _COMPRESSIONS else []
    return [*options, f"KV_METADATA {{{kept}}}"] if kept else options


_COMPRESSIONS = frozenset({"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4_RAW"})


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(": ")[2]
