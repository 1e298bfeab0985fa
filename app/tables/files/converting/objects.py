"""JSON that is no list of records, made into an object on each line.

An object is taken, in this order, as `{"columns": [...], "data": [[...], ...]}`, as one that has a list of records
below one of its keys, as columns (`{"a": [1, 2]}`, or `{"a": {"0": 1, "1": 2}}` as pandas writes it), as one record.
A file that has an object on each line already stays what it is.
"""

import json
import shutil
from collections.abc import Mapping
from typing import Any

from . import Refused


def write(path: str, target: str, options: Mapping[str, Any], unpacked: int) -> None:
    """Write the records. Raises `Refused`, which names the line of an error."""
    with open(path, "rb") as file:
        text = _text(file.read())
    try:
        found = _read(text)
    except json.JSONDecodeError as error:
        if not _is_json(text.partition("\n")[0]):
            raise Refused(f"line {error.lineno}: {error.msg[0].lower()}{error.msg[1:]}") from None
        shutil.copyfile(path, target)
        return
    records = _below(found, options["records"]) if options["records"] else _rows(found)
    with open(target, "w", encoding="utf-8") as file:
        for record in records:
            file.write(f"{json.dumps(record)}\n")


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Refused(f"line {line} is not utf-8: {error.reason}") from error


def _read(text: str) -> Any:
    return json.loads(text, parse_constant=lambda _: None)  # NaN is no JSON, but some write it


def _is_json(text: str) -> bool:
    try:
        _read(text)
    except json.JSONDecodeError:
        return False
    return True


def _below(value: Any, keys: str) -> list[Any]:
    """The records below some keys, joined by points."""
    for key in keys.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise Refused(f"has nothing at {keys!r}")
        value = value[key]
    return _rows(value)


def _rows(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise Refused("holds no records")
    lists = [item for item in value.values() if _is_records(item)]
    if _is_split(value):
        return [dict(zip(value["columns"], row, strict=False)) for row in value["data"]]
    if len(lists) == 1:
        return list(lists[0])
    if value and all(isinstance(item, list) for item in value.values()):
        return _of_lists(value)
    if value and all(isinstance(item, dict) for item in value.values()):
        return _of_indexed(value)
    return [value] if value else []


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_split(value: dict[str, Any]) -> bool:
    columns, data = value.get("columns"), value.get("data")
    are_lists = isinstance(columns, list) and isinstance(data, list)
    return are_lists and all(isinstance(row, list) for row in data or ()) and _are_texts(columns or ())


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _of_lists(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise Refused(f"columns have different numbers of values: {lengths}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _of_indexed(columns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    index = dict.fromkeys(key for values in columns.values() for key in values)
    return [{name: values.get(key) for name, values in columns.items()} for key in index]
