"""Tables: pages, groups and downloads, against the floor or against the engine itself."""

import http.client
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb
import xlsxwriter

from bench.load import Failed, connected, new, slowest
from bench.measure import QUICK, Effort, Figure, Target, at_least, at_most, compare
from bench.server import FLOOR, Server, site

SITE = """
url:
  hello: {pattern: /hello, handler: Function, kwargs: {function: str("hello")}}
  sqlite: {pattern: /sqlite, handler: Data, kwargs: {url: sqlite:///small.db, table: sales}}
  slow: {pattern: /slow, handler: Data, kwargs: {url: sqlite:///small.db, table: slow}}
  million: {pattern: /million, handler: Data, kwargs: {url: million.csv}}
  small: {pattern: /small, handler: Data, kwargs: {url: small.parquet}}
  large: {pattern: /large, handler: Data, kwargs: {url: large.parquet}}
  excel: {pattern: /excel, handler: Data, kwargs: {url: book.xlsx}}
"""
ROWS = """SELECT i AS id, 'city' || (i * 7919 % 50) AS city, DATE '2026-01-01' + CAST(i * 31 % 365 AS INTEGER) AS day,
    i * 7907 % 1000 AS units, (i * 104729 % 1000000) / 100 AS sales, 'note ' || i AS note FROM range({}) AS r(i)"""
"""Rows of six columns."""

SMALL, MILLION, LARGE, SHEET = 100_000, 1_000_000, 5_000_000, 50_000
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT count(*) AS n FROM n"
MS = 1000
UNKEPT = "&unkept={new}"
"""An argument that means nothing to the table, but makes it another question: small answers are kept."""


class Bench(NamedTuple):
    """What the figures need: a server, an engine beside it, their folder, and how much to do."""

    server: Server
    db: duckdb.DuckDBPyConnection
    folder: Path
    effort: Effort


def figures(effort: Effort) -> Iterator[Figure]:
    """Pages and groups of SQLite and of files, downloads, memory, and how much later others are answered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = duckdb.connect(config={"threads": 2})  # as many as a worker's
        _fill(folder, db, effort)
        with Server("/hello", FLOOR) as floor, Server("/hello", env=site(folder, SITE)) as ours:
            bench = Bench(ours, db, folder, effort)
            yield from _ten_rows(floor, bench)
            yield from _sqlite(bench)
            yield from _file(bench)
            yield from _downloads(bench)
            yield _memory(bench)
            yield _excel(bench)
            yield _delay(bench)


def _fill(folder: Path, db: duckdb.DuckDBPyConnection, effort: Effort) -> None:
    part = 20 if effort is QUICK else 1
    for name, rows, options in (
        ("small.parquet", SMALL, "FORMAT parquet"),
        ("million.csv", MILLION // part, "FORMAT csv"),
        ("large.parquet", LARGE // part, "FORMAT parquet"),
    ):
        db.execute(f"COPY ({ROWS.format(rows)}) TO '{folder / name}' ({options})")
    _fill_sqlite(folder / "small.db", db, part)
    with xlsxwriter.Workbook(folder / "book.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "city", "units", "sales", "note"])
        rows_of_sheet = db.execute(
            f"SELECT id, city, units, sales, note FROM ({ROWS.format(SHEET // part)})"
        ).fetchall()
        for number, row in enumerate(rows_of_sheet, 1):
            sheet.write_row(number, 0, row)


def _fill_sqlite(file: Path, db: duckdb.DuckDBPyConnection, part: int) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = "id INTEGER PRIMARY KEY, city TEXT, day DATE, units INTEGER, sales REAL, note TEXT"
        connection.execute(f"CREATE TABLE sales ({columns})")
        rows = db.execute(f"SELECT * REPLACE (CAST(day AS VARCHAR) AS day) FROM ({ROWS.format(SMALL)})").fetchall()
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute(f"CREATE VIEW slow AS {ENDLESS.format(_steps(connection, 2 / part))}")


def _steps(connection: sqlite3.Connection, seconds: float) -> int:
    """To what number SQLite counts in so many seconds."""
    started = time.perf_counter()
    connection.execute(ENDLESS.format(1_000_000)).fetchall()
    return int(1_000_000 * seconds / (time.perf_counter() - started))


def _ten_rows(floor: Server, bench: Bench) -> Iterator[Figure]:
    """Ten rows that somebody asks for again, as long as nothing changes, and ten that nobody has asked for before."""
    found = compare(Target(floor, ["/hello"]), Target(bench.server, ["/sqlite?_limit=10"]), bench.effort)
    yield at_least("SQLite, 10 rows of 100,000, of the floor", found.capacity, 0.45, found.note)
    found = compare(Target(floor, ["/hello"]), Target(bench.server, [f"/sqlite?_limit=10{UNKEPT}"]), bench.effort)
    yield at_least("SQLite, 10 rows, none kept, of the floor", found.capacity, 0.3, found.note)


class Times(NamedTuple):
    """Seconds of processor time, taken in turns: of an engine alone and of a request to the server."""

    raw: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the engine's."""
        return median(ours / raw for raw, ours in zip(self.raw, self.ours, strict=True))

    @property
    def note(self) -> str:
        """What lies behind the ratio."""
        return f"CPU {median(self.ours) * MS:,.2f} ms against {median(self.raw) * MS:,.2f} ms"


def _against(bench: Bench, raw: Callable[[], object], path: str, times: int) -> Times:
    """What a request costs, and the same without us."""
    found = Times([], [])
    with connected(bench.server.port) as connection:
        _read(connection, new(path))
        raw()
        for _ in range(bench.effort.rounds):
            started = time.process_time()
            for _ in range(times):
                raw()
            found.raw.append((time.process_time() - started) / times)
            before = bench.server.cpu()
            for _ in range(times):
                _read(connection, new(path))
            found.ours.append((bench.server.cpu() - before) / times)
    return found


def _read(connection: http.client.HTTPConnection, path: str) -> int:
    """The bytes of a 200. Raises Failed."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        size = 0
        while piece := answer.read(1 << 20):
            size += len(piece)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{path}: {error}") from error
    if answer.status != 200:
        raise Failed(f"{path}: {answer.status} {answer.reason}")
    return size


def _sqlite(bench: Bench) -> Iterator[Figure]:
    with closing(sqlite3.connect(bench.folder / "small.db")) as connection:
        for name, path, sql, bound in (
            ("SQLite, filter without index", "units=77", "SELECT * FROM sales WHERE units = 77", 1.5),
            (
                "SQLite, group by",
                "_by=city&_c=sales|sum",
                "SELECT city, sum(sales) FROM sales GROUP BY city ORDER BY city",
                1.3,
            ),
        ):
            found = _against(bench, lambda sql=sql: connection.execute(sql).fetchall(), f"/sqlite?{path}{UNKEPT}", 10)  # type: ignore[misc]  # lambdas have no hints
            yield at_most(f"{name}, CPU of raw sqlite3's", found.ratio, bound, found.note)


def _file(bench: Bench) -> Iterator[Figure]:
    file = bench.folder / "million.csv"

    def load() -> None:
        bench.db.execute(f"CREATE OR REPLACE TABLE million AS FROM read_csv('{file}')")
        bench.db.execute("SELECT * FROM million LIMIT 10").fetchall()
        os.utime(file)  # it is another file now, and ours is loaded again too

    found = _against(bench, load, "/million?_limit=10", 1)
    yield at_most("CSV of 1 M rows, first answer, CPU of DuckDB's", found.ratio, 1.5, found.note)
    for name, path, sql in (
        ("filter, sort, page", "units>=990&_sort=-sales&_limit=10", "WHERE units > 990 ORDER BY sales DESC LIMIT 10"),
        ("group by", "_by=city&_c=sales|sum", ""),
    ):
        select = f"SELECT * FROM million {sql}" if sql else "SELECT city, sum(sales) FROM million GROUP BY 1 ORDER BY 1"
        found = _against(bench, lambda sql=select: bench.db.execute(sql).fetchall(), f"/million?{path}{UNKEPT}", 20)  # type: ignore[misc]  # as above
        bound = round(median(found.raw) * MS * 1.5 + 0.4, 2)
        yield at_most(f"CSV of 1 M rows, {name}, CPU", median(found.ours) * MS, bound, found.note, " ms")


def _downloads(bench: Bench) -> Iterator[Figure]:
    bench.db.execute(f"CREATE TABLE small AS FROM '{bench.folder / 'small.parquet'}'")
    for name, options in (("csv", "FORMAT csv"), ("json", "FORMAT json, ARRAY true")):
        copy = f"COPY small TO '{bench.folder / name}' ({options})"
        path = f"/small?_limit=-1&_format={name}"
        found = _against(bench, lambda sql=copy: bench.db.execute(sql), path, 2)  # type: ignore[misc]  # as above
        yield at_most(f"100,000 rows as {name.upper()}, CPU of DuckDB's COPY", found.ratio, 3, found.note)


def _memory(bench: Bench) -> Figure:
    with connected(bench.server.port) as connection:
        _read(connection, "/large?_limit=1")
        before = bench.server.memory()
        bench.server.forget_peak()
        started = time.perf_counter()
        size = _read(connection, "/large?_limit=-1&_format=csv")
    more, seconds = bench.server.peak_memory() - before, time.perf_counter() - started
    note = f"{before:.0f} MB before; {size / 1e6:,.0f} MB in {seconds:.1f} s"
    return at_most("5 M rows as CSV, memory added", more, 80, note, " MB")


def _excel(bench: Bench) -> Figure:
    seconds = []
    with connected(bench.server.port) as connection:
        for _ in range(bench.effort.rounds):
            os.utime(bench.folder / "book.xlsx")
            time.sleep(0.05)  # a file that was changed in this moment is waited for
            started = time.perf_counter()
            _read(connection, "/excel?_limit=10")
            seconds.append(time.perf_counter() - started)
    return at_most("Excel of 50,000 rows, first answer", median(seconds), 1, f"of {len(seconds)}", " s")


def _delay(bench: Bench) -> Figure:
    """How much later the slowest hundredth of other requests is answered while SQLite computes for two seconds."""
    alone = _slowest(bench.server, threading.Thread(target=time.sleep, args=(1,)))
    beside = _slowest(bench.server, threading.Thread(target=bench.server.get, args=("/slow",)))
    note = f"p99 {beside * MS:.1f} ms, {alone * MS:.1f} ms without"
    return at_most("query of 2 s: more p99 of others", (beside - alone) * MS, 50, note, " ms")


def _slowest(ours: Server, meanwhile: threading.Thread) -> float:
    meanwhile.start()
    return slowest(ours.port, "/hello", meanwhile.is_alive)
