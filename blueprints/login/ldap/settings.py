"""The settings of sign-in at a directory."""

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from app import extras
from app import settings as base
from app.settings import SitePath
from blueprints.login.settings import Common

PLACE = re.compile(r"\{(\w+)\}")
"""`{user}` in a text: what the form's field `user` has."""


def _of_field(value: Any) -> Any:
    """`{arg: user}`, as other ways to sign in write it, is `{user}`."""
    return f"{{{value['arg']}}}" if isinstance(value, dict) and set(value) == {"arg"} else value


Text = Annotated[str, Field(min_length=1), BeforeValidator(_of_field)]
"""Text with `{names}` of the form's fields."""


class Bind(base.Settings):
    """An account that may search."""

    user: str = Field(min_length=1, description="Its name, usually a DN")
    password: str = Field(min_length=1, description="Its password")


class Search(base.Settings):
    """How the entry of a person is found."""

    base: str = Field(description="DN below which people are")
    filter: str = Field(min_length=1, description="LDAP filter, as `(uid={user})`")
    user: Text = Field("{dn}", description="The name to sign in with; `{dn}` and the entry's attributes are filled in")
    password: Text = Field("{password}", description="The password to sign in with")


class Settings(Common):
    """The directory, and how people are found in it."""

    host: str = Field(min_length=1, description="Name or address of the server")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; 636 with `use_ssl`, else 389")
    use_ssl: bool = Field(True, description="Speak TLS from the start (ldaps)")
    start_tls: bool = Field(False, description="Begin TLS on the plain port")
    ca_certs: SitePath | None = Field(
        None, description="Authorities that may vouch for the server, PEM; the system's unless set"
    )
    timeout: int = Field(10, ge=1, le=60, description="Seconds that the server may take for each step")
    user: Text = Field("{user}", description="The name to sign in with, as `uid={user},ou=people,dc=example`")
    password: Text = Field("{password}", description="The password to sign in with")
    bind: Bind | None = Field(None, description="Account that looks for the person's entry first")
    search: Search | None = Field(
        None, description="Where the entry is; with `bind`, the person signs in as what it finds"
    )
    user_id: str | None = Field(
        None, min_length=1, description="Attribute that is the user's id; else the name, as the directory spells it"
    )

    @model_validator(mode="before")
    @classmethod
    def _packages_are_there(cls, value: Any) -> Any:
        extras.need({"ldap3": "ldap3"}, "ldap", "LDAPAuth")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.bind and not self.search:
            raise ValueError("`bind` needs `search`: how to find the person's entry")
        if self.use_ssl and self.start_tls:
            raise ValueError("`start_tls` needs `use_ssl: false`: it begins on the plain port")
        if self.ca_certs and not self.ca_certs.is_file():
            raise ValueError(f"ca_certs: there is no file {self.ca_certs.name!r}")
        for name in ("user", "password"):
            if not PLACE.search(getattr(self, name)):
                raise ValueError(f"{name} should have a field of the form in it, as '{{{name}}}'")
        if self.search and f"{{{self.field('user')}}}" not in self.search.filter:
            raise ValueError(f"search.filter should have '{{{self.field('user')}}}' in it, or it finds anyone")
        return self

    @property
    def fields(self) -> set[str]:
        """The form's fields that everything needs."""
        texts = [self.user, self.password, *([self.search.filter, self.search.password] if self.search else [])]
        return {name for text in texts for name in PLACE.findall(text)}

    def field(self, name: str) -> str:
        """The form's field in `user` or in `password`."""
        found = PLACE.search(getattr(self, name))
        return found[1] if found else name
