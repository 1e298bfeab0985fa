"""What changes when a query may give other rows, so that its result can be kept until then (gramex.md §9)."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from app.tables.query import Query
from blueprints.forms.opening import Place, queried

_OF_TABLE = {
    "postgresql": """
        SELECT CAST(n_tup_ins AS text) || '.' || CAST(n_tup_upd AS text) || '.' || CAST(n_tup_del AS text) AS state
        FROM pg_stat_all_tables WHERE relid = CAST(:name AS regclass)
    """,
    "mysql": """
        SELECT CASE WHEN UPDATE_TIME < NOW() - INTERVAL 2 SECOND THEN CAST(UPDATE_TIME AS CHAR)
            WHEN UPDATE_TIME IS NULL THEN CAST(CREATE_TIME AS CHAR) END AS state FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = COALESCE(NULLIF(:schema, ''), DATABASE()) AND TABLE_NAME = :table
    """,
}
_KINDS = {"postgres": "postgresql", "mariadb": "mysql"}


def of_sql(place: Place, sql: str, timeout: float, **values: str) -> str | None:
    """What a query gives, as text; None if it gives a null."""
    source = queried(place, sql, values, {}, timeout)
    names = tuple(column.name for column in source.columns())
    with closing(source.run(Query(names), timeout)) as result:
        rows = [row for batch in result.batches() for row in batch]
    return None if any(value is None for row in rows for value in row) else repr(rows)


def of_tables(place: Place, tables: Sequence[str], timeout: float) -> str | None:
    """What changes with the tables: the counts of PostgreSQL, the times of MariaDB, or that of the file.

    None where the database does not say: others than these, and MariaDB for two seconds after a change, as its time
    is one of whole seconds. PostgreSQL may count a second late.
    """
    states = [_of_table(place, table, timeout) for table in tables]
    return None if None in states else repr(states)


def _of_table(place: Place, table: str, timeout: float) -> str | None:
    kind = place.url.partition(":")[0].partition("+")[0]
    sql = _OF_TABLE.get(_KINDS.get(kind, kind))
    if sql is None:
        return replace(place, table=table).opened().state()
    schema, _, name = table.rpartition(".")
    values = {"name": table} if ":name" in sql else {"schema": schema, "table": name}
    return of_sql(place, sql, timeout, **values)
