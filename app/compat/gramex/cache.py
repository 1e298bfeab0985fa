"""`gramex.cache`: files and queries read once, and again when they change; files written whole; processes."""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from app.compat import missing, tables
from app.compat.background import Subprocess
from app.compat.tables import save

from .config import CustomJSONEncoder

__all__ = ["CustomJSONEncoder", "Subprocess", "open", "query", "save", "stat"]

_KEPT = 200
"""Results that are kept; the one used longest ago makes room."""

_results: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()
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


_READERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("txt", "text", "htm", "html", "md", "markdown"), _text),
    **dict.fromkeys(("json", "jsondata"), _json),
    **dict.fromkeys(("yaml", "yml", "config"), _yaml),
    **dict.fromkeys(("template", "tmpl"), _template),
    **dict.fromkeys(("xlsx", "xls", "excel"), partial(tables.read, "read_excel")),
    "csv": partial(tables.read, "read_csv"),
    "parquet": partial(tables.read, "read_parquet"),
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
    kept, result = _kept(key)
    if kept != stamp:
        result = read(path, **options)
        result = transform(result) if transform else result
    _keep(key, stamp, result)
    return result


def query(sql: Any, engine: Any, state: str | Callable[[], Any] | None = None, **options: Any) -> Any:
    """The DataFrame of an SQL query, through SQLAlchemy; `options` are those of `pandas.read_sql`.

    `state` is a query in text, or a function: as long as it gives the same, so does this, with the same object for all
    callers. Without it, the query is made every time.
    """
    if state is None:
        return tables.query(sql, engine, **options)
    key = (tables.written(sql, engine), engine, state, repr(sorted(options.items())))
    now = state() if callable(state) else tables.query(state, engine)
    kept, result = _kept(key)
    if result is None or not tables.same(kept, now):
        result = tables.query(sql, engine, **options)
    _keep(key, now, result)
    return result


def _kept(key: Any) -> tuple[Any, Any]:
    """The state and the result that are kept; two times None if there are none."""
    with _lock:
        return _results.get(key, (None, None))


def _keep(key: Any, stamp: Any, result: Any) -> None:
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
    raise missing(__name__, name, f"there are {', '.join(__all__)}")
