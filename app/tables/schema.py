"""The JSON Schema (draft 2020-12) of a table: what one of its rows looks like in our JSON.

{"type": "object", "properties": {"id": {"type": "integer"}, "day": {"type": ["string", "null"], "format": "date"}},
 "required": ["id", "day"], "additionalProperties": false, "x-key": ["id"]}
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from app.tables.columns import Column, Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(columns: Sequence[Column], key: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of a row. `key` names the columns that tell rows apart; by default the primary key.

    A date and time has the format `date-time` although it has no zone (RFC 3339 wants one): it is UTC. `x-kind` is the
    column's kind by our name where the type of JSON and its format leave it open.
    """
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {column.name: _property(column) for column in columns},
        "required": [column.name for column in columns],
        "additionalProperties": False,
        "x-key": list(key) or [column.name for column in columns if column.key],
    }


def _property(column: Column) -> dict[str, Any]:
    found = dict(_TYPES[column.kind])
    if column.nullable and "type" in found:
        found["type"] = [found["type"], "null"]
    return found


_TYPES: Mapping[Kind, Mapping[str, Any]] = MappingProxyType(
    {
        Kind.BOOLEAN: {"type": "boolean"},
        Kind.INTEGER: {"type": "integer"},
        Kind.FLOAT: {"type": "number"},
        Kind.DECIMAL: {"type": "number", "x-kind": "decimal"},
        Kind.TEXT: {"type": "string"},
        Kind.DATE: {"type": "string", "format": "date"},
        Kind.TIME: {"type": "string", "format": "time"},
        Kind.DATETIME: {"type": "string", "format": "date-time"},
        Kind.BINARY: {"type": "string", "contentEncoding": "base64"},
        Kind.OTHER: {},
    }
)
"""A column of another kind may hold anything: objects, lists, texts."""
