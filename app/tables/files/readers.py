"""How DuckDB reads each format of data files into a table, and what it says of one that it cannot read.

The file is a copy that nobody else writes. NaN is null, times with a zone become those of UTC, and nested values of
JSON, Parquet and Arrow are JSON.
"""

import errno
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from app.extras import need
from app.tables.columns import Column, Kind
from app.tables.files import conversions, csv_files, excel, json_files, packing
from app.tables.files.copies import Copy, Damaged, Options, literal
from app.tables.source import Down, Unreadable


def create(db: DuckDBPyConnection, copy: Path, name: str, table: str, options: Options) -> tuple[Column, ...]:
    """Make a table of the copy of the file called `name`, and return its columns. Raises `Unreadable`.

    Raises another `Down` where not the file but the memory or the disk is at fault.

    A file that holds no columns, as the JSON of an empty list, makes no table.
    """
    format, packed = format_of(name, options)
    try:
        made = Copy(db, packing.unpack(copy, packed) if packed else copy, format, table, options)
        _READERS[format](made)
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException) or os.strerror(errno.ENOSPC) in str(error):
            raise Down(f"{name}: {_reason(error)}") from error
        raise Unreadable(f"{name}: {_reason(error).replace(str(made.path), name)}") from error
    except (UnicodeError, Damaged) as error:
        raise Unreadable(f"{name}: {error}") from error
    except OSError as error:
        raise Down(f"{name}: {error.strerror}") from error
    return made.columns()


def format_of(name: str, options: Options) -> tuple[str, str]:
    """The format of a file, one of `FORMATS`, and how it is packed: "", "gz" or "zst". Raises ValueError for others."""
    stem, _, last = name.rpartition(".")
    packed = last.lower() if last.lower() in packing.KINDS else ""
    wanted = (options.format or (stem if packed else name).rpartition(".")[2]).lower()
    format = _SYNONYMS.get(wanted, wanted)
    if format not in _READERS:
        raise ValueError(f"{name}: no format of tables that is known: should be one of {', '.join(FORMATS)}")
    return format, packed


def check(name: str, options: Options) -> None:
    """Raise ValueError for a file of no format that is known, or without the package that reads it."""
    format, packed = format_of(name, options)
    for what in (format, packed):
        if what in _PACKAGES:
            modules, extra = _PACKAGES[what]
            need(modules, extra, name)


_PACKAGES: Mapping[str, tuple[Mapping[str, str], str]] = {
    **dict.fromkeys(excel.FORMATS, ({"python_calamine": "python-calamine"}, "tables")),
    "html": ({"lxml": "lxml"}, "tables"),
    "zst": ({"zstandard": "zstandard"}, "tables"),
    "feather": ({"pyarrow": "pyarrow"}, "arrow"),
}


def _parquet(copy: Copy) -> None:
    source = f"read_parquet({literal(copy.path)})"
    copy.create(copy.described(source), source)


def _excel(copy: Copy) -> None:
    rows = copy.path.with_name("rows.csv")
    columns = excel.write_csv(copy.path, rows, copy.options)
    if columns:
        types = {column.name: _OF_KIND[column.kind] for column in columns}
        copy.create(types, csv_files.plain(rows, types))


def _html(copy: Copy) -> None:
    page = copy if csv_files.is_utf8(copy) or _says_its_encoding(copy.path) else csv_files.rewritten(copy)
    rows = copy.path.with_name("rows.csv")
    conversions.run("pages", page.path, rows, {"table": copy.options.table})
    options = Options(header=copy.options.header, na_values=copy.options.na_values)
    csv_files.read(replace(copy, path=rows, format="csv", options=options))


def _says_its_encoding(page: Path) -> bool:
    with page.open("rb") as file:
        return b"charset" in file.read(4096).lower()


def _arrow(copy: Copy) -> None:
    from app.tables.files import arrow_files

    arrow_files.read(copy)


_OF_KIND: Mapping[Kind, str] = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.DATETIME: "TIMESTAMP",
}
_READERS: Mapping[str, Callable[[Copy], None]] = {
    **dict.fromkeys(("csv", "tsv"), csv_files.read),
    **dict.fromkeys(("json", "ndjson"), json_files.read),
    "parquet": _parquet,
    "feather": _arrow,
    **dict.fromkeys(excel.FORMATS, _excel),
    "html": _html,
}
_SYNONYMS = {
    "jsonl": "ndjson",
    "tab": "tsv",
    "pq": "parquet",
    "jsondata": "json",
    "excel": "xlsx",
    "htm": "html",
    **dict.fromkeys(("arrow", "arrows", "ipc"), "feather"),
}
FORMATS = tuple(_READERS)
"""The formats that can be read, each also packed as one of `packing.KINDS`."""


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
