"""Which users belong to a group: `{role: [editor, admin], team.name: sales}` against what is known of a user."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

Value = str | int | float | bool | date

User = Mapping[str, Any]

_TOLD = frozenset(("role", "roles", "group", "groups", "team", "teams", "department", "departments"))
"""Keys whose values may be told to those who lack them. The values of others, as `email`, may be someone's."""


class Group:
    """Dotted paths into a user, and the values of which the user has to have one at each.

    `shown` is the group in words, `told` in words for someone who does not belong to it.
    """

    def __init__(self, keys: Mapping[str, Sequence[Value]]):
        self._wanted = {key: frozenset[str]().union(*map(_forms, values)) for key, values in keys.items()}
        words = {key: f"{key}: {' or '.join(map(str, values))}" for key, values in keys.items()}
        self.shown = " and ".join(words.values())
        self.told = " and ".join(said if _may_be_told(key) else f"another {key}" for key, said in words.items())

    def includes(self, user: User) -> bool:
        """Whether the user belongs to it. A user's value may be a list, of which one is enough."""
        return all(_any_of(attribute(user, key), wanted) for key, wanted in self._wanted.items())


def attribute(user: Any, path: str) -> Any:
    """The value at a dotted path, or of a key that has dots itself, as claims of OpenID may; None without one."""
    if not isinstance(user, Mapping) or path in user:
        return user[path] if isinstance(user, Mapping) else None
    first, _, rest = path.partition(".")
    return attribute(user.get(first), rest) if rest else None


def _may_be_told(key: str) -> bool:
    return key.rpartition(".")[2].lower() in _TOLD


def _any_of(found: Any, wanted: frozenset[str]) -> bool:
    values = found if isinstance(found, list | tuple | set) else [found]
    return any(value is not None and not wanted.isdisjoint(_forms(value)) for value in values)


def _forms(value: Any) -> tuple[str, ...]:
    """How a value may be written: in YAML, files and databases, true, "true" and 1 are the same, or 1.0 and "1"."""
    if isinstance(value, bool):
        return str(value).lower(), str(int(value))
    if isinstance(value, float) and value.is_integer():
        return (str(int(value)),)
    text = str(value)
    return (text.lower() if text.lower() in ("true", "false") else text,)
