"""How DuckDB reads each format of data files into a table, and what it says of one that it cannot read.

The file is a copy that nobody else writes. NaN is null, times with a zone become those of UTC, and nested values of
JSON and Parquet are JSON.
"""

import errno
import gzip
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from app.tables import csv_files, excel
from app.tables.columns import Column, Kind
from app.tables.copies import Copy, Damaged, Options, literal, nested
from app.tables.source import Down, Unreadable


def create(db: DuckDBPyConnection, copy: Path, name: str, table: str, options: Options) -> tuple[Column, ...]:
    """Make a table of the copy of the file called `name`, and return its columns. Raises `Unreadable`.

    Raises another `Down` where not the file but the memory or the disk is at fault.

    A file that holds no columns, as the JSON of an empty list, makes no table.
    """
    format, gzipped = format_of(name, options)
    made = Copy(db, copy, format, gzipped, table, options)
    try:
        _READERS[format](made)
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException) or os.strerror(errno.ENOSPC) in str(error):
            raise Down(f"{name}: {_reason(error)}") from error
        raise Unreadable(f"{name}: {_reason(error).replace(str(copy), name)}") from error
    except (UnicodeError, EOFError, gzip.BadGzipFile, excel.NoSheet, Damaged) as error:
        raise Unreadable(f"{name}: {error}") from error
    except OSError as error:
        raise Down(f"{name}: {error.strerror}") from error
    return made.columns()


def format_of(name: str, options: Options) -> tuple[str, bool]:
    """The format of a file, one of `FORMATS`, and whether it is gzipped. Raises ValueError for others."""
    stem, gzipped = (name[:-3], True) if name.lower().endswith(".gz") else (name, False)
    wanted = (options.format or stem.rpartition(".")[2]).lower()
    format = _SYNONYMS.get(wanted, wanted)
    if format not in _READERS or (gzipped and format not in _TEXTS):
        raise ValueError(f"{name}: no format of tables that is known: should be one of {', '.join(FORMATS)}")
    return format, gzipped


def _json(copy: Copy) -> None:
    """Records: a list of objects, or an object on each line. Values that are objects or lists stay JSON."""
    try:
        types = copy.described(_json_source(copy, "sample_size=-1, maximum_depth=2, records=true"))
        kept = {name: _json_type(kind) for name, kind in types.items()}
        columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kept.items())
        copy.create(kept, _json_source(copy, f"columns={{{columns}}}"))
    except duckdb.Error:
        if not _is_empty_json(copy):
            _find_json_error(copy)
            raise


def _json_source(copy: Copy, more: str) -> str:
    layout = "array" if copy.format == "json" else "newline_delimited"
    return (
        f"read_json({literal(copy.path)}, {copy.compression}, format='{layout}', "
        f"convert_strings_to_integers=false, map_inference_threshold=-1, maximum_object_size=67108864, {more})"
    )


def _json_type(kind: str) -> str:
    """Values of several types are text, as in a CSV; what is nested is JSON."""
    if kind in ("JSON", '"NULL"', "UUID"):
        return "VARCHAR"
    return "JSON" if nested(kind) else kind


def _is_empty_json(copy: Copy) -> bool:
    with copy.opened() as file:
        start = "".join(file.read(1000).split())
    return start == ("[]" if copy.format == "json" else "")


def _find_json_error(copy: Copy) -> None:
    """Raise Damaged that names the line, which DuckDB does not tell, or not rightly."""
    with copy.opened() as file:
        texts = [(1, file.read(_SEARCHED))] if copy.format == "json" else enumerate(file, 1)
        for number, text in texts:
            try:
                json.loads(text if text.strip() else "null")
            except json.JSONDecodeError as error:
                if len(text) < _SEARCHED:
                    raise Damaged(f"line {number + error.lineno - 1}: {error.msg[0].lower()}{error.msg[1:]}") from None


_SEARCHED = 50_000_000
"""Characters of a JSON list that are searched for its error: Python needs several times as much memory."""


def _parquet(copy: Copy) -> None:
    source = f"read_parquet({literal(copy.path)})"
    copy.create(copy.described(source), source)


def _excel(copy: Copy) -> None:
    cells = excel.read(copy.path, copy.options.sheet, copy.options.table, copy.options.header)
    if not cells.columns:
        return
    rows = copy.path.with_name("rows.csv")
    excel.write_csv(cells, rows)
    types = {column.name: _OF_KIND[column.kind] for column in cells.columns}
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    source = f"read_csv({literal(rows)}, auto_detect=false, delim=',', quote='\"', escape='\"', columns={{{columns}}})"
    copy.create(types, source)


_OF_KIND: Mapping[Kind, str] = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.DATETIME: "TIMESTAMP",
}
_TEXTS: Mapping[str, Callable[[Copy], None]] = {
    **dict.fromkeys(("csv", "tsv"), csv_files.read),
    **dict.fromkeys(("json", "ndjson"), _json),
}
_READERS = {**_TEXTS, "parquet": _parquet, **dict.fromkeys(excel.FORMATS, _excel)}
_SYNONYMS = {"jsonl": "ndjson", "tab": "tsv", "pq": "parquet", "jsondata": "json", "excel": "xlsx"}
FORMATS = tuple(_READERS)
"""The formats that can be read; those before parquet also gzipped."""


_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def _reason(error: Exception) -> str:
    """What DuckDB found, without its advice, which names options that are not ours."""
    text = str(error)
    line = csv_files.LINE.search(text)
    if line is None:
        return text.partition("\n")[0].partition(": ")[2]
    found = text[line.end() :].strip().splitlines()
    said = next((part for part in found if part and not part.startswith("Original Line:")), "cannot be read")
    return f"line {line[1]}: " + _WIDTH.sub(r"\2 values for \1 columns", said)
