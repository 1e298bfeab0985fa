"""Tables of users and of their attributes: CSV and JSON files, and tables of databases.

Column names come from the table itself, values are bound: what somebody types is never SQL.
"""

import csv
import fcntl
import io
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson

from app import extras, offload
from app.state import database
from app.state.database import COOPERATIVE, Conflict, Unavailable, patience, with_driver

if TYPE_CHECKING:
    import sqlalchemy as sa

T = TypeVar("T")
Row = dict[str, Any]
Run = Callable[[Any], Any]
"""Runs a statement of a transaction."""

FILES = (".csv", ".json")


class Table(Protocol):
    """A table. Every method raises Unavailable while it cannot be reached, LookupError for a column it lacks."""

    def columns(self) -> Sequence[str]:
        """The names of its columns."""

    def rows(self) -> list[Row]:
        """All rows."""

    def find(self, column: str, value: str) -> Row | None:
        """The row with this value in a column; None if there is none."""

    def update(self, column: str, value: str, changes: Mapping[str, Any]) -> None:
        """Change the row with this value in a column, durably."""

    def insert(self, row: Mapping[str, Any], key: str) -> None:
        """Add a row, durably. Raises Conflict if there is one with the same value in the column `key`."""


def check(url: str, table: str | None) -> None:
    """Raise ValueError if the place of a table cannot be right."""
    if "://" not in url:
        if Path(url).suffix.lower() not in FILES:
            raise ValueError(f"should be a file whose name ends in {' or '.join(FILES)}, or the URL of a database")
        if not Path(url).is_file():
            raise ValueError(f"there is no file {Path(url).name!r}")
        return
    extras.need({"sqlalchemy": "SQLAlchemy"}, "sql", "a table of a database")
    database.check(url)
    if table is None:
        raise ValueError("`table` is required beside the URL of a database")


def opened(url: str, table: str | None) -> Table:
    """The table at a URL or path. The same for every caller of this worker."""
    return SQLTable(url, table or "") if "://" in url else FileTable(Path(url))


class FileTable:
    """A CSV file, whose values are text, or a JSON file with a list of objects. It is replaced as a whole."""

    def __init__(self, path: Path):
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._rows: list[Row] = []

    def columns(self) -> Sequence[str]:
        """See Table."""
        return _columns(self.rows()) or _header(self._path)

    def rows(self) -> list[Row]:
        """See Table. The file is read again when it has changed."""
        try:
            found = self._path.stat()
            stamp = found.st_ino, found.st_mtime_ns, found.st_size
            if stamp != self._stamp:
                self._rows, self._stamp = _read(self._path), stamp
        except (OSError, ValueError) as error:
            raise Unavailable(str(self._path), error) from error
        return self._rows

    def find(self, column: str, value: str) -> Row | None:
        """See Table."""
        rows = self.rows()
        _known(column, self.columns())
        return next((dict(row) for row in rows if str(row.get(column)) == value), None)

    def update(self, column: str, value: str, changes: Mapping[str, Any]) -> None:
        """See Table."""

        def changed(rows: list[Row]) -> list[Row]:
            return [{**row, **changes} if str(row.get(column)) == value else row for row in rows]

        self._write(changed)

    def insert(self, row: Mapping[str, Any], key: str) -> None:
        """See Table."""
        for name in row:
            _known(name, self.columns())

        def added(rows: list[Row]) -> list[Row]:
            if any(str(other.get(key)) == str(row[key]) for other in rows):
                raise Conflict(f"there is a row with this {key}")
            return [*rows, dict.fromkeys(self.columns(), "") | dict(row)]

        self._write(added)

    def _write(self, change: Callable[[list[Row]], list[Row]]) -> None:
        try:
            offload.run(self._rewrite, change)
        except OSError as error:
            raise Unavailable(str(self._path), error) from error

    def _rewrite(self, change: Callable[[list[Row]], list[Row]]) -> None:
        with _locked(self._path):
            rows = change(_read(self._path))
            _replace(self._path, _written(self._path, rows))


def _read(path: Path) -> list[Row]:
    data = path.read_bytes()
    if path.suffix.lower() == ".csv":
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        if any(None in row for row in rows):
            raise ValueError("a line has more cells than there are columns")
        return rows
    rows = orjson.loads(data)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the JSON should be a list of objects")
    return rows


def _header(path: Path) -> list[str]:
    """The columns of a CSV file that has no rows yet."""
    return next(csv.reader([path.read_text("utf-8-sig").partition("\n")[0]]), []) if path.suffix == ".csv" else []


def _written(path: Path, rows: list[Row]) -> bytes:
    if path.suffix.lower() != ".csv":
        return orjson.dumps(rows, option=orjson.OPT_INDENT_2)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows), restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the file; the lock is a file beside it, as the file itself is replaced."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, path.stat().st_mode & 0o777)
    with open(fd, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)


class SQLTable:
    """A table of a database of SQLAlchemy."""

    def __init__(self, url: str, name: str):
        self._url, self._name = url, name

    def columns(self) -> Sequence[str]:
        """See Table."""
        return offload.run(lambda: list(self._table().columns.keys()))

    def rows(self) -> list[Row]:
        """See Table."""
        return self._run(lambda run: _dicts(run(self._table().select())))

    def find(self, column: str, value: str) -> Row | None:
        """See Table."""

        def work(run: Run) -> Row | None:
            where = self._equal(column, value)
            return (
                None if where is None else next(iter(_dicts(run(self._table().select().where(where).limit(1)))), None)
            )

        return self._run(work)

    def update(self, column: str, value: str, changes: Mapping[str, Any]) -> None:
        """See Table."""
        for name in changes:
            _known(name, self.columns())

        def work(run: Run) -> None:
            where = self._equal(column, value)
            if where is not None:
                run(self._table().update().where(where).values(dict(changes)))

        self._run(work)

    def insert(self, row: Mapping[str, Any], key: str) -> None:
        """See Table."""
        for name in row:
            _known(name, self.columns())

        def work(run: Run) -> None:
            where = self._equal(key, str(row[key]))
            if where is not None and run(self._table().select().where(where).limit(1)).first():
                raise Conflict(f"there is a row with this {key}")
            run(self._table().insert().values(dict(row)))

        self._run(work)

    def _run(self, work: Callable[[Run], T]) -> T:
        """Run the work in a transaction: in a thread if its driver would stop the worker's other requests."""
        call = partial(self._transaction, work)
        return call() if with_driver(self._url).partition("://")[0].endswith(COOPERATIVE) else offload.run(call)

    def _transaction(self, work: Callable[[Run], T]) -> T:
        import sqlalchemy as sa

        try:
            with _engine(self._url).begin() as connection:
                return work(connection.execute)
        except sa.exc.IntegrityError as error:
            raise Conflict(str(error.orig)) from error
        except sa.exc.SQLAlchemyError as error:
            raise Unavailable(f"the table {self._name}", error) from error

    def _table(self) -> "sa.Table":
        return _reflected(self._url, self._name)

    def _equal(self, column: str, value: str) -> Any:
        """The condition; None for a value that the column cannot have."""
        found = self._table().columns[_known(column, self._table().columns.keys())]
        try:
            kind: type = found.type.python_type
            typed = value if kind is str else kind(value)
        except (ValueError, TypeError, ArithmeticError, NotImplementedError):
            return None
        return None if _is_beyond(typed) else found == typed


def _dicts(result: Any) -> list[Row]:
    return [dict(row) for row in result.mappings()]


def _is_beyond(value: Any) -> bool:
    """Whether databases refuse the value, though it is of the column's kind."""
    if isinstance(value, int):
        return abs(value) >= 2**63
    return isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)


def _known(column: str, columns: Sequence[str]) -> str:
    """The column's name, if the table has it."""
    if column not in columns:
        raise LookupError(f"the table has no column {column!r}: there are {', '.join(columns)}")
    return column


@cache
def _engine(url: str) -> "sa.Engine":
    import sqlalchemy as sa

    url = with_driver(url)
    return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=patience(url))


@cache
def _reflected(url: str, name: str) -> "sa.Table":
    """The table as the database describes it; read once."""
    import sqlalchemy as sa

    schema, _, table = name.rpartition(".")
    try:
        return sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=_engine(url))
    except sa.exc.NoSuchTableError as error:
        raise Unavailable(f"the table {name}", error) from error
