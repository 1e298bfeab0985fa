"""The cases that all sources share, on files of each format, a DuckDB file and a DataFrame."""

import csv
import gzip
import html
import io
import json
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pandas as pd
import pyarrow.feather
import pyarrow.parquet
import pytest
import xlsxwriter
import zstandard

from app.tables.columns import Kind
from app.tables.files.duckdb_files import Table
from app.tables.files.file import File
from app.tables.files.frames import Frame
from app.tables.files.loading import Engine
from app.tables.grammar import parse
from tests.app.tables import cases


@pytest.fixture(scope="session")
def engine():
    return Engine()


def rows_of(source, query, timeout=20):
    result = source.run(parse(cases.arguments(query), source.columns()), timeout)
    try:
        return [row for batch in result.batches() for row in batch]
    finally:
        result.close()


def as_csv(rows, delimiter=","):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow([column.name for column in cases.COLUMNS])
    writer.writerows(rows)
    return file.getvalue().encode()


def as_records(rows):
    names = [column.name for column in cases.COLUMNS]
    return [dict(zip(names, map(of_json, row), strict=True)) for row in rows]


def of_json(value):
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def as_xlsx(rows):
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        times = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, [column.name for column in cases.COLUMNS])
        for y, row in enumerate(rows, 1):
            for x, value in enumerate(row):
                sheet.write(y, x, value, *([times] if isinstance(value, datetime) else []))
    return file.getvalue()


TYPES = {Kind.INTEGER: "BIGINT", Kind.TEXT: "VARCHAR", Kind.DECIMAL: "DECIMAL(10, 2)", Kind.DATETIME: "TIMESTAMP"}


def as_duckdb(path):
    """A DuckDB file with the table `cases`."""
    with duckdb.connect(path) as db:
        columns = ", ".join(
            f'"{column.name.replace(chr(34), chr(34) * 2)}" {TYPES.get(column.kind, column.kind)}'
            for column in cases.COLUMNS
        )
        db.execute(f"CREATE TABLE cases ({columns.replace(' float', ' DOUBLE')})")
        db.executemany(f"INSERT INTO cases VALUES ({', '.join('?' * len(cases.COLUMNS))})", cases.ROWS)
    return path


def as_parquet(folder):
    with duckdb.connect(as_duckdb(folder / "made.duckdb"), read_only=True) as db:
        db.execute(f"COPY cases TO '{folder}/made.parquet'")
    return (folder / "made.parquet").read_bytes()


def as_feather(folder):
    as_parquet(folder)
    table = pyarrow.parquet.read_table(folder / "made.parquet")
    pyarrow.feather.write_feather(table, str(folder / "made.feather"))
    return (folder / "made.feather").read_bytes()


def as_html(rows):
    def line(tag, cells):
        return f"<tr>{''.join(f'<{tag}>{html.escape(of_html(cell))}</{tag}>' for cell in cells)}</tr>"

    head = line("th", [column.name for column in cases.COLUMNS])
    return f"<meta charset=utf-8><table>{head}{''.join(line('td', row) for row in rows)}</table>".encode()


def of_html(value):
    return "" if value is None else str(value)


def as_frame():
    frame = pd.DataFrame(cases.ROWS, columns=[column.name for column in cases.COLUMNS])
    return frame.astype({"units": "Int64", "paid": "boolean", "city": "category"})


def content(name, folder):
    rows = cases.ROWS
    match name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]:
        case "csv":
            made = as_csv(rows)
        case "tsv":
            made = as_csv(rows, "\t")
        case "json":
            made = json.dumps(as_records(rows)).encode()
        case "ndjson":
            made = "\n".join(map(json.dumps, as_records(rows))).encode()
        case "xlsx":
            made = as_xlsx(rows)
        case "html":
            made = as_html(rows)
        case "feather":
            made = as_feather(folder)
        case _:
            made = as_parquet(folder)
    packed = gzip.compress(made) if name.endswith(".gz") else made
    return zstandard.compress(packed) if name.endswith(".zst") else packed


NAMES = ["cases.csv", "cases.tsv.gz", "cases.json", "cases.ndjson.zst", "cases.parquet", "cases.xlsx", "cases.feather"]
NAMES += ["cases.html", "cases.duckdb", "a DataFrame"]


@pytest.fixture(scope="session", params=NAMES)
def source(request, engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    if request.param == "a DataFrame":
        return Frame(as_frame, tables=engine)
    if request.param == "cases.duckdb":
        return Table(as_duckdb(folder / request.param), "cases")
    (folder / request.param).write_bytes(content(request.param, folder))
    return File(folder / request.param, tables=engine)


@pytest.mark.parametrize(("query", "wanted"), cases.CASES, ids=[query for query, _ in cases.CASES])
def test_a_file_answers_as_every_source(source, query, wanted):
    assert cases.plain(rows_of(source, query)) == cases.plain(wanted)
