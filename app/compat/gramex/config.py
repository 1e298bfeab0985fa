"""`gramex.config`: the site's variables, its log, YAML files, and small tools."""

import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app import config
from app.compat import missing, variables
from app.compat.functions import objectpath
from app.config.overrides import VARIABLE
from app.handler import AttrDict
from app.handler.attrdict import deep
from app.json_provider import dumps

__all__ = [
    "CustomJSONDecoder",
    "CustomJSONEncoder",
    "PathConfig",
    "app_log",
    "ioloop_running",
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


class PathConfig(AttrDict):
    """What a YAML file says, with its imports, conditions and the site's variables; read again by `+conf`.

    Raises ConfigError for a file that cannot be read.
    """

    def __init__(self, path: str | Path):
        super().__init__()
        object.__setattr__(self, "_path", Path(path))
        object.__setattr__(self, "_stamps", {})
        self.__pos__()

    def __pos__(self) -> "PathConfig":
        """The same object, read again if one of its files has changed."""
        if not self._stamps or self._stamps != _stamps(self._stamps):
            # The layer that the environment lays over the site is not for other files.
            given = {name: value for name, value in variables.items() if name != VARIABLE}
            found = config.read(self._path, given)
            object.__setattr__(self, "_stamps", _stamps(found.files))
            self.clear()
            self.update(deep(found.tree))
            for mistake in found.mistakes:
                app_log.error("%s", mistake)
        return self


def _stamps(files: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    return {file: (file.stat().st_mtime_ns, file.stat().st_size) if file.exists() else None for file in files}


def ioloop_running(loop: Any) -> bool:
    """Whether a loop of Tornado, or of asyncio, is running."""
    return bool(getattr(loop, "asyncio_loop", loop).is_running())


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "see docs/handler.md for the names that there are")
