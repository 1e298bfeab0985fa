"""Changes of a database's table, in one transaction each.

Values are bound, and names come from the table itself. SQLite is written with `synchronous=FULL`, so what was
acknowledged survives a power loss, in the journal mode that the file has; one writer of a worker has its turn at a
time, and waits for those of other processes as long as readers do.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa

from app.tables.columns import BadValue, Column, Kind, Value
from app.tables.databases import engines, sqlite_functions
from app.tables.databases.reflection import Reflected, reflect
from app.tables.databases.table import Table
from app.tables.edits import write_errors
from app.tables.edits.changes import Invalid, Record
from app.tables.edits.transactions import Transaction
from app.tables.query import Filter, Query
from app.tables.source import Down, Missing, Row
from app.tables.sql import compiled
from app.tables.sql.reading import reader

T = TypeVar("T")
ATTEMPTS = 5
"""How often a transaction is begun that the database undoes for the sake of another one."""


class DatabaseEditor:
    """Changes a table of a database. See `app.tables.edits.transactions.Editor`."""

    def __init__(self, table: Table):
        self.table = table
        self._engine = engine_of(table.url)

    def transact(self, work: Callable[[Transaction], T], timeout: float) -> T:
        """See Editor."""
        for attempt in range(ATTEMPTS):
            try:
                with _turn(self.table.url):
                    return self._engine.call(lambda: self._transaction(work, timeout))
            except _Lost as error:
                if attempt == ATTEMPTS - 1:
                    raise Down("others change the same rows all the time") from error
        raise AssertionError("not reached")

    def _transaction(self, work: Callable[[Transaction], T], timeout: float) -> T:
        database = self._engine.sql.url.database
        if engines.is_file(self.table.url) and not Path(str(database)).is_file():
            raise Missing(f"there is no file {database}")  # SQLite would make one
        with our_errors(self._engine), self._engine.connection() as connection, connection.begin():
            running = engines.Running(self._engine, connection, timeout, streaming=False)
            self._engine.limit(running)
            reflected = reflect(connection, self.table.name, self.table.schema)
            with self._engine.step(running):
                return work(_Rows(connection, reflected, self._engine.dialect))


@contextmanager
def our_errors(engine: engines.Engine) -> Iterator[None]:
    """Gives what the driver says of a change our names, and everything else those that readers see."""
    try:
        with engine.our_errors():
            yield
    except (sa.exc.DBAPIError, Down) as error:
        meant = _meant(error.__cause__ if isinstance(error, Down) else error)
        if meant is None:
            raise
        raise meant from error


def _meant(error: BaseException | None) -> Exception | None:
    """What a failure says to who changes the table, if anything."""
    said = getattr(error, "orig", None) or error
    if said is None:
        return None
    return _Lost(str(said)) if write_errors.code_of(said) in write_errors.LOST else write_errors.ours(said)


class _Lost(Exception):
    """The transaction was undone for the sake of another one."""


class _Rows:
    """A table in a transaction. See `app.tables.edits.transactions.Transaction`."""

    def __init__(self, connection: sa.Connection, reflected: Reflected, dialect: str):
        self.columns = reflected.columns
        self._connection, self._table, self._dialect = connection, reflected.table, dialect
        self._by_name = {column.name: column for column in reflected.columns}
        self._names = {column.name: f"c{index}" for index, column in enumerate(self.columns)}

    def find(self, filters: Sequence[Filter]) -> list[Row]:
        """See Transaction."""
        found = compiled.select(self._query(filters), self._table, self.columns, self._dialect)
        if self._dialect != "sqlite":  # there the whole file is ours
            found = found.with_for_update()
        return reader(self.columns)([tuple(row) for row in self._connection.execute(found)])

    def insert(self, rows: Sequence[Record], key: Sequence[str]) -> list[Record]:
        """See Transaction."""
        wanted = [column.name for column in self.columns if column.key or column.name in key]
        keys: list[Record] = []
        number = 0
        for names, group in groupby(rows, key=tuple):
            these = list(group)
            values = [self._numbered(row, number + index) for index, row in enumerate(these, 1)]
            number += len(these)
            keys += self._insert(names, these, values, wanted)
        return keys

    def update(self, filters: Sequence[Filter], values: Record) -> int:
        """See Transaction."""
        cells = {self._table.c[name]: self._bound(name, value) for name, value in values.items()}
        changed = sa.update(self._table).where(self._passing(filters)).values(cells)
        return int(self._connection.execute(changed).rowcount)

    def delete(self, filters: Sequence[Filter]) -> int:
        """See Transaction."""
        return int(self._connection.execute(sa.delete(self._table).where(self._passing(filters))).rowcount)

    def _query(self, filters: Sequence[Filter]) -> Query:
        return Query(tuple(self._by_name), tuple(filters), limit=None)

    def _passing(self, filters: Sequence[Filter]) -> sa.ColumnElement[bool]:
        found = compiled.select(self._query(filters), self._table, self.columns, self._dialect).whereclause
        return sa.true() if found is None else found

    def _bound(self, name: str, value: Value | None) -> sa.BindParameter[Any]:
        _check(self._by_name[name], self._table.c[name].type, value, self._dialect)
        return sa.bindparam(None, value, type_=_type(self._table.c[name].type, self._by_name[name].kind))

    def _numbered(self, row: Record, number: int) -> dict[str, Any]:
        """A row by the names of `_made`, its values checked."""
        for name, value in row.items():
            try:
                _check(self._by_name[name], self._table.c[name].type, value, self._dialect)
            except BadValue as error:
                raise Invalid(f"row {number}: {error}") from error
        return {self._names[name]: value for name, value in row.items()}

    def _insert(
        self, names: tuple[str, ...], rows: list[Record], values: list[dict[str, Any]], wanted: list[str]
    ) -> list[Record]:
        """Insert rows that give the same columns, and tell their keys."""
        table = self._made()
        if all(row.get(name) is not None for row in rows for name in wanted):
            self._connection.execute(sa.insert(table), values)
            return [{name: row[name] for name in wanted} for row in rows]
        if not self._connection.dialect.insert_returning:
            return [self._insert_one(table, row, value, wanted) for row, value in zip(rows, values, strict=True)]
        columns = [sa.type_coerce(table.c[self._names[name]], sa.types.NullType()) for name in wanted]
        inserted = sa.insert(table).returning(*columns, sort_by_parameter_order=len(rows) > 1)
        found = reader([self._by_name[name] for name in wanted])(map(tuple, self._connection.execute(inserted, values)))
        return [dict(zip(wanted, row, strict=True)) for row in found]

    def _insert_one(self, table: sa.Table, row: Record, value: dict[str, Any], wanted: list[str]) -> Record:
        """Insert a row where a database tells nothing but the last number that it gave."""
        number = self._connection.execute(sa.insert(table), value).lastrowid
        return {name: number if row.get(name) is None and number else row.get(name) for name in wanted}

    def _made(self) -> sa.Table:
        """The table with its key, by which SQLAlchemy tells which of many inserted rows is which.

        Columns have names of ours in it, as those of the table may be none that a bound value can have.
        """
        single = [column for column in self.columns if column.key]
        cells = [self._cell(column, [column] == single) for column in self.columns]
        return sa.Table(self._table.name, sa.MetaData(), *cells, schema=self._table.schema)

    def _cell(self, column: Column, is_only_key: bool) -> sa.Column[Any]:
        counted = is_only_key and column.kind is Kind.INTEGER
        made = sa.FetchedValue() if column.key and not counted else None
        kind = _type(self._table.c[column.name].type, column.kind)
        return sa.Column(
            column.name,
            sa.Integer() if counted else kind,
            key=self._names[column.name],
            primary_key=column.key,
            server_default=made,
        )


def _type(found: sa.types.TypeEngine[Any], kind: Kind) -> sa.types.TypeEngine[Any]:
    """How to bind a value: what is text to us and a type of its own to the database goes as it is."""
    return sa.types.NullType() if isinstance(found, sa.Enum) or kind is Kind.OTHER else found


_WIDTHS: Mapping[type, int] = MappingProxyType({sa.SmallInteger: 15, sa.BigInteger: 63, sa.Integer: 31})


def _check(column: Column, found: sa.types.TypeEngine[Any], value: Value | None, dialect: str) -> None:
    """Raise BadValue for what PostgreSQL would refuse without saying in which column."""
    if dialect != "postgresql" or value is None:
        return
    if isinstance(value, str) and isinstance(found, sa.String) and found.length and len(value) > found.length:
        raise BadValue(column.name, value, f"text of at most {found.length} characters")
    if type(value) is int and isinstance(found, sa.Integer):
        bits = next(bits for kind, bits in _WIDTHS.items() if isinstance(found, kind))
        if not -(2**bits) <= value < 2**bits:
            raise BadValue(column.name, str(value), f"an integer of {bits + 1} bits")
    if isinstance(found, sa.Numeric) and found.precision and column.kind is Kind.DECIMAL:
        whole = found.precision - (found.scale or 0)
        if abs(value) >= 10**whole:  # type: ignore[arg-type]  # a number, as the column's kind is
            raise BadValue(column.name, str(value), f"a number of at most {whole} digits before the point")


class _File(engines.SQLite):
    """A file of SQLite that is written. It is opened for each transaction: another may have taken its place."""

    def __init__(self, url: sa.URL):
        super().__init__(url)
        options = {"check_same_thread": False, "timeout": engines.BUSY}
        self.sql = sa.create_engine(url, poolclass=sa.NullPool, connect_args=options, hide_parameters=True)
        sa.event.listen(self.sql, "connect", _prepare)
        sa.event.listen(self.sql, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves: the driver would too late
    sqlite_functions.install(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


@cache
def engine_of(url: str) -> engines.Engine:
    """The database at a URL, to be written: the same for every caller in this worker."""
    return _File(sa.make_url(url)) if engines.is_file(url) else engines.connect(url)


@cache
def _lock(url: str) -> threading.Lock:
    return threading.Lock()


@contextmanager
def _turn(url: str) -> Iterator[None]:
    """One writer of a file at a time: the others of this worker wait here, and not in all threads of its pool."""
    if not engines.is_file(url):
        yield
        return
    if not _lock(url).acquire(timeout=engines.BUSY):
        raise Down("too many are waiting to write")
    try:
        yield
    finally:
        _lock(url).release()
