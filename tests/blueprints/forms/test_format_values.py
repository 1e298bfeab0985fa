"""Every kind of value in every format that holds data, as one table."""

import csv
import io
import json
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from app.tables.columns import Column, Kind
from tests.blueprints.forms.written import body, data, one

MOMENT = datetime(2026, 1, 5, 10, 30, 15)
BIG = 2**70
NAN = float("nan")
SAME = ...  # Excel and Arrow hold the value as it is

CASES = [
    # kind, value, JSON, CSV and HTML, Excel, Arrow and Parquet
    (Kind.BOOLEAN, True, "true", "True", SAME, SAME),
    (Kind.BOOLEAN, None, "null", "", None, None),
    (Kind.INTEGER, -7, "-7", "-7", SAME, SAME),
    (Kind.INTEGER, 2**62, str(2**62), str(2**62), str(2**62), SAME),
    (Kind.INTEGER, BIG, str(BIG), str(BIG), str(BIG), Decimal(BIG)),
    (Kind.INTEGER, None, "null", "", None, None),
    (Kind.FLOAT, 10.5, "10.5", "10.5", SAME, SAME),
    (Kind.FLOAT, 1e20, "1e+20", "1e+20", SAME, SAME),
    (Kind.FLOAT, NAN, "null", "", None, NAN),
    (Kind.FLOAT, math.inf, "null", "inf", "inf", SAME),
    (Kind.FLOAT, None, "null", "", None, None),
    (Kind.DECIMAL, Decimal("12.30"), "12.30", "12.30", 12.3, Decimal("12.300000000")),
    (Kind.DECIMAL, Decimal("1234567890123456.78"), "1234567890123456.78", *["1234567890123456.78"] * 2, SAME),
    (Kind.DECIMAL, Decimal("NaN"), "null", "", None, None),
    (Kind.TEXT, "Größe", '"Größe"', "Größe", SAME, SAME),
    (Kind.TEXT, "=1+1", '"=1+1"', "=1+1", SAME, SAME),
    (Kind.TEXT, 'a "b", c\n', '"a \\"b\\", c\\n"', 'a "b", c\n', SAME, SAME),
    (Kind.TEXT, "", '""', "", None, ""),
    (Kind.TEXT, None, "null", "", None, None),
    (Kind.DATE, date(2026, 1, 5), '"2026-01-05"', "2026-01-05", datetime(2026, 1, 5), SAME),
    (Kind.DATE, date(1850, 1, 5), '"1850-01-05"', "1850-01-05", "1850-01-05", SAME),
    (Kind.TIME, time(10, 30), '"10:30:00"', "10:30:00", SAME, SAME),
    (Kind.DATETIME, MOMENT, '"2026-01-05T10:30:15"', "2026-01-05 10:30:15", SAME, SAME),
    (Kind.DATETIME, None, "null", "", None, None),
    (Kind.BINARY, b"\x00\xff", '"AP8="', "AP8=", "AP8=", SAME),
    (Kind.OTHER, {"a": [1]}, '{"a":[1]}', '{"a":[1]}', '{"a":[1]}', '{"a":[1]}'),
    (Kind.OTHER, [1, 2], "[1,2]", "[1,2]", "[1,2]", "[1,2]"),
    (Kind.OTHER, timedelta(hours=30), '"P1DT6H0M0S"', "P1DT6H0M0S", "P1DT6H0M0S", "P1DT6H0M0S"),
    # SQLite allows any value in any column
    (Kind.INTEGER, "a,b", '"a,b"', "a,b", SAME, ValueError),
    (Kind.DATE, "soon, T", '"soon, T"', "soon, T", SAME, ValueError),
]
IDS = [f"{kind}-{value!r}"[:40] for kind, value, *_ in CASES]


def same(found, wanted, value):
    wanted = value if wanted is SAME else wanted
    both_nan = isinstance(wanted, float) and math.isnan(wanted) and isinstance(found, float) and math.isnan(found)
    return both_nan or (found == wanted and type(found) is type(wanted)) or (found, type(wanted)) == (wanted, float)


@pytest.mark.parametrize(("kind", "value", "json_", "text", "excel", "arrow"), CASES, ids=IDS)
def test_a_value_in_json(kind, value, json_, text, excel, arrow):
    assert one("json", kind, value).decode() == f'[{{"x":{json_},"n":1}}]'
    assert one("ndjson", kind, value).decode() == f'{{"x":{json_},"n":1}}\n'


@pytest.mark.parametrize(("kind", "value", "json_", "text", "excel", "arrow"), CASES, ids=IDS)
def test_a_value_in_csv(kind, value, json_, text, excel, arrow):
    for options in ("csv", {"format": "csv", "quoting": "all"}, "tsv"):
        lines = io.StringIO(one(options, kind, value).decode("utf-8-sig"), newline="")
        read = list(csv.reader(lines, delimiter="\t" if options == "tsv" else ","))
        assert read == [["x", "n"], [text, "1"]]


@pytest.mark.parametrize(("kind", "value", "json_", "text", "excel", "arrow"), CASES, ids=IDS)
def test_a_value_in_html(kind, value, json_, text, excel, arrow):
    html = one("html", kind, value).decode().replace("&#34;", '"')
    assert re.findall(r"<td>(.*?)</td>", html, re.DOTALL) == [text, "1"]


@pytest.mark.parametrize(("kind", "value", "json_", "text", "excel", "arrow"), CASES, ids=IDS)
def test_a_value_in_a_workbook(kind, value, json_, text, excel, arrow):
    sheet = openpyxl.load_workbook(io.BytesIO(one("xlsx", kind, value)))["data"]
    assert same(sheet["A2"].value, excel, value)
    assert sheet["A2"].data_type != "f"
    assert sheet["B2"].value == 1


@pytest.mark.parametrize(("kind", "value", "json_", "text", "excel", "arrow"), CASES, ids=IDS)
def test_a_value_in_arrow_and_parquet(kind, value, json_, text, excel, arrow):
    if arrow is ValueError:
        for format in ("arrow", "parquet"):
            with pytest.raises(ValueError, match="^x: 'a,b' is no int64|^x: 'soon, T' is no date32"):
                one(format, kind, value)
        return
    stream = pyarrow.ipc.open_stream(one("arrow", kind, value)).read_all()
    file = pyarrow.parquet.read_table(io.BytesIO(one("parquet", kind, value)))
    assert same(stream["x"][0].as_py(), arrow, value)
    assert same(file["x"][0].as_py(), arrow, value)


@pytest.mark.parametrize(
    ("format", "empty"),
    [
        ("json", b"[]"),
        ("ndjson", b""),
        ("csv", "\ufeffcity,sales\r\n".encode()),
        ("tsv", "\ufeffcity\tsales\r\n".encode()),
    ],
)
def test_no_rows(format, empty):
    assert body(format, data(rows=[])) == empty


def test_no_rows_keep_the_head_of_tables():
    assert b"<th>city</th><th>sales</th>" in body("html", data(rows=[]))
    sheet = openpyxl.load_workbook(io.BytesIO(body("xlsx", data(rows=[]))))["data"]
    assert [cell.value for cell in sheet[1]] == ["city", "sales"]
    schema = pyarrow.schema([("city", pyarrow.string()), ("sales", pyarrow.float64())])
    assert pyarrow.ipc.open_stream(body("arrow", data(rows=[]))).read_all().schema == schema
    assert pyarrow.parquet.read_table(io.BytesIO(body("parquet", data(rows=[])))).schema == schema


@pytest.mark.parametrize("format", ["json", "ndjson", "csv", "tsv", "html", "xlsx", "arrow", "parquet"])
def test_no_columns_and_odd_names(format):
    assert body(format, data(columns=[], rows=[])) is not None
    names = ["", "a b", 'quo"te', "x]", "{y}", "日本", "=z", "select"]
    columns = [Column(name, Kind.TEXT) for name in names]
    assert body(format, data(columns=columns, rows=[tuple(names)] * 3))


def test_odd_names_are_kept():
    names = ["", "a b", 'quo"te', "x'] + [", "{y}", "日本", "\\", "\u2028"]
    columns = [Column(name, Kind.TEXT) for name in names]
    answer = json.loads(body("json", data(columns=columns, rows=[tuple(names)])))
    assert answer == [dict(zip(names, names, strict=True))]
