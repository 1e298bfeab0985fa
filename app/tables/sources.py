"""The source behind a URL: a file, or a table of a database. What each needs is imported only where it is opened."""

from pathlib import Path
from typing import Any

from app import extras
from app.state import database
from app.tables.source import Source

_FILES = {"duckdb": "duckdb", "sqlalchemy": "SQLAlchemy", "re2": "google-re2"}
_KINDS = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
_DATABASES = {"sqlalchemy": "SQLAlchemy", "re2": "google-re2"}


def opened(url: str, table: str | None = None, **options: Any) -> Source:
    """The source at a path or a URL of SQLAlchemy; `options` are those of files. Nothing is read yet.

    `table` is one of the database, or the named table of a workbook. Raises ValueError for a database without table,
    an unknown kind of file or database, and where a package that it needs is not installed.
    """
    if "://" not in url:
        extras.need(_FILES, "tables", f"the file {Path(url).name}")
        from app.tables.copies import Options
        from app.tables.files import File

        return File(Path(url), Options(table=table, **options))
    extras.need(_DATABASES, "tables", "a database")
    database.check(url)
    kind = url.partition("://")[0].partition("+")[0]
    if kind not in _KINDS:
        raise ValueError(f"tables of {kind} are not in this version: there are {', '.join(_KINDS)}")
    if not table:
        raise ValueError("needs `table:`, the table of the database")
    from app.tables.database import Table

    schema, _, name = table.rpartition(".")
    return Table(url, name, schema or None)
