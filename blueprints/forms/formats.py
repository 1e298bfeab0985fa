"""Rows as bytes, batch by batch: what is streamed never has to fit into memory."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from app.json_provider import dumps

Row = Sequence[Any]
Batches = Iterable[Sequence[Row]]


class Format(NamedTuple):
    """How rows are written: `write(names, batches)` gives pieces of the body."""

    content_type: str
    extension: str
    write: Callable[[Sequence[str], Batches], Iterator[bytes]]


def records(names: Sequence[str], batches: Batches) -> Iterator[bytes]:
    """A JSON array of objects."""
    before = b"["
    for batch in batches:
        if batch:
            yield before + _json([dict(zip(names, row, strict=True)) for row in batch])[1:-1]
            before = b",\n"
    yield b"[]" if before == b"[" else b"]"


def records_with_epochs(names: Sequence[str], batches: Batches) -> Iterator[bytes]:
    """The same with times in milliseconds since 1970, as the original writes them (gramex.md §11)."""
    return records(names, ([[_epoch(value) for value in row] for row in batch] for batch in batches))


def lines(names: Sequence[str], batches: Batches) -> Iterator[bytes]:
    """A JSON object on each line."""
    for batch in batches:
        yield b"".join(_json(dict(zip(names, row, strict=True))) + b"\n" for row in batch)


def commas(names: Sequence[str], batches: Batches) -> Iterator[bytes]:
    """CSV in UTF-8, with the mark by which Excel knows it (gramex.md §11). What has no value is empty (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(names)
    for batch in batches:
        writer.writerows([_cell(value) for value in row] for row in batch)
        yield _taken(buffer)
    yield _taken(buffer)


def _json(value: Any) -> bytes:
    """JSON in which a time has no zone, as in the table: other JSON of ours takes times without a zone as local."""
    try:
        return orjson.dumps(value, default=lambda other: orjson.Fragment(dumps(other)))
    except TypeError:  # a whole number of more than 64 bits, as a sum may be
        return dumps(_with_texts(value))


def _with_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_texts(item) for item in value]
    return {name: item.isoformat() if isinstance(item, date) else item for name, item in value.items()}


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return dumps(value).decode().strip('"') if isinstance(value, bytes | dict | list) else value


def _epoch(value: Any) -> Any:
    if not isinstance(value, date):
        return value
    midnight = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return int((midnight.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() * 1000)


FORMATS = {
    "json": Format("application/json", "json", records),
    "ndjson": Format("application/x-ndjson", "ndjson", lines),
    "csv": Format("text/csv; charset=utf-8", "csv", commas),
}
