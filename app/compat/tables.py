"""Tables in files and databases, for `gramex.cache`: by pandas, which is imported where a site's code asks for one."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app import offload
from app.state import files

_PACKAGES: Mapping[str, Mapping[str, str]] = {
    "read_excel": {"python_calamine": "python-calamine", "openpyxl": "openpyxl"},
    "to_excel": {"xlsxwriter": "XlsxWriter", "openpyxl": "openpyxl"},
    "read_parquet": {"pyarrow": "pyarrow"},
    "to_parquet": {"pyarrow": "pyarrow"},
}
"""What pandas needs besides itself, by the modules; one of them is enough."""

_WRITERS: Mapping[str, str] = {
    "csv": "to_csv",
    "json": "to_json",
    "html": "to_html",
    "xlsx": "to_excel",
    "parquet": "to_parquet",
}


def read(how: str, path: str, **options: Any) -> Any:
    """The DataFrame that a reader of pandas, as `read_csv`, makes of a file.

    Raises ImportError that names the package, where pandas or what it needs for such files is not installed.
    """
    if how == "read_excel" and find_spec("python_calamine"):  # the faster one; pandas would take the other
        options = {"engine": "calamine", **options}
    return offload.run(_with_packages, how, getattr(_pandas(path), how), path, **options)


def save(data: Any, path: str | Path, index: bool = False, **options: Any) -> None:
    """Write a DataFrame to a file of the kind that its extension says: csv, json, html, xlsx or parquet.

    Readers see the old file or the new one, never a part, and it is on disk when this returns. `index` writes the index
    as well, `options` are those of pandas' method. Raises TypeError for another kind, ImportError as `read`.
    """
    path = Path(path)
    how = _WRITERS.get(path.suffix[1:].lower())
    if how is None:
        raise TypeError(f"cannot save {path}: the extension should be one of {', '.join(_WRITERS)}")
    if how == "to_json":  # an index has no place among records
        data, options = data.reset_index() if index else data, {"orient": "records", **options}
    else:
        options["index"] = index
    offload.run(_replace, path, how, getattr(data, how), options)


def _replace(path: Path, how: str, write: Callable[..., Any], options: Mapping[str, Any]) -> None:
    fd, name = tempfile.mkstemp(path.suffix, ".", path.parent)
    os.close(fd)
    try:
        _with_packages(how, write, name, **options)
        os.chmod(name, path.stat().st_mode if path.exists() else 0o666 & ~files.umask())
        files.sync(name)
        os.replace(name, path)
        files.sync(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _with_packages(how: str, call: Callable[..., Any], path: str, **options: Any) -> Any:
    packages = _PACKAGES.get(how, {})
    if packages and not any(map(find_spec, packages)):
        kind, names = Path(path).suffix or how, list(packages.values())
        raise ImportError(f"{kind} files need the package {' or '.join(names)}: pip install {names[0]}")
    return call(path, **options)


def _pandas(what: object) -> Any:
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise ImportError(f"{what} needs the package pandas: pip install pandas") from error
    return pandas


def query(sql: Any, engine: Any, **options: Any) -> Any:
    """The DataFrame of an SQL query, text or one of SQLAlchemy's, through an engine of SQLAlchemy."""
    return offload.run(_pandas("a query").read_sql, sql, engine, **options)


def written(sql: Any, engine: Any) -> str:
    """A query as text with its values: what tells it from others."""
    if isinstance(sql, str):
        return sql
    compiled = sql.compile(engine)
    return f"{compiled} {sorted(compiled.params.items())}"


def same(one: Any, other: Any) -> bool:
    """Whether two states, DataFrames or anything else, are equal."""
    return bool(one.equals(other)) if hasattr(one, "equals") else bool(one == other)
