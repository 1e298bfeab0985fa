"""CSV and TSV read by DuckDB. The dialect is what the options say and never guessed, the types are.

They are those of all values: a first guess from a part that turns out wrong is made again from the whole. What is
guessed is never a loss: only ISO 8601 is a date (who is to say what 01/02/2024 means), `007` and `yes` are text.
"""

import csv
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import duckdb

from app.tables import excel
from app.tables.copies import Copy, Damaged, literal, quoted

LINE = re.compile(r"CSV Error on Line: (\d+)")
"""How DuckDB names the line of an error."""

_SAMPLE = 20_480
"""Rows of a CSV whose types are taken to be those of all, until they prove not to be."""

_TYPES = ["BIGINT", "HUGEINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"]


def read(copy: Copy) -> None:
    """Make the table. Raises Damaged, and the errors of DuckDB."""
    if copy.options.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig", "ascii"):
        copy = _rewritten(copy)
    names = _header(copy)
    try:
        _guessed(copy)
    except duckdb.InvalidInputException as error:
        if LINE.search(str(error)):
            raise
        # What cannot be guessed is read without guesses, as that tells the line.
        _in_one_newline(copy, dict.fromkeys(names, "VARCHAR"))
    _find_booleans(copy)


def _guessed(copy: Copy) -> None:
    try:
        _typed(copy, _types(copy, _SAMPLE))
    except duckdb.ConversionException:
        _typed(copy, _types(copy, -1))


def _in_one_newline(copy: Copy, types: Mapping[str, str]) -> None:
    try:
        _typed(copy, types)
    except duckdb.InvalidInputException as error:
        if LINE.search(str(error)):
            raise
        _guessed(_rewritten(copy))  # DuckDB does not take a file with two kinds of line ends


def _types(copy: Copy, sample: int) -> dict[str, str]:
    return copy.described(_source(copy, f"sample_size={sample}, auto_type_candidates={_TYPES}"))


def _typed(copy: Copy, types: Mapping[str, str]) -> None:
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    copy.create(types, _source(copy, f"auto_detect=false, columns={{{columns}}}"))


def _source(copy: Copy, more: str) -> str:
    nulls = ", ".join(map(literal, ("", *copy.options.na_values)))
    return (
        f"read_csv({literal(copy.path)}, {copy.compression}, delim={literal(_separator(copy))}, "
        f"quote='\"', escape='\"', header=true, skip={copy.options.header}, comment='', strict_mode=true, "
        f"null_padding=false, nullstr=[{nulls}], dateformat='%Y-%m-%d', {more})"
    )


def _separator(copy: Copy) -> str:
    return copy.options.sep or ("\t" if copy.format == "tsv" else ",")


def _header(copy: Copy) -> list[str]:
    """The names in the header, made distinct. Raises `Damaged` for a file without one."""
    with copy.opened() as file:
        rows = csv.reader(file, delimiter=_separator(copy))
        try:
            names = next(islice(rows, copy.options.header, None), None)
        except csv.Error as error:
            raise Damaged(f"line {rows.line_num}: {error}") from error
    if not names:
        raise Damaged("has no line with the names of columns")
    return excel.distinct(names)


def _rewritten(copy: Copy) -> Copy:
    """The copy in UTF-8 with one kind of line ends, not gzipped. Raises Damaged that names the line."""
    target = copy.path.with_name("utf8")
    with (
        copy.opened(copy.options.encoding, "strict") as file,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        try:
            shutil.copyfileobj(file, written, 1 << 20)
        except UnicodeDecodeError as error:
            raise Damaged(f"line {_line_of(copy)} is not {copy.options.encoding}: {error.reason}") from error
    return replace(copy, path=target, gzipped=False)


def _line_of(copy: Copy) -> int:
    """The first line that is not in the encoding, found by reading it line by line, which tells it exactly."""
    with copy.opened(copy.options.encoding) as file:
        return next((number for number, line in enumerate(file, 1) if "\ufffd" in line), 1)


def _find_booleans(copy: Copy) -> None:
    """Columns whose values are all `true` and `false` in any case become booleans.

    DuckDB itself would take `t`, `y` and `yes` too, which are words as others, and whose text would be lost.
    """
    texts = [name for name, kind in copy.described(copy.table).items() if kind == "VARCHAR"]
    few = _truths(copy, texts, f"(FROM {copy.table} LIMIT 1000)")
    for name in _truths(copy, few, copy.table):
        copy.db.execute(f"ALTER TABLE {copy.table} ALTER {quoted(name)} TYPE BOOLEAN")


def _truths(copy: Copy, names: list[str], source: str) -> list[str]:
    if not names:
        return []
    tests = ", ".join(f"bool_and(lower({quoted(name)}) IN ('true', 'false'))" for name in names)
    found = copy.db.execute(f"SELECT {tests} FROM {source}").fetchone() or ()
    return [name for name, holds in zip(names, found, strict=False) if holds]
