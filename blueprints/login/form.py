"""The pages of sign-in as plain values: their fields, their links, and what went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Field:
    """One field. `autocomplete` tells password managers what it is (HTML, autofill field names)."""

    name: str
    label: str
    type: str = "text"
    autocomplete: str = "off"
    value: str = ""
    error: str = ""
    choices: tuple[str, ...] = ()
    inputmode: str = ""


@dataclass(frozen=True)
class Form:
    """A page with one form. `message` stands above it, and `error` if it belongs to no field."""

    title: str
    button: str
    """The button's text; empty for a page that has no form, only says something."""
    fields: tuple[Field, ...] = ()
    action: str = ""
    """Where it is sent, if not to the page's own address."""
    hidden: Mapping[str, str] | None = None
    message: str = ""
    error: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Below the form: text, and where it leads."""
    providers: tuple[tuple[str, str], ...] = ()
    """Other ways to sign in: text, and where it leads."""

    def filled(self, values: Mapping[str, str]) -> "Form":
        """The form with values given before; those of passwords and codes are never shown again."""
        return replace(self, fields=tuple(_filled(field, values) for field in self.fields))

    def with_error(self, message: str, name: str = "") -> "Form":
        """The form with an error beside the field of this name, or above all of them."""
        if not any(field.name == name for field in self.fields):
            return replace(self, error=message)
        fields = (replace(field, error=message) if field.name == name else field for field in self.fields)
        return replace(self, fields=tuple(fields))


def _filled(field: Field, values: Mapping[str, str]) -> Field:
    secret = field.type == "password" or field.autocomplete == "one-time-code"
    return field if secret else replace(field, value=values.get(field.name, field.value))
