"""What all ways to sign in have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from app import settings as base
from app.expressions import Call
from app.guards.redirect import Settings as Redirect
from app.settings import Number, SitePath, a_number, as_list, context
from blueprints.login import sources


def _days(value: Any) -> Any:
    return 0 if value is False else a_number(value)


Days = Annotated[
    float,
    BeforeValidator(_days),
    Field(ge=0),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"const": False}]}),
]
"""Days; false, or 0, until the browser ends."""


def _as_call(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


def _as_calls(value: Any) -> Any:
    return [_as_call(item) for item in as_list(value)]  # type: ignore[attr-defined]  # as_list gives a list


class Prepare(Call):
    """Called with the arguments before they are looked at; what it returns, if anything, takes their place."""

    names: ClassVar[tuple[str, ...]] = ("handler", "args")


class Argument(base.Settings):
    """A field of the form."""

    arg: str = Field(min_length=1, description="Name of the field")


class Expiry(base.Settings):
    """How long a session lasts, as the visitor chooses in the form."""

    default: Days = Field(31, description="Days, unless the visitor chooses; false until the browser ends")
    key: str = Field("remember", description="Name of the form's field")
    values: dict[str, Days] = Field(default_factory=dict, description="What the field may be, to days")

    def chosen(self, args: Mapping[str, list[str]]) -> float:
        """The days that the form asks for."""
        given = args.get(self.key) or [""]
        return self.values.get(given[-1].strip(), self.default)


class Source(base.Settings):
    """A table: a CSV or JSON file, or a table of a database."""

    url: str = Field(description="Path of a CSV or JSON file, or the URL of a database")
    table: str | None = Field(None, description="Table of the database")

    @field_validator("url")
    @classmethod
    def _from_site(cls, url: str, info: ValidationInfo) -> str:
        return located(url, context(info).folder)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        sources.check(self.url, self.table)
        return self


class Lookup(Source):
    """Attributes of users, in a row each."""

    id: str = Field("user", description="Column that has the user's id")


def located(url: str, folder: Path) -> str:
    """The URL with its file, if it is one, from the site's folder."""
    if url.startswith("sqlite:///"):
        return f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
    return url if "://" in url else str(folder / url)


Delays = Annotated[
    tuple[Annotated[Number, Field(ge=0, le=60)], ...],
    BeforeValidator(as_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}),
]

Actions = Annotated[
    tuple[Call, ...],
    BeforeValidator(_as_calls),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]}),
]


def _existing(template: Path) -> Path:
    if not template.is_file():
        raise ValueError(f"there is no file {template.name!r}")
    return template


Template = Annotated[SitePath, AfterValidator(_existing)]
"""The path of a template that is there."""

OneCall = Annotated[Prepare, BeforeValidator(_as_call)]


class Shared(base.Settings):
    """The settings of signing in and of signing out."""

    redirect: Redirect = Field(
        default_factory=lambda: Redirect.model_validate({"query": "next", "header": "Referer"}),
        description="Where to go after it: ?next=, else the page before, else the front page",
    )
    prepare: OneCall | None = Field(None, description="Called with `handler` and `args` first; may change `args`")
    action: Actions = Field((), description="Called with `handler` when the user is signed in, or out")
    user_key: str = Field("user", min_length=1, description="The session's key for the user")


class Common(Shared):
    """The settings of every way to sign in."""

    delay: Delays = Field((1, 1, 5), description="Seconds that the first, second ... failure in a row of a user waits")
    session_expiry: Days | Expiry | None = Field(None, description="Days that the session lasts, or a choice of them")
    session_inactive: float | None = Field(None, gt=0, description="Days without a request after which it ends")
    lookup: Lookup | None = Field(None, description="Table whose row for a user adds to its attributes")
    rules: Source | None = Field(None, description="Table of selector, pattern, field, value: what sets attributes")
    template: Template | None = Field(None, description="The page, in place of Skerry's own")
    providers: dict[str, str] = Field(default_factory=dict, description="Other ways to sign in: text to address")
    recaptcha: Any = Field(None, description="Not in this version: the mount is closed")

    @field_validator("recaptcha")
    @classmethod
    def _no_recaptcha(cls, value: Any) -> Any:
        if value:
            raise ValueError(
                "is not in this version, and without it everyone could try: use `delay`, and `ratelimit` with `ip`"
            )
        return value

    def expiry(self, args: Mapping[str, list[str]]) -> float | None:
        """The days that a new session lasts, 0 until the browser ends; None as the site has it."""
        return self.session_expiry.chosen(args) if isinstance(self.session_expiry, Expiry) else self.session_expiry
