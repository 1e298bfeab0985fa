"""The users in a table: found by name and password, changed, and added."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from app import passwords
from app.handler import Handler
from blueprints.login import sources
from blueprints.login.database.settings import Settings
from blueprints.login.sources import Row


class Users:
    """The table of a mount. Raises LookupError for a column that it lacks, Unavailable while it cannot be reached."""

    def __init__(self, settings: Settings):
        self._settings, self._table = settings, sources.opened(settings.url, settings.table)
        self._name, self._password = settings.user.column, settings.password

    def check_columns(self) -> Sequence[str]:
        """The table's columns. Raises LookupError if one of the settings is not among them."""
        settings, found = self._settings, self._table.columns()
        wanted = [self._name, self._password.column]
        wanted += [settings.forgot.email_column] if settings.forgot else []
        wanted += settings.signup.columns.values() if settings.signup else []
        missing = [column for column in wanted if column not in found]
        if missing and found:
            raise LookupError(f"the table of users has no column {missing[0]!r}: there are {', '.join(found)}")
        return found

    def named(self, name: str) -> Row | None:
        """The row of a user."""
        return self._table.find(self._name, name)

    def with_address(self, address: str) -> Row | None:
        """The row of a user with this e-mail address, which many tables have in small letters."""
        assert self._settings.forgot is not None
        column = self._settings.forgot.email_column
        return self._table.find(column, address) or self._table.find(column, address.lower())

    def name_of(self, row: Row) -> str:
        """The name of a user."""
        return str(row[self._name])

    def names(self) -> list[str]:
        """The names of all users."""
        return [self.name_of(row) for row in self._table.rows()]

    def check(self, handler: Handler, name: str, password: str) -> dict[str, Any] | None:
        """The user with this name and password, without the password; None if there is none.

        What is kept in an old way is replaced by a hash, now that the password is known.
        """
        row = self.named(name)
        kept = None if row is None else row[self._password.column]
        kept = None if kept is None or kept == "" else str(kept)
        if not self._is_right(handler, password, kept) or row is None or kept is None:
            return None
        if self._password.hashes and passwords.outdated(kept):
            self.set_password(handler, self.name_of(row), password)
        return self._user(row)

    def _is_right(self, handler: Handler, password: str, kept: str | None) -> bool:
        function = self._password.function
        if function is None or kept is not None and kept.startswith("$argon2"):
            return passwords.verify(password, kept)
        made = str(function(handler=handler, content=password))
        passwords.verify(password, None)  # as long as it takes for others
        return kept is not None and hmac.compare_digest(made.encode(), kept.encode())

    def _user(self, row: Row) -> dict[str, Any]:
        user = {name: value for name, value in row.items() if name != self._password.column}
        return user | {"id": self.name_of(row)}

    def set_password(self, handler: Handler | None, name: str, password: str) -> None:
        """Keep a new password of a user."""
        self._table.update(self._name, name, {self._password.column: self._kept(handler, password)})

    def add(self, handler: Handler | None, name: str, password: str, row: Mapping[str, Any]) -> None:
        """Add a user; raises Conflict if there is one of this name."""
        kept = {self._password.column: self._kept(handler, password)}
        self._table.insert({**row, self._name: name, **kept}, self._name)

    def _kept(self, handler: Handler | None, password: str) -> str:
        if self._password.hashes:
            return passwords.hashed(password)
        function = self._password.function
        return str(function(handler=handler, content=password)) if function else password
