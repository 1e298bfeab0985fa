"""The JSON Schema of the YAML (`flask schema`), with which an editor completes it and marks mistakes."""

import importlib
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from app import mail
from app.entries import BASE, KEYS, OWN
from app.guards import GUARDS, cache, log
from app.schema import Features
from app.sections import App
from app.settings import Upper
from app.storelocations import StoreLocations

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_CONDITIONAL: Schema = {" if ": {}, r"\$": {}}
"""Keys with a condition or a variable are checked when they have been resolved."""

_VARIABLE: Schema = {"anyOf": [{"type": "string", "pattern": r"\$"}, {"type": "null"}]}
"""`$NAME` may stand for any value, and null takes away what an imported file says."""

_DOTTED: Schema = {"type": "string", "pattern": r"^\w+(\.\w+)+$"}
"""A handler of the site's own."""

_IMPORT: Schema = {"description": "Other YAML files to put here: a path, a list, or names with paths; globs too"}


def build(features: Features) -> Schema:
    """The schema of a site's file, for these features."""
    modules: dict[str, list[str]] = {}
    features = {name: module for name, module in features.items() if name != OWN}
    for name, module in features.items():
        modules.setdefault(module, []).append(name)
    guards = {f"guard.{key}": _guard(key) for key in GUARDS if key != "cache"}
    kwargs = {module: _kwargs(module) for module in modules}
    sections = {
        "version": {"enum": [1, "1.0"], "description": "Of the format: 1.0"},
        "import": _IMPORT,
        "variables": {"type": "object", "description": "Names for $NAME and ${NAME} in values"},
        "app": _of(App),
        "log": _of(log.SiteSettings),
        "mime": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Extension: type"},
        "cache": {"type": "object", "additionalProperties": _of(cache.Store), "description": "Stores of answers"},
        "storelocations": _of(StoreLocations),
        "email": {"type": "object", "additionalProperties": _of(mail.Service), "description": "Mail servers by name"},
        "handlers": _handlers(features),
        "url": {"type": "object", "additionalProperties": _entry(modules), "description": "The mounts by name"},
    }
    return {"$schema": DIALECT, "title": "Skerry site", **_closed(sections), "$defs": {**guards, **kwargs}}


def _closed(properties: Schema) -> Schema:
    """An object that has these keys and no others."""
    return {
        "type": "object",
        "properties": {key: _or_variable(schema) for key, schema in properties.items()},
        "patternProperties": _CONDITIONAL,
        "additionalProperties": False,
    }


def _or_variable(schema: Schema) -> Schema:
    """The schema, with a variable and null for any value that it does not take already."""
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        about = {key: schema[key] for key in schema if key == "description"}
        return about | {"anyOf": [schema, _VARIABLE]}
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], _VARIABLE]}
    if kind == "string":
        return schema | {"type": ["string", "null"]}
    # One schema for all kinds gives better messages than `anyOf`; `pattern` is only about text.
    return schema | {"type": [kind, "string", "null"], "pattern": r"\$"} if isinstance(kind, str) else schema


def _handlers(features: Features) -> Schema:
    """The defaults for all mounts of a handler. Nothing is required there, as the mounts say the rest."""
    own = {name: {"$ref": f"#/$defs/{module}"} for name, module in features.items()}
    base = {"type": "object", "properties": _guards(), "description": "Settings for every mount"}
    closed = _closed(own | {BASE: base}) | {"description": "Settings for all mounts of a handler"}
    return closed | {"patternProperties": _CONDITIONAL | {_DOTTED["pattern"]: {"type": "object"}}}


def _entry(modules: dict[str, list[str]]) -> Schema:
    """A mount; what its `kwargs` may hold follows from its handler."""
    names = [name for names in modules.values() for name in names]
    handler = {"anyOf": [{"enum": names}, _DOTTED], "description": "What the mount does: a name, or module.Class"}
    properties = dict.fromkeys(KEYS, {}) | {
        "pattern": {"type": "string", "description": "Which URLs: a regular expression, or <int:id> placeholders"},
        "handler": handler,
        "service": handler | {"description": "Another name for `handler`; wins over it"},
        "kwargs": {"type": "object", "description": "The settings of the handler and of the guards"},
        "priority": {"type": "number", "description": "Mounts of higher priority are tried first; 0 unless set"},
        "cache": _switch(cache.Settings) | {"description": "Keep answers and give them again"},
        "openapi": {"type": "object", "description": "What to say of this mount in the API's description"},
        "import": _IMPORT,
    }
    choices = [{"if": _handled_by(names), "then": _with_kwargs(module)} for module, names in modules.items()]
    return _closed(properties) | {"required": ["pattern"], "allOf": choices}


def _handled_by(names: list[str]) -> Schema:
    either = [{"properties": {key: {"enum": names}}, "required": [key]} for key in ("handler", "service")]
    return {"anyOf": either}


def _with_kwargs(module: str) -> Schema:
    """What follows for an entry from its feature."""
    required = _of(importlib.import_module(module).Settings).get("required", [])
    own = {"allOf": [{"$ref": f"#/$defs/{module}"}], "required": required}
    return {"properties": {"kwargs": {"anyOf": [own, {"required": ["import"]}, _VARIABLE]}}}


def _kwargs(module: str) -> Schema:
    """The settings of a feature together with those of the guards."""
    model = importlib.import_module(module).Settings
    own = _of(model)["properties"]
    schema = _closed(_guards() | own | {"import": _IMPORT})
    return schema | {"additionalProperties": own[model.others]["additionalProperties"]} if model.others else schema


def _guards() -> Schema:
    methods = TypeAdapter(Upper).json_schema() | {"description": "Which HTTP methods the mount answers"}
    guards = {key: {"$ref": f"#/$defs/guard.{key}"} for key in GUARDS if key != "cache"}
    return guards | {"methods": methods}


def _guard(key: str) -> Schema:
    """A guard's settings."""
    module = GUARDS[key]
    return _or_variable(_switch(module.Settings) | {"description": (module.__doc__ or "").split("\n")[0]})


def _switch(model: type[BaseModel]) -> Schema:
    """A guard's settings, which are also switched off by false, and may have short forms, as true or text."""
    schema = _of(model)
    one = [{"type": "string"}] if _takes(model, "str") else []
    if schema.get("type") == "array":  # also without the brackets
        one.append(schema["items"])
        schema = schema | {"items": {"anyOf": one}}
    elif _takes(model, ["str"]):
        one.append({"type": "array"})
    return {"anyOf": [schema, *one, {"type": "boolean"} if _takes(model, True) else {"const": False}]}


def _takes(model: type[BaseModel], value: Any) -> bool:
    """Whether a guard takes a value of this kind for short. The text `str` is an expression as well as an address."""
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def _of(model: type[BaseModel]) -> Schema:
    """A model's schema with its definitions in place, so that it can stand anywhere."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    return _inlined(schema, definitions)  # type: ignore[no-any-return]  # a dict stays a dict


def _inlined(part: Any, definitions: Schema) -> Any:
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        part = definitions[name] | {key: value for key, value in part.items() if key != "$ref"}
    part = {key: _inlined(value, definitions) for key, value in part.items() if not _is_noise(key, value)}
    if part.get("additionalProperties") is False:
        part |= _closed(part.get("properties", {}))
    return part


def _is_noise(key: str, value: Any) -> bool:
    """pydantic's titles repeat the keys."""
    return key == "title" and isinstance(value, str)
