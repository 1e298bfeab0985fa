"""A function's signature as the entry of its path in an OpenAPI 3.1 document."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.json_provider import dumps
from app.signatures import REQUIRED, Parameter, Signature

_WITH_BODY = ("post", "put", "patch")


def openapi(signature: Signature, path: str, methods: Iterable[str] = ("GET",)) -> dict[str, Any]:
    """The Path Item Object of the function at a path such as `/total/{year}` (OpenAPI 3.1.0 §4.8.9)."""
    return {method.lower(): _operation(signature, path, method.lower()) for method in methods}


def _operation(signature: Signature, path: str, method: str) -> dict[str, Any]:
    in_path = [p for p in signature.arguments if f"{{{p.name}}}" in path]
    others = [p for p in signature.arguments if p not in in_path]
    in_body = others if method in _WITH_BODY else []
    parameters = [
        *(_parameter(p, "path") for p in in_path),
        *(_parameter(p, "query") for p in others if not in_body),
        *(_parameter(p, "header") for p in signature.parameters if p.kind.source == "header"),
    ]
    about: dict[str, Any] = {
        "summary": signature.summary,
        "description": signature.description,
        "parameters": parameters,
    }
    operation = {key: value for key, value in about.items() if value}
    if in_body:
        operation["requestBody"] = _body(in_body, signature.extra is not None)
    return {"operationId": f"{signature.name}_{method}", **operation, "responses": _responses(signature)}


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    name = parameter.name.replace("_", "-") if place == "header" else parameter.name
    described = {"description": parameter.help} if parameter.help else {}
    required = parameter.required or place == "path"
    return {"name": name, "in": place, "required": required, **described, "schema": _schema(parameter)}


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.kind.schema or {})
    if parameter.default is not REQUIRED:
        try:
            schema["default"] = orjson.loads(dumps(parameter.default))
        except TypeError:  # a default that JSON has no form for is the function's own business
            pass
    return schema


def _body(parameters: list[Parameter], open_ended: bool) -> dict[str, Any]:
    properties = {p.name: _schema(p) | ({"description": p.help} if p.help else {}) for p in parameters}
    required = [p.name for p in parameters if p.required]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": open_ended}
    schema |= {"required": required} if required else {}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"required": bool(required), "content": {kind: {"schema": schema} for kind in kinds}}


def _responses(signature: Signature) -> Mapping[str, Any]:
    said = "; ".join(f"{name}: {text}" for name, text in signature.raises.items())
    return {
        "200": {"description": "What the function returns"},
        "400": {"description": "Arguments that are missing, wrong, repeated or unknown"},
        "500": {"description": f"The function failed. {said}".strip()},
    }
