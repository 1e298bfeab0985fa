"""A dict whose keys are attributes as well, as existing sites use it."""

from collections.abc import Mapping
from typing import Any

_PLAIN = (str, int, float, type(None))
_SEQUENCES = (list, tuple)
_MAPPINGS = (dict, Mapping)  # a dict is known at once


class AttrDict(dict[str, Any]):
    """A dict; `d.key` is `d["key"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"there is no {name!r} here: there are {', '.join(map(str, self)) or 'none'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"there is no {name!r} here")
        del self[name]


def deep(value: Any) -> Any:
    """A copy with every mapping in it as an AttrDict; sequences become lists."""
    if isinstance(value, _MAPPINGS):
        return AttrDict({key: item if isinstance(item, _PLAIN) else deep(item) for key, item in value.items()})
    if isinstance(value, _SEQUENCES):
        return [item if isinstance(item, _PLAIN) else deep(item) for item in value]
    return value
