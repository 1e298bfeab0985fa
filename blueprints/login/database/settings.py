"""The settings of DBAuth."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from app import passwords
from app import settings as base
from app.expressions import Call
from app.settings import context
from blueprints.login import sources
from blueprints.login.settings import Common, Template, located


class User(base.Settings):
    """Where a user's name is."""

    column: str = Field("user", min_length=1, description="Column that has the users' names")
    arg: str = Field("user", min_length=1, description="The form's field")


class Function(Call):
    """What makes of a password what the table keeps."""

    names: ClassVar[tuple[str, ...]] = ("handler", "content")


def _as_function(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


class Password(base.Settings):
    """Where the password is, how it is kept, and what a new one must have."""

    column: str = Field("password", min_length=1, description="Column that has the passwords")
    arg: str = Field("password", min_length=1, description="The form's field")
    function: Annotated[Function | None, BeforeValidator(_as_function)] = Field(
        None, description="Makes of the password, `content`, what the table has"
    )
    hash: bool | None = Field(
        None, description="Keep argon2 hashes, and replace others at sign-in; true unless there is a `function`"
    )
    min_length: int = Field(8, ge=1, le=passwords.LONGEST, description="Characters that a new password has at least")
    min_numbers: int = Field(0, ge=0, description="Digits in it")
    min_uppercase: int = Field(0, ge=0, description="Capitals in it")
    min_lowercase: int = Field(0, ge=0, description="Small letters in it")
    min_special_chars: int = Field(0, ge=0, description="Characters in it that are no letters and no digits")

    @property
    def hashes(self) -> bool:
        """Whether new passwords are kept as argon2 hashes."""
        return self.function is None if self.hash is None else self.hash

    def lacks(self, password: str) -> str:
        """What a new password lacks, as a sentence; empty if nothing."""
        if len(password) > passwords.LONGEST:
            return f"Please take at most {passwords.LONGEST} characters"
        wanted = list(self._lacking(password))
        return f"Please take at least {' and '.join(wanted)}" if wanted else ""

    def _lacking(self, password: str) -> Iterator[str]:
        counts = (
            (len(password), self.min_length, "character"),
            (sum(char.isdigit() for char in password), self.min_numbers, "digit"),
            (sum(char.isupper() for char in password), self.min_uppercase, "capital"),
            (sum(char.islower() for char in password), self.min_lowercase, "small letter"),
            (sum(not char.isalnum() for char in password), self.min_special_chars, "special character"),
        )
        return (f"{wanted} {what}{'s' * (wanted > 1)}" for number, wanted, what in counts if number < wanted)


class Forgot(base.Settings):
    """A link by e-mail for those who forgot their password."""

    key: str = Field("forgot", min_length=1, description="Argument of the query that asks for it")
    arg: str = Field("email", min_length=1, description="The form's field for the address")
    email_column: str = Field("email", min_length=1, description="Column that has the users' addresses")
    email_from: str | None = Field(None, description="Name of the mail server in `email:`; the only one unless set")
    email_subject: str = Field("Set your password", description="Subject of the mail")
    email_body: str = Field(
        "Hello,\n\nset a new password here, within {minutes} minutes:\n\n{reset_url}\n\n"
        "If you did not ask for it, there is nothing to do.\n",
        description="Text of the mail, with {reset_url}, {user}, {minutes} and columns of the user's row",
    )
    email_html: str | None = Field(None, description="The same as HTML")
    minutes_to_expiry: float = Field(15, gt=0, le=10_080, description="Minutes that the link is good for")
    size: int = Field(32, ge=1, le=200, description="Characters of the link's token; 22 at least are used")
    template: Template | None = Field(None, description="The page, in place of Skerry's own")

    @model_validator(mode="after")
    def _texts_have_places(self) -> Self:
        if "{reset_url}" not in self.email_body:
            raise ValueError("email_body: should have {reset_url}, the link")
        return self


class Validate(Call):
    """Says what is wrong with a sign-up."""

    names: ClassVar[tuple[str, ...]] = ("handler", "args")


class Signup(base.Settings):
    """A page on which people add themselves to the table."""

    key: str = Field("signup", min_length=1, description="Argument of the query that asks for it")
    template: Template | None = Field(None, description="The page, in place of Skerry's own")
    columns: dict[str, str] = Field(default_factory=dict, description="More fields of the form, to columns")
    validation: Annotated[Validate | None, BeforeValidator(_as_function)] = Field(
        None, alias="validate", description="Called with `handler` and `args`: the text it returns, if any, is an error"
    )


def _as_switch(value: Any) -> Any:
    return {} if value is True else None if value is False else value


_SWITCH = {"anyOf": [{"type": "boolean"}, {"type": "object"}]}


class Settings(Common):
    """The table of users, and what they may do themselves."""

    url: str = Field(description="Path of a CSV or JSON file, or the URL of a database")
    table: str | None = Field(None, description="Table of the database")
    user: User = Field(default_factory=User, description="`column` and `arg` of the name")
    password: Password = Field(
        default_factory=Password, description="`column` and `arg` of the password, and its rules"
    )
    forgot: Annotated[Forgot | None, BeforeValidator(_as_switch), WithJsonSchema(_SWITCH)] = Field(
        None, description="Let people set a new password, by a link that is sent to them"
    )
    signup: Annotated[Signup | None, BeforeValidator(_as_switch), WithJsonSchema(_SWITCH)] = Field(
        None, description="Let people sign up; needs `forgot`, whose link confirms the address"
    )

    @field_validator("url")
    @classmethod
    def _from_site(cls, url: str, info: ValidationInfo) -> str:
        passwords.needed("DBAuth")
        return located(url, context(info).folder)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        sources.check(self.url, self.table)
        if self.signup and not self.forgot:
            raise ValueError("signup: needs `forgot`, whose mail lets people set their password")
        return self
