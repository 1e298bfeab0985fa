"""A request's arguments -> those of a function, converted as its type hints say (reference: gramex.md §3).

Later ones override earlier ones: `args` and `kwargs` of the YAML, groups of the path, the query, a form, a JSON body.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from flask import request
from werkzeug.exceptions import BadRequest

from app.handler import Handler
from app.mistakes import did_you_mean
from app.signatures import Parameter, Signature
from app.signatures.kinds import NotOfKind

FORM = "_form"
"""The argument that says that the form page was sent, in which a line of text is an item of a list."""

_MOST = 1000  # as many arguments as werkzeug takes in a form
_RESERVED = ("_", "gramex-", "skerry-", "x-http-method-override")


class Wrong(BadRequest):
    """Arguments that the function cannot be called with; `errors` has what is wrong with each."""

    def __init__(self, errors: Mapping[str, str]):
        super().__init__("; ".join(f"argument {name!r} {error}" for name, error in errors.items()))
        self.errors = errors


class Texts(list[str]):
    """All values of one argument of a query or a form."""


@dataclass
class Bound:
    """What the function is called with."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


def bind(signature: Signature, handler: Handler, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Bound:
    """What to call the function with; `args` and `kwargs` are those of the YAML.

    Raises Wrong for arguments that are missing, are not what the hints want, or, but for a gramex.yaml, are unknown
    or repeated; BadRequest for a body that cannot be read.
    """
    return _Binding(signature, handler, args, kwargs).bound()


class _Binding:
    def __init__(self, signature: Signature, handler: Handler, args: Sequence[Any], kwargs: Mapping[str, Any]):
        self.signature, self.handler = signature, handler
        self.strict = not handler.mount.gramex
        self.errors: dict[str, str] = {}
        self.asked = arguments()
        self.lines = FORM in self.asked
        self.positional = _overridden(args, [group for group in handler.path_args if group is not None])
        self.named = {**kwargs, **handler.path_kwargs}
        by_position = dict(zip(signature.positional, self.positional, strict=False))
        self.sources = (self.asked, self.named, by_position)

    def bound(self) -> Bound:
        values = {parameter.name: self._value(parameter) for parameter in self.signature.parameters}
        rest, extra = self._rest(), self._extra()
        if self.errors:
            raise Wrong(self.errors)
        args = [values.pop(parameter.name) for parameter in self.signature.parameters if parameter.positional]
        return Bound([*args, *rest], {**values, **extra})

    def _value(self, parameter: Parameter) -> Any:
        if parameter.kind.source == "handler":
            return self.handler
        given = self._header(parameter) if parameter.kind.source == "header" else self._given(parameter)
        if given is None or self._is_left_blank(parameter, given):
            if parameter.required:
                self.errors[parameter.name] = "is missing"
            return parameter.default
        return self._converted(parameter, parameter.name, given[0])

    def _given(self, parameter: Parameter) -> tuple[Any] | None:
        """What is given for a parameter, in a tuple as None may be given too."""
        for source in self.sources:
            if parameter.name in source:
                return (source[parameter.name],)
        return None

    def _header(self, parameter: Parameter) -> tuple[Any] | None:
        headers = request.headers
        value = headers.get(parameter.name.replace("_", "-"), headers.get(parameter.name))
        return None if value is None else (value,)

    def _is_left_blank(self, parameter: Parameter, given: tuple[Any]) -> bool:
        """A field of a form that nobody filled in is not given, unless an empty text is a value as others."""
        blank = isinstance(given[0], Texts) and not any(given[0])
        return blank and (parameter.kind.many or parameter.kind.base is not str or self.lines)

    def _converted(self, parameter: Parameter, name: str, given: Any) -> Any:
        try:
            value = self._one_or_many(parameter, given) if isinstance(given, Texts) else given
            if parameter.kind.many and not isinstance(value, list | tuple | set):
                value = [value]
            return parameter.kind.convert(value)
        except NotOfKind as error:
            self.errors[name] = str(error)

    def _one_or_many(self, parameter: Parameter, texts: Texts) -> Any:
        kind = parameter.kind
        if kind.many:
            return [line.strip() for text in texts for line in text.splitlines()] if self.lines else list(texts)
        if len(texts) > 1 and self.strict and kind.base is not bool:  # a check box comes with its "false" before it
            raise NotOfKind(f"is given {len(texts)} times: it takes one value")
        return _structure(texts[-1]) if kind.structured else texts[-1]

    def _rest(self) -> list[Any]:
        rest, filled = self.signature.rest, len(self.signature.positional)
        if rest is None:
            return []
        return [self._converted(rest, rest.name, value) for value in self.positional[filled:]]

    def _extra(self) -> dict[str, Any]:
        """The arguments for `**kwargs`. Without one they are a mistake, where it was the client who gave them."""
        known, extra = self.signature.names, self.signature.extra
        if extra is None:
            if self.strict:
                self._refuse(name for name in self.asked if name not in known)
            return {}
        given = {**self.named, **self.asked}
        return {
            name: self._converted(extra, name, value)
            for name, value in given.items()
            if name not in known and name != FORM
        }

    def _refuse(self, names: Iterator[str]) -> None:
        known = [parameter.name for parameter in self.signature.arguments]
        for name in names:
            if not name.lower().startswith(_RESERVED):
                there_are = f": there are {', '.join(known)}" if known else ": there are none"
                self.errors[name] = f"is unknown{did_you_mean(name, known) or there_are}"


def _structure(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotOfKind(f"should be JSON, not {text!r:.200}: {error}") from None


def _overridden(args: Sequence[Any], groups: Sequence[Any]) -> list[Any]:
    return [*groups, *args[len(groups) :]]


def arguments() -> dict[str, Any]:
    """The arguments of the current request: all texts of each, or the value that a JSON body gives.

    Raises BadRequest for bytes that are not UTF-8, and for a body that is not JSON.
    """
    found: dict[str, Any] = _texts(request.query_string)
    if request.mimetype == "application/x-www-form-urlencoded":
        found.update(_texts(request.get_data()))
    elif request.mimetype == "multipart/form-data":
        found.update({name: _checked(name, values) for name, values in request.form.lists()})
    elif request.mimetype == "application/json":
        found.update(_json())
    return found


def _texts(encoded: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pairs = encoded.split(b"&", _MOST) if encoded else []
    if len(pairs) > _MOST:
        raise BadRequest(f"more than {_MOST} arguments")
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        if pair:
            key = _text(name, name)
            found.setdefault(key, Texts()).append(_text(name, value).strip())
    return found


def _text(name: bytes, encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        shown = unquote_to_bytes(name).decode(errors="backslashreplace")
        raise BadRequest(f"argument {shown!r} should be UTF-8, not {encoded.decode('latin-1')!r:.200}") from None


def _checked(name: str, values: Sequence[str]) -> Texts:
    """The values of a part of a form; werkzeug puts U+FFFD where bytes are not UTF-8."""
    if "\ufffd" in name or any("\ufffd" in value for value in values):
        raise BadRequest(f"argument {name!r} should be UTF-8")
    return Texts(value.strip() for value in values)


def _json() -> dict[str, Any]:
    body = request.get_data()
    if not body:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest(f"the JSON body should be an object of arguments, not {type(value).__name__}")
    return value
