"""What else is known of a user: the row of a lookup, and what rules make of it."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from blueprints.login import sources
from blueprints.login.settings import Lookup, Source


def looked_up(lookup: Lookup, id: str) -> dict[str, Any]:
    """The columns of the user's row that have a value."""
    row = sources.opened(lookup.url, lookup.table).find(lookup.id, id) or {}
    return {name: value for name, value in row.items() if value not in (None, "") and name not in (lookup.id, "id")}


def ruled(rules: Source, user: Mapping[str, Any]) -> dict[str, Any]:
    """The user with what the rules set, in their order: where `selector` matches `pattern`, `field` gets `value`."""
    found = dict(user)
    for rule in sources.opened(rules.url, rules.table).rows():
        if _matches(_attribute(found, str(rule["selector"])), str(rule["pattern"])):
            found[str(rule["field"])] = rule["value"]
    return found


def _attribute(user: Mapping[str, Any], path: str) -> Any:
    """The attribute at a dotted path; None where it ends earlier."""
    found: Any = user
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _matches(value: Any, pattern: str) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return any(item is not None and fnmatchcase(str(item), pattern) for item in values)
