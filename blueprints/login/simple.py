"""`SimpleAuth`: names and passwords in the YAML.

::

    kwargs:
      credentials:
        ana: "$$argon2id$$v=19..."           # made by `flask user hash`; plain text does too
        ben: {password: "...", role: analyst}       # with attributes of the user
      user: {arg: user}                             # the form's fields
      password: {arg: password}

The password never reaches the session, where the original leaves it (reference: gramex.md §19, §28).
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Blueprint
from pydantic import Field, field_validator

from app import passwords
from app.handler import Handler
from app.mounts import Mount
from blueprints.login import views
from blueprints.login.settings import Argument, Common

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


class Settings(Common):
    """The credentials, and the fields of the form."""

    credentials: dict[str, str | dict[str, Any]] = Field(description="Users to their password, or to their attributes")
    user: Argument = Field(Argument(arg="user"), description="`arg`: the form's field for the name")
    password: Argument = Field(Argument(arg="password"), description="`arg`: the form's field for the password")

    @field_validator("credentials", mode="before")
    @classmethod
    def _named(cls, credentials: Any) -> Any:
        """YAML reads a name or password of digits as a number."""
        passwords.needed("SimpleAuth")
        if not isinstance(credentials, Mapping):
            return credentials
        return {str(name): _credential(str(name), kept) for name, kept in credentials.items()}


def _credential(name: str, kept: Any) -> Any:
    password = kept.get("password") if isinstance(kept, Mapping) else kept
    if isinstance(password, int | float) and not isinstance(password, bool):
        password = str(password)
    if not isinstance(password, str) or not password:
        raise ValueError(f"{name}: needs a password, as text that is not empty")
    return {**kept, "password": password} if isinstance(kept, Mapping) else password


class SimpleView(views.PasswordView):
    """Looks users up in the YAML."""

    def __init__(self, mount: Mount):
        super().__init__(mount)
        settings = cast(Settings, mount.settings)
        self.user_arg, self.password_arg = settings.user.arg, settings.password.arg
        self._users = {name: _user(name, kept) for name, kept in settings.credentials.items()}

    def find(self, handler: Handler, name: str, password: str) -> Mapping[str, Any] | None:
        """See PasswordView."""
        kept, user = self._users.get(name, (None, None))
        return user if passwords.verify(password, kept) else None


def _user(name: str, kept: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The password, and the user as the session has it."""
    attributes = kept if isinstance(kept, Mapping) else {"password": kept}
    user = {key: value for key, value in attributes.items() if key != "password"}
    return attributes["password"], {"user": name, **user, "id": name}


def users(mount: Mount) -> Iterator[str]:
    """The names of the users."""
    yield from cast(Settings, mount.settings).credentials


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    return views.blueprint(mount, SimpleView(mount))
