"""DataFrames of pandas as tables, and tables as DataFrames::

    source = Frame(lambda: transform(data), state)

pandas is imported when there is one, not before.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection

from app import offload
from app.tables.columns import Column, Kind
from app.tables.files.copies import columns_of, quoted
from app.tables.files.duckdb_answer import BATCH, Answer, answered
from app.tables.files.loading import Engine, Loaded, engine
from app.tables.query import Query
from app.tables.source import Row

if TYPE_CHECKING:
    import pandas as pd

    from app.tables.files.frame_columns import Part


class Frame:
    """A DataFrame, made when it is first asked for, once, and kept in DuckDB as long as this. See Source."""

    name = "the DataFrame"

    def __init__(self, make: Callable[[], "pd.DataFrame"], state: str | None = None, tables: Engine | None = None):
        """`make` runs in a thread. `state` is that of the source: a text that changes when it would make another."""
        self._make, self._state, self._tables = make, state, tables or engine()
        self._loaded: Loaded | None = None
        self._turn = threading.Lock()

    def columns(self) -> tuple[Column, ...]:
        """See Source. Raises what `make` raises, and ValueError if that makes no DataFrame."""
        return self._load().columns

    def state(self) -> str | None:
        """See Source."""
        return self._state

    def run(self, query: Query, timeout: float) -> Answer:
        """See Source."""
        return answered(self._tables, self._load(), query, timeout, self.name)

    def _load(self) -> Loaded:
        with self._turn:
            if self._loaded is None:
                self._loaded = self._tables.made(lambda db, table: fill(db, table, self._make()))
            return self._loaded


def fill(db: DuckDBPyConnection, table: str, frame: "pd.DataFrame") -> tuple[Column, ...]:
    """Make a table of a frame. Raises ValueError for what is none. One without columns makes no table."""
    import pandas as pd

    from app.tables.files import frame_columns

    parts = frame_columns.parts(frame)
    if not parts:
        return ()
    db.register("frame", pd.DataFrame({f"c{number}": part.clean for number, part in enumerate(parts)}))
    try:
        cells = (f"{_value(part, number)} AS {quoted(part.column.name)}" for number, part in enumerate(parts))
        db.execute(f"CREATE TABLE {table} AS SELECT {', '.join(cells)} FROM frame")
    finally:
        db.unregister("frame")
    return columns_of(db, table)


def to_frame(columns: Sequence[Column], batches: Iterable[Sequence[Row]]) -> "pd.DataFrame":
    """The rows as a DataFrame. Decimals are floats there, and dates are times at midnight."""
    values: list[list[Any]] = [[] for _ in columns]
    for rows in batches:
        for kept, cells in zip(values, zip(*rows, strict=True), strict=False):
            kept += cells
    return offload.run(_framed, columns, values)


def _framed(columns: Sequence[Column], values: Sequence[list[Any]]) -> "pd.DataFrame":
    """A DataFrame of columns: a second for a million rows, in C that other requests must not wait for."""
    import pandas as pd

    from app.tables.files import frame_columns

    made = [frame_columns.series(column, kept) for column, kept in zip(columns, values, strict=True)]
    frame = pd.DataFrame(dict(enumerate(made)))
    frame.columns = [column.name for column in columns]
    return frame


def to_data(frame: "pd.DataFrame") -> tuple[tuple[Column, ...], Iterator[list[Row]]]:
    """The columns and rows of a DataFrame, as an answer has them. Raises ValueError for what is none."""
    from app.tables.files import frame_columns

    parts = offload.run(frame_columns.parts, frame)
    return tuple(part.column for part in parts), _rows(parts)


def _rows(parts: Sequence["Part"]) -> Iterator[list[Row]]:
    size = len(parts[0].series) if parts else 0
    for start in range(0, size, BATCH):
        pieces = (part._replace(series=part.series.iloc[start : start + BATCH]).values for part in parts)
        yield list(zip(*pieces, strict=True))


_TYPES = {Kind.BOOLEAN: "BOOLEAN", Kind.INTEGER: "BIGINT", Kind.FLOAT: "DOUBLE", Kind.DATE: "DATE", Kind.TIME: "TIME"}
_TYPES |= {Kind.DATETIME: "TIMESTAMP", Kind.BINARY: "BLOB", Kind.OTHER: "JSON"}


def _value(part: "Part", number: int) -> str:
    cell = (
        f"c{number}::{_decimal(part) if part.column.kind is Kind.DECIMAL else _TYPES.get(part.column.kind, 'VARCHAR')}"
    )
    return f"nullif({cell}, 'nan')" if part.column.kind is Kind.FLOAT else cell


def _decimal(part: "Part") -> str:
    """The type with as many digits after the point as the values have."""
    exponents = (value.as_tuple().exponent for value in part.values if value is not None)
    return f"DECIMAL(38, {max((-exponent for exponent in exponents if isinstance(exponent, int)), default=0)})"
