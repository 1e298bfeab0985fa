"""The arguments of a request: of its query and of its form, as bytes, as text, and in the types that code asks for."""

import logging
from collections.abc import Iterable, Mapping
from reprlib import repr as shortened
from typing import Any
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import BadRequest

from app import request_id
from app.handler.attrdict import AttrDict
from app.mistakes import did_you_mean

log = logging.getLogger("skerry")

Raw = dict[str, list[bytes]]
"""Values as they were sent; each byte of a name is one character, as in WSGI."""

OPTIONS = ("name", "required", "default", "nargs", "type", "choices")
"""What `argparse` takes for one argument."""

_FORM = "application/x-www-form-urlencoded"
_FALSE = ("", "0", "false", "no", "off", "n", "f")


def of_query(request: Request) -> Raw:
    """The arguments of the query."""
    return _split(request.environ.get("QUERY_STRING", ""))


def has_body(request: Request) -> bool:
    """Whether anything comes after the headers."""
    return request.environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in request.environ


def of_body(request: Request) -> Raw:
    """The arguments of a form. Werkzeug reads those with files; it would not say what is not UTF-8 in the others."""
    if request.mimetype == _FORM:
        return _split(request.get_data().decode("latin-1"))
    return {_wire(name): [value.encode() for value in values] for name, values in request.form.lists()}


def _split(text: str) -> Raw:
    found: Raw = {}
    for name, value in parse_qsl(text, keep_blank_values=True, encoding="latin-1"):
        found.setdefault(name, []).append(value.encode("latin-1"))
    return found


def _wire(text: str) -> str:
    return text.encode().decode("latin-1")


def as_text(raw: Raw, environ: dict[str, Any]) -> dict[str, list[str]]:
    """The arguments as text. One that is not UTF-8 is dropped, and the log says so (reference: gramex.md §4)."""
    found = {}
    for name, values in raw.items():
        try:
            found[name.encode("latin-1").decode()] = [value.decode() for value in values]
        except UnicodeDecodeError as error:
            log.warning("%s: argument %r is not UTF-8, dropped: %s", request_id.of(environ), name, error.reason)
    return found


def merged(sources: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """All values of each name, in the order of the sources."""
    found: dict[str, list[Any]] = {}
    for source in sources:
        for name, values in source.items():
            found.setdefault(name, []).extend(values)
    return found


def argparse(given: Mapping[str, list[str]], *names: Any, **specs: Mapping[str, Any]) -> AttrDict:
    """The arguments that the names and specs ask for, and all others (seeds 003, `BaseMixin.argparse`).

    `names` are required. The first may be `list`, `str` or `bytes`, for how the arguments without spec come, or None to
    leave out those without name. `specs` have the OPTIONS. Raises BadRequest naming the argument, its value and what is
    wanted, and TypeError or ValueError for a spec that is wrong itself.
    """
    kind: Any = str
    if names and (names[0] is None or names[0] in (list, str, bytes)):
        kind, *names = names  # type: ignore[assignment]  # a list does as well
    result = AttrDict()
    for name in names:
        if not given.get(name):
            raise BadRequest(f"{name}: missing ?{name}=")
        result[name] = _as_kind(kind, given[name], -1)
    for key, spec in specs.items():
        _parse(result, key, spec, given)
    if kind is not None:
        rest = (name for name in given if name not in names and name not in specs)
        result.update({name: _as_kind(kind, given[name], 0) for name in rest})
    return result


def _as_kind(kind: Any, values: list[str], index: int) -> Any:
    if kind is list:
        return values
    return values[index].encode() if kind is bytes else values[index]


def _parse(result: AttrDict, key: str, spec: Mapping[str, Any], given: Mapping[str, list[str]]) -> None:
    """Put one argument into the result; without a value, default or `nargs` there is none."""
    for option in spec:
        if option not in OPTIONS:
            raise TypeError(f"argparse: {key}: there is no option {option!r}{did_you_mean(option, OPTIONS)}")
    name, nargs = spec.get("name", key), spec.get("nargs")
    values: list[Any] = given.get(name, [])
    if not values and "default" in spec:
        result[key] = spec["default"]
        return
    if not values and spec.get("required"):
        raise BadRequest(f"{key}: missing ?{name}=")
    values = [_converted(key, name, value, spec.get("type")) for value in _selected(key, values, nargs)]
    if spec.get("choices") is not None:
        _check_choices(key, name, values, list(spec["choices"]))
    if nargs is not None:
        result[key] = values
    elif values:
        result[key] = values[-1]


def _selected(key: str, values: list[str], nargs: Any) -> list[str]:
    """As many values as wanted; empty ones stand for those that are missing."""
    if isinstance(nargs, int):
        return [*values[:nargs], *[""] * (nargs - len(values))]
    if nargs not in ("*", "+", None):
        raise ValueError(f"argparse: {key}: nargs should be a number, '*' or '+', not {nargs!r}")
    return values


def _converted(key: str, name: str, value: str, kind: Any) -> Any:
    if kind is None:
        return value
    if kind is bool:
        return value.lower() not in _FALSE
    try:
        return kind(value)
    except (ValueError, TypeError, ArithmeticError):  # ArithmeticError is decimal's
        wanted = getattr(kind, "__name__", kind)
        raise BadRequest(f"{key}: type error ?{name}={shortened(value)}: should be {wanted}") from None


def _check_choices(key: str, name: str, values: list[Any], choices: list[Any]) -> None:
    for value in values:
        if value not in choices:
            wanted = ", ".join(map(str, choices))
            raise BadRequest(f"{key}: invalid choice ?{name}={shortened(value)}: should be one of {wanted}")
