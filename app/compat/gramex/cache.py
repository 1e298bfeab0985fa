"""`gramex.cache`: files read once, and again when they change."""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from app.compat import missing

from .config import CustomJSONEncoder

__all__ = ["CustomJSONEncoder", "open", "stat"]

_KEPT = 200
"""Results that are kept; the one used longest ago makes room."""

_results: OrderedDict[Any, tuple[tuple[float, int], Any]] = OrderedDict()
_lock = Lock()


def _text(path: str, encoding: str = "utf-8", **options: Any) -> str:
    return Path(path).read_text(encoding, **options)


def _json(path: str, encoding: str = "utf-8", **options: Any) -> Any:
    return json.loads(_text(path, encoding), **options)


def _yaml(path: str, encoding: str = "utf-8") -> Any:
    return yaml.safe_load(_text(path, encoding))


def _template(path: str, encoding: str = "utf-8", **options: Any) -> Any:
    from tornado.template import Template

    return Template(_text(path, encoding), name=path, **options)


def _pandas(name: str, path: str, **options: Any) -> Any:
    import pandas  # type: ignore[import-not-found, import-untyped, unused-ignore]  # only where a site brings it

    return getattr(pandas, name)(path, **options)


_READERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("txt", "text", "htm", "html", "md", "markdown"), _text),
    **dict.fromkeys(("json", "jsondata"), _json),
    **dict.fromkeys(("yaml", "yml", "config"), _yaml),
    **dict.fromkeys(("template", "tmpl"), _template),
    **dict.fromkeys(("xlsx", "xls", "excel"), partial(_pandas, "read_excel")),
    "csv": partial(_pandas, "read_csv"),
    "parquet": partial(_pandas, "read_parquet"),
}


def open(
    path: str | Path,
    callback: str | Callable[..., Any] | None = None,
    transform: Callable[[Any], Any] | None = None,
    rel: bool = False,
    **options: Any,
) -> Any:
    """The content of a file, read once and again when it changes.

    `callback` says how: text, json, yaml, csv, xlsx, parquet, template, or a function of the path; without it the
    file's extension does. `rel` starts at the folder of the calling code. `transform` gets the content. All callers get
    the same object. Raises OSError if there is no file, TypeError for an unknown kind.
    """
    if rel:
        path = Path(sys._getframe(1).f_globals["__file__"]).parent / path
    path = str(path)
    kind = callback if callback is not None else Path(path).suffix[1:].lower()
    read = kind if callable(kind) else _READERS.get(kind)
    if read is None:
        raise TypeError(f"cannot open {path} as {kind!r}: there are {', '.join(_READERS)}, or a function")
    key, stamp = (path, kind, transform, repr(sorted(options.items()))), stat(path)
    with _lock:
        kept, result = _results.get(key, (None, None))
    if kept != stamp:
        result = read(path, **options)
        result = transform(result) if transform else result
    _keep(key, stamp, result)
    return result


def _keep(key: Any, stamp: tuple[float, int], result: Any) -> None:
    with _lock:
        _results[key] = stamp, result
        _results.move_to_end(key)
        while len(_results) > _KEPT:
            _results.popitem(last=False)


def stat(path: str | Path) -> tuple[float, int]:
    """When a file has changed, and its size."""
    found = Path(path).stat()
    return found.st_mtime, found.st_size


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "there are open and stat")
