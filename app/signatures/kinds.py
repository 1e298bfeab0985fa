"""Type hints -> how a parameter's values are made from texts and JSON, and how its JSON Schema and messages read."""

import datetime
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from functools import reduce
from inspect import Parameter
from operator import or_
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from app.handler import Handler

Source = Literal["argument", "header", "handler"]

WANTED: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Decimal: "a decimal number",
    UUID: "a UUID",
    datetime.date: "a date as 2024-02-29",
    datetime.datetime: "a date and time as 2024-02-29T13:45",
    datetime.time: "a time as 13:45",
    dict: "a JSON object",
}
"""How messages name a type."""

_CONSTRAINTS = ("greater_", "less_", "multiple_", "string_too", "string_pattern", "too_")
"""How pydantic's names of errors begin where the type is right and the value is not."""

_MANY = (list, tuple, set, frozenset, typing.Sequence, typing.Iterable)
_ORIGINS = tuple(get_origin(kind) or kind for kind in _MANY)
_UNIONS = (Union, types.UnionType)


class Header(str):
    """As a type hint: the value is that of the request's header with the parameter's name."""


class NotOfKind(ValueError):
    """A value from which the wanted one cannot be made; the message says what is wanted, and the value."""


@dataclass(frozen=True)
class Kind:
    """What a type hint says of a parameter."""

    base: Any = str
    """The type itself, without None, Annotated and a list around it."""
    wanted: str = "text"
    adapter: TypeAdapter[Any] | None = None
    """None where values are taken as they come."""
    schema: Mapping[str, Any] | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    nullable: bool = False
    source: Source = "argument"
    help: str = ""
    known: bool = True
    """Whether values can be made of the hint; others take the last value as it comes."""

    @property
    def structured(self) -> bool:
        """Whether a text has to be JSON to be a value: for dicts, dataclasses and models."""
        return not self.many and (self.schema or {}).get("type") == "object"

    def convert(self, value: Any) -> Any:
        """The value as the hint wants it; raises NotOfKind."""
        if self.adapter is None:
            return value
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            raise NotOfKind(self._message(error)) from None

    def _message(self, error: ValidationError) -> str:
        first = error.errors(include_url=False)[0]
        if self.wanted and not first["type"].startswith(_CONSTRAINTS):
            return f"should be {self.wanted}, not {first['input']!r:.200}"
        said = first["msg"].removeprefix("Input ")
        where = ".".join(map(str, first["loc"]))
        at = f"at {where}: " if where and self.structured else ""
        return f"{at}{said[:1].lower()}{said[1:]}, not {first['input']!r:.200}"


def of(hint: Any, default: Any = Parameter.empty) -> Kind:
    """The kind of a hint; a list as the default makes a parameter without hint take all values."""
    if hint in (Parameter.empty, Any):
        many = isinstance(default, list | tuple)
        return Kind(many=many, schema={"type": "array", "items": {"type": "string"}} if many else {})
    texts = [text for text in getattr(hint, "__metadata__", ()) if isinstance(text, str)]
    if texts:
        return replace(of(_without_texts(hint), default), help=texts[0])
    if isinstance(hint, type) and issubclass(hint, Header):
        return Kind(source="header", schema={"type": "string"})
    if isinstance(hint, type) and issubclass(hint, Handler):
        return Kind(source="handler")
    return _converted(hint)


def _without_texts(hint: Any) -> Any:
    rest = tuple(item for item in hint.__metadata__ if not isinstance(item, str))
    return Annotated[(hint.__origin__, *rest)] if rest else hint.__origin__


def _converted(hint: Any) -> Kind:
    adapter = _adapter(_readable(hint))
    if adapter is None:
        return Kind(known=False, schema={})
    inner, nullable = _without_none(hint)
    many = inner in _MANY or (get_origin(inner) or inner) in _ORIGINS
    base = next(iter(get_args(inner)), str) if many else inner
    return Kind(base, _wanted(base), adapter, _schema(adapter), tuple(_choices(base)), many, nullable)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """`int | None` -> int and True. Constraints around a type do not change what it is."""
    if get_origin(hint) is Annotated:
        return _without_none(hint.__origin__)
    members = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
    rest = [member for member in members if member is not type(None)]
    return (rest[0] if len(rest) == 1 else reduce(or_, rest) if rest else str), len(rest) < len(members)


def _wanted(base: Any) -> str:
    """What is wanted in words; empty where pydantic's own message says it better, as for models."""
    if get_origin(base) is Annotated:
        return _wanted(base.__origin__)
    if get_origin(base) in _UNIONS:
        parts = [_wanted(member) for member in get_args(base)]
        return " or ".join(parts) if all(parts) else ""
    choices = _choices(base)
    return f"one of {', '.join(choices)}" if choices else WANTED.get(get_origin(base) or base, "")


def _choices(base: Any) -> dict[str, Any]:
    """The values that a Literal or an Enum allows, by their text."""
    if get_origin(base) is Literal:
        return {str(value): value for value in get_args(base)}
    if isinstance(base, type) and issubclass(base, Enum):
        return {str(member.value): member for member in base}
    return {}


def _readable(hint: Any) -> Any:
    """The hint with choices that can be made from their text, and unions tried from left to right."""
    origin, members = get_origin(hint), get_args(hint)
    if choices := _choices(hint):
        return Annotated[hint, BeforeValidator(_chosen(choices, hint))]
    if origin in _UNIONS:
        return _union(members)
    if origin is Annotated:
        return Annotated[(_readable(hint.__origin__), *hint.__metadata__)]
    if origin in _ORIGINS and members:
        inner = tuple(member if member is ... else _readable(member) for member in members)
        return origin[inner]
    return hint


def _union(members: tuple[Any, ...]) -> Any:
    """The members in their order, each tried before the next; None comes last."""
    rest = [_readable(member) for member in members if member is not type(None)]
    union = rest[0] if len(rest) == 1 else Annotated[reduce(or_, rest), Field(union_mode="left_to_right")]
    return union | None if len(rest) < len(members) else union


def _chosen(choices: Mapping[str, Any], hint: Any) -> Callable[[Any], Any]:
    """A choice's text, or the name of an Enum's member, as the choice itself."""
    names = dict(getattr(hint, "__members__", {}))

    def choose(value: Any) -> Any:
        return choices.get(value, names.get(value, value)) if isinstance(value, str) else value

    return choose


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(hint, config=ConfigDict(coerce_numbers_to_str=True))
    except PydanticSchemaGenerationError:
        return None
    except PydanticUserError:  # a model brings its own configuration
        return TypeAdapter(hint)


def _schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The JSON Schema, whole in itself: references would not resolve inside of an OpenAPI document."""
    try:
        schema = adapter.json_schema()
    except PydanticUserError:  # of a hint that JSON has no form for
        return {}
    named = schema.pop("$defs", {})
    return dict(_inlined(schema, named, ()))


def _inlined(schema: Any, named: Mapping[str, Any], above: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, named, above) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {} if name in above else _inlined(named[name], named, (*above, name))
    return {key: _inlined(value, named, above) for key, value in schema.items()}
