"""Tables of real databases for tests."""

import contextlib

import sqlalchemy as sa

from app.state.database import with_driver
from app.tables.columns import Column, Kind
from app.tables.databases.table import Table
from app.tables.grammar import parse
from tests.app.tables.cases import arguments

TYPES = {
    Kind.INTEGER: sa.Integer,
    Kind.TEXT: sa.Text,
    Kind.DECIMAL: sa.Numeric(10, 2),
    Kind.BOOLEAN: sa.Boolean,
    Kind.DATE: sa.Date,
    Kind.DATETIME: sa.DateTime,
    Kind.FLOAT: sa.Double,
}
NUMBERS = [Column("id", Kind.INTEGER, key=True), Column("city", Kind.TEXT)]


def filled(url, columns, rows, name="cases"):
    """A new table with these columns and rows."""
    cells = [sa.Column(each.name, TYPES[each.kind], primary_key=each.key) for each in columns]
    table = sa.Table(name, sa.MetaData(), *cells, mariadb_charset="utf8mb4")
    run(url, sa.schema.CreateTable(table), table.insert().values(rows))
    return Table(url, name)


def run(url, *statements):
    """Run statements of SQL in one transaction."""
    engine = sa.create_engine(with_driver(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement) if isinstance(statement, str) else connection.execute(statement)
    engine.dispose()


def many(url, rows=2**15, name="many"):
    """A table of that many rows, a power of two, with ids from 1 and one city."""
    table = filled(url, NUMBERS, [(1, "Oslo")], name)
    while rows > 1:
        highest = f"(SELECT m FROM (SELECT max(id) AS m FROM {name}) AS highest)"
        run(url, f"INSERT INTO {name} (id, city) SELECT id + {highest}, city FROM {name}")
        rows //= 2
    return table


def endless(url):
    """A view that no query on all rows of comes to an end."""
    many(url)
    city = "CASE WHEN a.id + b.id + c.id > 0 THEN a.city END"  # not known before the tables are joined
    run(url, f"CREATE VIEW endless AS SELECT a.id, {city} AS city FROM many a, many b, many c")
    return Table(url, "endless")


def asked(table, query, timeout=10):
    """The result of a query on a table, for a `with`."""
    return contextlib.closing(table.run(parse(arguments(query), table.columns()), timeout))


def answer(table, query, timeout=10):
    """The rows that a table answers to a query."""
    with asked(table, query, timeout) as result:
        return [row for batch in result.batches() for row in batch]
