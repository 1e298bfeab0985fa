"""CSV and TSV read by DuckDB. The dialect is what the options say and never guessed, the types are.

They are those of all values: a first guess from a part that turns out wrong is made again from the whole. What is
guessed is never a loss: only ISO 8601 is a date (who is to say what 01/02/2024 means), `007` and `yes` are text.
"""

import csv
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path

import duckdb

from app.tables.files.copies import Copy, Damaged, distinct, literal, quoted, selected

LINE = re.compile(r"CSV Error on Line: (\d+)")
"""How DuckDB names the line of an error."""

_SAMPLE = 20_480
"""Rows of a CSV whose types are taken to be those of all, until they prove not to be."""

_TYPES = ["BIGINT", "HUGEINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"]


def read(copy: Copy) -> None:
    """Make the table. Raises Damaged, and the errors of DuckDB."""
    if not is_utf8(copy):
        copy = rewritten(copy)
    names = _header(copy)
    try:
        _guessed(copy, names)
    except duckdb.InvalidInputException as error:
        if LINE.search(str(error)):
            raise
        # What cannot be guessed is read without guesses, as that tells the line.
        _in_one_newline(copy, dict.fromkeys(names, "VARCHAR"))


def _guessed(copy: Copy, names: list[str]) -> None:
    types = _types(copy, names, _SAMPLE)
    try:
        _typed(copy, types, _first_truths(copy, types))
    except duckdb.ConversionException:
        _typed(copy, _types(copy, names, -1))
        _find_booleans(copy)


def _in_one_newline(copy: Copy, types: Mapping[str, str]) -> None:
    try:
        _typed(copy, types)
    except duckdb.InvalidInputException as error:
        if LINE.search(str(error)):
            raise
        _guessed(rewritten(copy), list(types))  # DuckDB does not take a file with two kinds of line ends
    else:
        _find_booleans(copy)


def _types(copy: Copy, names: list[str], sample: int) -> dict[str, str]:
    types = copy.described(_source(copy, f"sample_size={sample}, auto_type_candidates={_TYPES}"))
    return types if copy.options.header is not None else dict(zip(names, types.values(), strict=False))


def _typed(copy: Copy, types: Mapping[str, str], truths: Collection[str] = ()) -> None:
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    values = ", ".join(_truth(name) if name in truths else selected({name: kind}) for name, kind in types.items())
    source = _source(copy, f"auto_detect=false, columns={{{columns}}}")
    copy.db.execute(f"CREATE TABLE {copy.table} AS SELECT {values} FROM {source}")


def _truth(name: str) -> str:
    """A column of texts as booleans; another text than these two cannot be converted."""
    name = quoted(name)
    cases = f"WHEN 'true' THEN true WHEN 'false' THEN false ELSE ('no truth: ' || {name})::BOOLEAN"
    return f"CASE lower({name}) {cases} END AS {name}"


def plain(path: Path, types: Mapping[str, str]) -> str:
    """A CSV of our own, which has no header, as a table function."""
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    return (
        f"read_csv({literal(path)}, auto_detect=false, header=false, delim=',', quote='\"', escape='\"', "
        f"columns={{{columns}}})"
    )


def _source(copy: Copy, more: str) -> str:
    nulls = ", ".join(map(literal, ("", *copy.options.na_values)))
    header = copy.options.header
    return (
        f"read_csv({literal(copy.path)}, compression='none', "
        f"delim={literal(_separator(copy))}, quote='\"', escape='\"', "
        f"header={header is not None}, skip={header or 0}, comment='', strict_mode=true, "
        f"null_padding=false, nullstr=[{nulls}], dateformat='%Y-%m-%d', {more})"
    )


def _separator(copy: Copy) -> str:
    return copy.options.sep or ("\t" if copy.format == "tsv" else ",")


def _header(copy: Copy) -> list[str]:
    """The names in the header, made distinct. Raises `Damaged` for a file without one."""
    with copy.opened() as file:
        rows = csv.reader(file, delimiter=_separator(copy))
        try:
            names = next(islice(rows, copy.options.header or 0, None), None)
        except csv.Error as error:
            raise Damaged(f"line {rows.line_num}: {error}") from error
    if not names:
        raise Damaged("has no line with the names of columns")
    return distinct(names if copy.options.header is not None else [""] * len(names))


def is_utf8(copy: Copy) -> bool:
    """Whether the file is said to be UTF-8, or ASCII, which is part of it."""
    return copy.options.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "ascii")


def rewritten(copy: Copy) -> Copy:
    """The copy in UTF-8 with one kind of line ends. Raises Damaged that names the line."""
    target = copy.path.with_name("utf8")
    with (
        copy.opened(copy.options.encoding, "strict") as file,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        try:
            shutil.copyfileobj(file, written, 1 << 20)
        except UnicodeDecodeError as error:
            raise Damaged(f"line {_line_of(copy)} is not {copy.options.encoding}: {error.reason}") from error
    return replace(copy, path=target)


def _line_of(copy: Copy) -> int:
    """The first line that is not in the encoding, found by reading it line by line, which tells it exactly."""
    with copy.opened(copy.options.encoding) as file:
        return next((number for number, line in enumerate(file, 1) if "\ufffd" in line), 1)


def _first_truths(copy: Copy, types: Mapping[str, str]) -> list[str]:
    """The columns of text whose first values are all `true` and `false` in any case.

    DuckDB itself would take `t`, `y` and `yes` too, which are words as others, and whose text would be lost.
    """
    columns = zip(types, zip_longest(*_first_rows(copy), fillvalue=""), strict=False)
    nulls = {"", *copy.options.na_values}
    values = {name: {cell.lower() for cell in cells if cell not in nulls} for name, cells in columns}
    return [name for name, found in values.items() if types[name] == "VARCHAR" and found and found <= _TRUTHS]


def _first_rows(copy: Copy) -> Iterator[list[str]]:
    above = 0 if copy.options.header is None else copy.options.header + 1
    with copy.opened() as file:
        try:
            yield from islice(csv.reader(file, delimiter=_separator(copy)), above, above + _FEW)
        except csv.Error:
            pass  # DuckDB says which line


_FEW = 1000
_TRUTHS = {"true", "false"}


def _find_booleans(copy: Copy) -> None:
    """Make those columns of text booleans whose values are all `true` and `false`."""
    texts = [name for name, kind in copy.described(copy.table).items() if kind == "VARCHAR"]
    for name in _truths(copy, texts):
        copy.db.execute(f"ALTER TABLE {copy.table} ALTER {quoted(name)} TYPE BOOLEAN")


def _truths(copy: Copy, names: list[str]) -> list[str]:
    if not names:
        return []
    tests = ", ".join(f"bool_and(lower({quoted(name)}) IN ('true', 'false'))" for name in names)
    found = copy.db.execute(f"SELECT {tests} FROM {copy.table}").fetchone() or ()
    return [name for name, holds in zip(names, found, strict=False) if holds]
