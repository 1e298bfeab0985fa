"""What pydantic found wrong with settings, in plain words and with the path of the key in the YAML."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from app.mistakes import KeyPath, did_you_mean

SECRET = re.compile(r"(?i)passw|secret|token|key|credential")
"""Finds names of what no message may show."""


class Explained(NamedTuple):
    """One mistake: the path of its key below the validated value, the message, whether the key itself is wrong."""

    path: KeyPath
    message: str
    about_key: bool


def explained(error: ValidationError, kind: Any, value: Any) -> Iterator[Explained]:
    """What is wrong with the value that was validated as this kind; one message for each key."""
    found: dict[tuple[KeyPath, bool], list[tuple[str, str]]] = {}
    for details in error.errors(include_url=False):
        path = _path(details["loc"], value)
        about_key = details["type"] == "extra_forbidden" or details["loc"][-1:] == ("[key]",)
        found.setdefault((path, about_key), []).append((_says(details, kind, path), _not(details, path)))
    for (path, about_key), messages in found.items():
        yield Explained(path, _joined(messages), about_key)


def _joined(messages: list[tuple[str, str]]) -> str:
    """Alternatives, as of a value that may be text or a list, in one sentence; what stands there is said once."""
    first, *others = dict.fromkeys(says for says, _ in messages)
    said = ", or ".join([first, *(other.removeprefix("should be ") for other in others)])
    return said + next((instead for _, instead in messages if instead), "")


def _path(location: tuple[int | str, ...], value: Any) -> KeyPath:
    """The location without what pydantic puts between the keys: names of union members and of validators."""
    path: list[int | str] = []
    for number, part in enumerate(location):
        if isinstance(value, Mapping) and part in value or isinstance(value, list) and isinstance(part, int):
            path.append(part)
            value = value[part]  # type: ignore[index]  # a mapping that has the key, or a list
        elif number == len(location) - 1 and isinstance(value, Mapping) and part != "[key]":
            path.append(part)
    return tuple(path)


_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "model": "a mapping of keys to values",
    "dict": "a mapping of keys to values",
}
"""pydantic's names of kinds, as its types of errors begin with them, and ours."""


def _says(details: ErrorDetails, kind: Any, path: KeyPath) -> str:
    """What the value should be."""
    match details["type"]:
        case "missing":
            field = _fields(kind, path[:-1]).get(path[-1])
            return f"is required: {field.description}" if field is not None and field.description else "is required"
        case "extra_forbidden":
            return "unknown key" + did_you_mean(path[-1], _fields(kind, path[:-1]))
        case "value_error":
            return str(details["ctx"]["error"])
        case "string_type" if isinstance(details["input"], int | float):
            return "should be text in quotes"
    named, _, rest = details["type"].partition("_")
    if named in _KINDS and rest in ("type", "parsing", "from_float", "attributes_type", "parsing_size"):
        return f"should be {_KINDS[named]}"
    return details["msg"].replace("Input should", "should").replace("a valid ", "a ").replace("valid ", "")


def _not(details: ErrorDetails, path: KeyPath) -> str:
    """`, not 'abc'`: what stands there, unless that is said already, or the key says that it is a secret."""
    if details["type"] in ("missing", "extra_forbidden", "value_error") or any(SECRET.search(str(p)) for p in path):
        return ""
    value = details["input"]
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    choices = re.findall(r"'([^']*)'", details["ctx"]["expected"]) if details["type"] == "literal_error" else ()
    return f", not {shown if len(shown) <= 60 else shown[:57] + '...'}{did_you_mean(value, choices)}"


def _fields(kind: Any, path: KeyPath) -> dict[Any, Any]:
    """The fields of the model at this path below the kind; empty where the path ends in something else."""
    model = _model(kind)
    for part in path:
        if model is None:
            break
        if issubclass(model, RootModel):
            model = _model(model.model_fields["root"].annotation)
        elif part in model.model_fields:
            model = _model(model.model_fields[str(part)].annotation)
    return dict(model.model_fields) if model is not None else {}


def _model(kind: Any) -> type[BaseModel] | None:
    """The model in an annotation, as in `dict[int, Page]` or `Listen | None`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((model for model in map(_model, get_args(kind)) if model is not None), None)
