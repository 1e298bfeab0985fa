"""JSON read by DuckDB: a list of records, or an object on each line, and what `converting.objects` makes such lines of.

Values that are objects or lists stay JSON.
"""

import json
from dataclasses import replace

import duckdb

from app.tables.files import conversions
from app.tables.files.copies import Copy, Damaged, literal, nested

_SEARCHED = 50_000_000
"""Characters of JSON that are read in Python, to find an error or another form: that needs several times the memory."""


def read(copy: Copy) -> None:
    """Make the table. Raises Damaged, and the errors of DuckDB."""
    is_object = copy.format == "json" and _start(copy).startswith("{")
    _records(_as_lines(copy) if is_object or copy.options.records else copy)


def _records(copy: Copy) -> None:
    try:
        types = copy.described(_source(copy, "sample_size=-1, maximum_depth=2, records=true"))
        kept = {name: _type(kind) for name, kind in types.items()}
        columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kept.items())
        copy.create(kept, _source(copy, f"columns={{{columns}}}"))
    except (duckdb.Error, UnicodeDecodeError):  # the latter, of DuckDB's own message
        if _start(copy).strip() != ("[]" if copy.format == "json" else ""):
            _find_error(copy)
            raise


def _source(copy: Copy, more: str) -> str:
    layout = "array" if copy.format == "json" else "newline_delimited"
    return (
        f"read_json({literal(copy.path)}, compression='none', format='{layout}', "
        f"convert_strings_to_integers=false, map_inference_threshold=-1, maximum_object_size=67108864, {more})"
    )


def _type(kind: str) -> str:
    """Values of several types are text, as in a CSV; what is nested is JSON."""
    if kind in ("JSON", '"NULL"', "UUID"):
        return "VARCHAR"
    return "JSON" if nested(kind) else kind


def _start(copy: Copy) -> str:
    """The beginning of the file, without spaces."""
    with copy.opened() as file:
        return "".join(file.read(1000).split())


def _find_error(copy: Copy) -> None:
    """Raise Damaged that names the line, which DuckDB does not tell, or not rightly."""
    _find_wrong_bytes(copy)
    with copy.opened() as file:
        texts = [(1, file.read(_SEARCHED))] if copy.format == "json" else enumerate(file, 1)
        for number, text in texts:
            try:
                json.loads(text if text.strip() else "null")
            except json.JSONDecodeError as error:
                if len(text) < _SEARCHED:
                    raise Damaged(f"line {number + error.lineno - 1}: {error.msg[0].lower()}{error.msg[1:]}") from None


def _find_wrong_bytes(copy: Copy) -> None:
    with copy.path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise Damaged(f"line {number} is not utf-8: {error.reason}") from error


def _as_lines(copy: Copy) -> Copy:
    """A copy with a record on each line. Raises `Damaged`."""
    if copy.path.stat().st_size > _SEARCHED:
        raise Damaged(f"JSON that is no list of records may have at most {_SEARCHED} bytes")
    lines = replace(copy, format="ndjson", path=copy.path.with_name("lines"))
    conversions.run("objects", copy.path, lines.path, {"records": copy.options.records})
    return lines
