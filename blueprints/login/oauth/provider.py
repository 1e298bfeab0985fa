"""What all providers have in common: a visitor is sent there, and comes back with an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from blueprints.login.oauth.outgoing import Rejected
from blueprints.login.oauth.pending import Kept

Arguments = Mapping[str, str]
"""The query of a request."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that begins: where to send the visitor, and what to remember for the answer."""

    url: str
    state: str
    kept: Kept = field(repr=False)


@dataclass(frozen=True)
class Person:
    """Who came back: the attributes of the user, its `id` among them, and the provider's tokens."""

    user: dict[str, Any]
    token: dict[str, Any] = field(repr=False)


class Provider(Protocol):
    """A provider, as a mount uses it. All but `state_of` raise ProviderError; the last two also Rejected."""

    def begin(self, redirect_uri: str) -> Begun:
        """Begin a sign-in whose answer shall come to this URL."""

    def state_of(self, args: Arguments) -> str | None:
        """Which sign-in an answer of the provider is about; None if the request is no answer."""

    def finish(self, args: Arguments, kept: Kept, redirect_uri: str) -> Person:
        """Who it is that the provider answers about."""

    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for a refresh token."""


def value_at(found: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, as `data.id`; None if there is none."""
    value: Any = found
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def identified(found: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The user with these attributes, whose id is at the path; raises Rejected if there is no id."""
    id = value_at(found, path)
    if isinstance(id, bool) or not isinstance(id, str | int) or not str(id).strip():
        raise Rejected(f"the provider does not say the user's {path!r}")
    return {**found, "id": str(id)}
