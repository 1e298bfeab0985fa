"""Data files as tables: CSV, JSON, Parquet, Arrow, spreadsheets, HTML and more, the text ones compressed too.

    source = File(Path("sales.csv"), Options(sep=";"))

They are loaded into the worker's DuckDB (`app.tables.files.loading`), which answers the queries.
"""

from pathlib import Path

from app.tables.columns import Column
from app.tables.files.copies import Options
from app.tables.files.duckdb_answer import Answer, answered
from app.tables.files.loading import Engine, engine, stamp_of
from app.tables.files.readers import check
from app.tables.query import Query
from app.tables.source import Down, Missing

LOADING = 30.0
"""Seconds to wait for the columns of a file that somebody else is loading."""


class File:
    """A file. It may change or vanish at any time; each query sees it as it is then. See `app.tables.source.Source`."""

    def __init__(self, path: Path, options: Options | None = None, tables: Engine | None = None):
        """Raises ValueError for a file of no format that is known, or without the package that reads it."""
        self.path, self.options, self._tables = path, options or Options(), tables or engine()
        check(path.name, self.options)

    def columns(self) -> tuple[Column, ...]:
        """See Source. A file that cannot be read raises Unreadable, a Down, here and in `run`."""
        return self._tables.loaded(self.path, self.options, LOADING).columns

    def state(self) -> str | None:
        """See Source; None while the file is not there."""
        try:
            return "-".join(f"{part:x}" for part in stamp_of(self.path))
        except (Missing, Down):
            return None

    def run(self, query: Query, timeout: float) -> Answer:
        """See Source."""
        loaded = self._tables.loaded(self.path, self.options, timeout)
        return answered(self._tables, loaded, query, timeout, self.path.name)
