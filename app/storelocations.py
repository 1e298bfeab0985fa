"""`storelocations:` says where tokens, the audit log and what is known of users are kept, if not in var/state.db.

::

    storelocations:
      otp: {url: "postgresql://me@db.example.org/site", table: otp, columns: {email: TEXT}}
      userlog: {columns: [user.email, headers.Referer]}

The names are the original's (reference: gramex.md §5).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from app import userlog
from app.guards import log
from app.messages import SECRET
from app.mistakes import did_you_mean
from app.settings import Settings, context, split_words
from app.state import database, tokens

STATE = "sqlite:///state.db"

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,62}", re.ASCII)
_KIND = re.compile(r"[A-Za-z]+( [A-Za-z]+)*(\(\d+(, ?\d+)?\))?( [A-Za-z]+)*")
_PRIVATE = re.compile(r"cookies\..*|(args|headers)\..*(otp|authorization|cookie).*", re.I)
"""Keys of the log whose values may be secrets, beside those that SECRET finds."""


def _as_columns(value: Any, info: ValidationInfo) -> Any:
    """Names alone, or with the type of SQL: `{email: TEXT}`, and as in the original `{email: {type: TEXT}}`."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(split_words(value), "TEXT")  # type: ignore[call-overload]  # words, or it raises
    return {name: _kind(name, kind, context(info).gramex) for name, kind in value.items()}


def _kind(name: Any, kind: Any, original: bool) -> Any:
    if isinstance(kind, Mapping):
        foreign = [key for key in kind if key != "type"]
        if foreign and not original:
            raise ValueError(f"{name}: unknown key {foreign[0]!r}: a column has only a type, as `{name}: TEXT`")
        kind = kind.get("type")
    return kind or "TEXT"


def _sound(columns: dict[str, str]) -> dict[str, str]:
    for name, kind in columns.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a column: letters, digits, _, . and -")
        if not _KIND.fullmatch(kind):
            raise ValueError(f"{name}: {kind!r} is not a type of SQL, as TEXT or VARCHAR(80)")
    return columns


_COLUMNS = {"anyOf": [{"type": "object"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

URL = Annotated[str, AfterValidator(database.check)]
Columns = Annotated[dict[str, str], BeforeValidator(_as_columns), AfterValidator(_sound), WithJsonSchema(_COLUMNS)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class Location(Settings):
    """Where one of the tables is."""

    url: URL = Field(STATE, description="Database; a relative path of SQLite starts at var/")
    columns: Columns = Field(default_factory=dict, description="More columns than it has anyway: names, or name: type")


class OTP(Location):
    """Where one-time passwords and API keys are."""

    table: Name = Field("token", description="Name of the table")

    @field_validator("columns")
    @classmethod
    def _not_ours(cls, columns: dict[str, str]) -> dict[str, str]:
        taken = [name for name in columns if name in tokens.OURS]
        if taken:
            raise ValueError(f"{taken[0]!r} is a column that Skerry has for itself: take another name")
        return {name: kind for name, kind in columns.items() if name not in tokens.COLUMNS}


class Userlog(Location):
    """Where sign-ins and other events of users are written."""

    table: Name = Field("userlog", description="Name of the table")

    @field_validator("columns")
    @classmethod
    def _of_the_log(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            family, dot, _ = name.partition(".")
            if name not in userlog.KEYS and not (dot and family in log.FAMILIES):
                raise ValueError(f"{name!r} is not a key of the log{did_you_mean(name, userlog.KEYS)}")
            if _PRIVATE.fullmatch(name) or SECRET.search(name):
                raise ValueError(f"{name} may be a secret: it does not belong in a log")
        return columns


class User(Location):
    """Where the attributes of users are kept from one sign-in to the next."""

    table: Name = Field("user", description="Name of the table")


class Pipeline(Location):
    """Where the original notes the runs of pipelines."""

    table: Name = Field("pipeline", description="Name of the table")


class StoreLocations(Settings):
    """The `storelocations:` section."""

    otp: OTP = Field(default_factory=OTP, description="One-time passwords and API keys")
    user: User = Field(default_factory=User, description="What is known of users from earlier sign-ins")
    userlog: Userlog = Field(default_factory=Userlog, description="The audit log: who signed in and out")
    pipeline: Pipeline | None = Field(None, description="Accepted from existing sites, and not used")
