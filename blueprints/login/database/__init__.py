"""`DBAuth`: names and passwords in a table.

::

    kwargs:
      url: "postgresql://me@db.example.org/site"      # or a CSV or JSON file
      table: users
      user: {column: user, arg: user}
      password: {column: password, arg: password, min_length: 10}
      forgot: {email_column: email, email_from: office}     # links by e-mail for those who forgot
      signup: {columns: {full_name: name}}                  # people add themselves

Passwords are kept as argon2 hashes: what is kept otherwise is replaced when its user signs in. Where the original tells
strangers who has an account (401 `forgot-nouser`), the answers here are alike (reference: gramex.md §19).
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Blueprint

from app.mounts import Mount
from blueprints.login import views as common
from blueprints.login.database.settings import Settings
from blueprints.login.database.users import Users
from blueprints.login.database.views import DatabaseView

__all__ = ["SIGNS_IN", "Settings", "add_user", "blueprint", "users"]

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


def users(mount: Mount) -> Iterator[str]:
    """The names of the users."""
    yield from Users(cast(Settings, mount.settings)).names()


def add_user(mount: Mount, name: str, password: str, attributes: Mapping[str, Any]) -> None:
    """Add a user; raises Conflict if there is one of this name, LookupError for an attribute without column."""
    Users(cast(Settings, mount.settings)).add(None, name, password, attributes)


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    return common.blueprint(mount, DatabaseView(mount))
