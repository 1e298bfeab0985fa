"""`gramex.config`: the site's variables, its log, and small tools."""

import json
import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from inspect import signature
from types import SimpleNamespace
from typing import Any

from app.compat import missing, variables
from app.compat.functions import objectpath
from app.handler import AttrDict
from app.json_provider import dumps

__all__ = [
    "CustomJSONDecoder",
    "CustomJSONEncoder",
    "app_log",
    "merge",
    "objectpath",
    "slug",
    "str_utf8",
    "used_kwargs",
    "variables",
]

app_log = logging.getLogger("skerry.gramex")

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


def merge(old: Any, new: Mapping[str, Any], mode: str = "overwrite") -> Any:
    """Merge a mapping into another, in place, and mappings in it alike.

    The mode is `overwrite`, or `underwrite` or `setdefault` for values of `old` to stay. Returns `old`.
    """
    if mode not in ("overwrite", "underwrite", "setdefault"):
        raise ValueError(f"mode should be overwrite, underwrite or setdefault, not {mode!r}")
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(old.get(key), Mapping):
            merge(old[key], value, mode)
        elif mode == "overwrite" or key not in old:
            old[key] = merge(AttrDict(), value) if isinstance(value, Mapping) else value
    return old


def _slugs(allowed: str, separator: str) -> Callable[[str], str]:
    def slug(text: str) -> str:
        ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        return re.sub(f"[^{allowed}]+", separator, ascii_only).strip(separator)

    return slug


slug = SimpleNamespace(module=_slugs("a-z0-9_", "_"), filename=_slugs("a-z0-9_.", "-"))
"""Text as the name of a module, `slug.module(text)`, or of a file, `slug.filename(text)`."""


def str_utf8(value: Any) -> str:
    """Text of any value; bytes are decoded."""
    return value.decode() if isinstance(value, bytes) else str(value)


def used_kwargs(
    method: Callable[..., Any], kwargs: Mapping[str, Any], ignore_keywords: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that a function takes, and the rest. A `**kwargs` of the function takes all, unless ignored."""
    parameters = signature(method).parameters.values()
    takes_all = not ignore_keywords and any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    names = {parameter.name for parameter in parameters}
    used = {key: value for key, value in kwargs.items() if takes_all or key in names}
    return used, {key: value for key, value in kwargs.items() if key not in used}


class CustomJSONEncoder(json.JSONEncoder):
    """JSON of dates, DataFrames, NumPy's values and bytes too."""

    def default(self, o: Any) -> Any:
        """What has no JSON form of its own, as our own JSON has it."""
        return json.loads(dumps(o))


class CustomJSONDecoder(json.JSONDecoder):
    """JSON whose texts that are ISO 8601 times become datetimes."""

    def __init__(self, **options: Any):
        super().__init__(**{"object_hook": _with_times, **options})


def _with_times(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value) if isinstance(value, str) and _TIME.fullmatch(value) else value
        for key, value in found.items()
    }


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "see docs/handler.md for the names that there are")
