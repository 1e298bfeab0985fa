"""The form page of a typed function: its fields, and the result as people read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson

from app.json_provider import dumps
from app.signatures import REQUIRED, Parameter, Signature

ROWS = 1000
"""Rows of a table that are shown."""

_INPUTS: Mapping[Any, str] = {
    int: "number",
    float: "number",
    Decimal: "number",
    date: "date",
    datetime: "datetime-local",
    time: "time",
}
_LONG = 60  # characters of a default that ask for more than one line


@dataclass(frozen=True)
class Field:
    """One field: `widget` is select, textarea, checkbox, or the type of an input."""

    name: str
    label: str
    widget: str
    values: tuple[str, ...]
    choices: tuple[str, ...] = ()
    many: bool = False
    required: bool = False
    step: str = ""
    help: str = ""
    error: str = ""


def fields(signature: Signature, given: Mapping[str, Sequence[str]], errors: Mapping[str, str]) -> list[Field]:
    """The fields with the values given, or else the defaults, and what is wrong with each."""
    return [
        _field(parameter, given.get(parameter.name), errors.get(parameter.name, ""))
        for parameter in signature.arguments
    ]


def _field(parameter: Parameter, given: Sequence[str] | None, error: str) -> Field:
    kind = parameter.kind
    values = _defaults(parameter) if given is None else tuple(given)
    choices = kind.choices or (("true", "false") if kind.base is bool and kind.nullable else ())
    return Field(
        name=parameter.name,
        label=parameter.name.replace("_", " ").strip().capitalize() or parameter.name,
        widget=_widget(parameter, choices, values, wrong=bool(error and values)),
        values=values,
        choices=choices,
        many=kind.many,
        required=parameter.required and kind.base is not bool,
        step="1" if kind.base is int else "any",
        help=parameter.help,
        error=error,
    )


def _widget(parameter: Parameter, choices: Sequence[str], values: Sequence[str], wrong: bool) -> str:
    """What the field is. One of text shows a wrong value again, where one of numbers would drop it."""
    kind = parameter.kind
    if choices:
        return "select"
    if kind.many or kind.structured or any("\n" in value or len(value) > _LONG for value in values):
        return "textarea"
    if kind.base is bool:
        return "checkbox"
    return "text" if wrong else _INPUTS.get(kind.base, "text")


def _defaults(parameter: Parameter) -> tuple[str, ...]:
    default = parameter.default
    if default is REQUIRED or default is None:
        return ()
    if parameter.kind.many and isinstance(default, list | tuple | set | frozenset):
        return tuple(map(_text, default))
    return (_text(default),)


def _text(value: Any) -> str:
    """A default as a field of its kind has it."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="minutes")
    if isinstance(value, bool | dict | list):
        return dumps(value).decode()
    return str(value)


@dataclass(frozen=True)
class Shown:
    """A result as the page shows it: as HTML, as rows of a table, or as text."""

    html: str | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    total: int = 0
    text: str = ""


def shown(result: Any, written: bytes = b"") -> Shown:
    """The result for a page. Text is shown as text, unless it says that it is HTML (`__html__`, as Markup has it)."""
    if hasattr(result, "__html__") and not written:
        return Shown(html=str(result.__html__()))
    if isinstance(result, str | bytes) or result is None or written:
        rest = b"" if result is None else _as_bytes(result)
        return Shown(text=(written + rest).decode(errors="replace"))
    plain = orjson.loads(dumps(result))
    if plain and isinstance(plain, list) and all(isinstance(row, dict) for row in plain):
        return _table(plain)
    return Shown(text=orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode())


def _as_bytes(result: Any) -> bytes:
    return result if isinstance(result, bytes) else result.encode() if isinstance(result, str) else dumps(result)


def _table(records: list[dict[str, Any]]) -> Shown:
    columns = tuple(dict.fromkeys(name for record in records for name in record))
    rows = tuple(tuple(_cell(record.get(name)) for name in columns) for record in records[:ROWS])
    return Shown(columns=columns, rows=rows, total=len(records))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
