"""What settings are made of: frozen models, and the kinds of values that YAML writes in several ways.

Every feature and every guard has one model. It validates the YAML, gives the JSON Schema to editors, and its
descriptions become the documentation::

    class Settings(settings.Settings):
        path: SitePath = Field(description="The folder to serve")
        index: bool = Field(False, description="List a folder")
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

Header = str | int | float | bool | None

_TEXT_OR_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class Settings(BaseModel):
    """A frozen model; a key that it does not have is a mistake."""

    others: ClassVar[str] = ""
    """The setting to which keys belong that are names of the site's own: a mapping of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _a_switch_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` where pydantic would take it as 1."""
        return a_number(value) if cls.model_fields[str(info.field_name)].annotation in (int, float) else value


@dataclass(frozen=True)
class Context:
    """What a validator may know of the site around a value; passed to pydantic as the validation context."""

    folder: Path
    """Relative paths start here: the folder of the site's main file."""
    gramex: bool = False
    """The main file is a gramex.yaml: the original's defaults apply."""
    variables: Mapping[str, Any] = field(default_factory=dict)


def context(info: ValidationInfo) -> Context:
    """The site around the value being validated; the working folder when there is none, as in a unit test."""
    return info.context if isinstance(info.context, Context) else Context(Path.cwd())


def split_words(value: object) -> object:
    """`"GET, put"` and `["GET", "put"]` alike as a tuple of words, in order and without repeats."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("should be a list, or words separated by commas or spaces")
    return tuple(dict.fromkeys(" ".join(value).replace(",", " ").split()))


def a_number(value: object) -> object:
    """The value, unless it is a switch, which pydantic would take as 0 or 1."""
    if isinstance(value, bool):
        raise ValueError(f"should be a number, not {str(value).lower()}")
    return value


def as_list(value: object) -> object:
    """One value as a list of one; null as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


def from_site(path: str | Path, info: ValidationInfo) -> Path:
    """The path, from the site's folder if it is relative."""
    return context(info).folder / path


Number = Annotated[float, BeforeValidator(a_number)]
"""A number where there is no field of a model to check it."""

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def sendable(name: str, value: object) -> tuple[str, str]:
    """A header as servers can send it: the name a token, the value one line of Latin-1 (RFC 9110 §5.5, §5.6.2).

    Raises ValueError: a line break in a value would let it write other headers.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a header's name")
    if not _VALUE.fullmatch(str(value)):
        raise ValueError(f"the value of {name!r} should be one line of Latin-1 characters")
    return name, str(value)


def _all_sendable(headers: dict[str, Header]) -> dict[str, Header]:
    for name, value in headers.items():
        sendable(name, value)
    return headers


Headers = Annotated[dict[str, Header], AfterValidator(_all_sendable)]
"""Names and values of headers; false removes one."""

Words = Annotated[tuple[str, ...], BeforeValidator(split_words), WithJsonSchema(_TEXT_OR_LIST)]
"""Words in a list, or in text with commas or spaces."""

Upper = Annotated[Words, AfterValidator(lambda words: tuple(word.upper() for word in words))]
"""Words in capitals, as HTTP methods."""

Texts = Annotated[tuple[str, ...], BeforeValidator(as_list), WithJsonSchema(_TEXT_OR_LIST)]
"""One text, or a list of texts; commas and spaces belong to the text."""

SitePath = Annotated[Path, AfterValidator(from_site)]
"""A path; a relative one starts at the site's folder."""
