"""The source behind a URL: a file, a folder, a table of a database. What each needs is imported where it is opened."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import extras
from app.state import database
from app.tables.source import Source

if TYPE_CHECKING:
    from app.tables.files.copies import Options

_FILES = {"duckdb": "duckdb", "sqlalchemy": "SQLAlchemy", "re2": "google-re2"}
_DATABASES = {"sqlalchemy": "SQLAlchemy", "re2": "google-re2"}


_DUCKDB = (".duckdb", ".ddb")
_Options = dict[str, Any]


def opened(url: str, table: str | int | None = None, folder: Path = Path(), **options: Any) -> Source:
    """The source at a path or a URL, a relative one from the folder. Nothing is read yet.

    `table` is one of the database, the named table of a workbook, or the number or id of one in a page. `options` are
    those of files, see `app.tables.files.copies.Options`; `name` is another word for a `range` that has a name. Raises
    ValueError for a database without table, an unknown kind of file, database or option, and where a package that it
    needs is not installed.
    """
    kind, path = _parted(url)
    table = None if table is None else str(table)
    open_one = _OPENED.get(kind)
    if open_one is None:
        return _database(url, table, folder)
    extras.need(_FILES, "tables", f"the table {path}")
    return open_one(path, table, folder, {name: value for name, value in options.items() if _says(name, value)})


def _parted(url: str) -> tuple[str, str]:
    """The kind of a URL and its path, which is relative after three slashes, as in URLs of SQLAlchemy."""
    kind, separator, path = url.partition("://")
    if not separator:
        return ("duckdb" if url.lower().endswith(_DUCKDB) else "file"), url
    if kind.lower() in ("http", "https"):
        return kind.lower(), url
    return kind.lower(), path if kind.lower() == "file" else path.removeprefix("/")


def _says(name: str, value: Any) -> bool:
    """Whether an option is given; `header` has a meaning without a value."""
    return value is not None or name == "header"


def _file(path: str, table: str | None, folder: Path, options: _Options) -> Source:
    from app.tables.files.file import File

    return File(folder / path, _options(table, options))


def _remote(url: str, table: str | None, folder: Path, options: _Options) -> Source:
    from app.tables.files.remote import Remote

    return Remote(url, folder / "var" / "http", _options(table, options))


def _folder(path: str, table: str | None, folder: Path, options: _Options) -> Source:
    from app.tables.files.folders import Folder

    return Folder(folder / path)


def _duckdb(path: str, table: str | None, folder: Path, options: _Options) -> Source:
    from app.tables.files import duckdb_files

    if not table:
        raise ValueError("needs `table:`, the table of the DuckDB file")
    return duckdb_files.Table(folder / path, table)


_OPENED = {"file": _file, "http": _remote, "https": _remote, "dir": _folder, "duckdb": _duckdb}


def _options(table: str | None, given: _Options) -> "Options":
    """Those of a file. Raises ValueError."""
    from app.tables.files.copies import Options

    if given.pop("links", False):
        raise ValueError("links: what the cells of a workbook link to is not read")
    if "name" in given:
        given["range"] = given.pop("name")
    known = [field.name for field in fields(Options)]
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise ValueError(f"{unknown[0]}: no option of files that is known: there are {', '.join(known)}")
    return Options(table=table, **given)


def _database(url: str, table: str | None, folder: Path) -> Source:
    extras.need(_DATABASES, "tables", "a database")
    database.check(url)
    if not table:
        raise ValueError("needs `table:`, the table of the database")
    from app.tables.databases.table import Table

    schema, _, name = table.rpartition(".")
    return Table(url, name, schema or None, folder)
