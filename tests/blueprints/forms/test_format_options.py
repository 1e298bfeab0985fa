"""The options of the formats of data, and what several datasets look like."""

import io
import json
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from app.tables.columns import Column, Kind
from blueprints.forms.formats import FORMATS, Context, Data, workbook
from tests.blueprints.forms.written import COLUMNS, ROWS, body, data, one

DAY = date(2026, 1, 5)
EPOCH = 1767571200000

JSON = [
    ({"orient": "records"}, [{"city": "Oslo", "sales": 10.5}, {"city": "Bergen", "sales": None}]),
    ({"orient": "values"}, [["Oslo", 10.5], ["Bergen", None]]),
    ({"orient": "split"}, {"columns": ["city", "sales"], "index": [0, 1], "data": [["Oslo", 10.5], ["Bergen", None]]}),
    ({"orient": "index"}, {"0": {"city": "Oslo", "sales": 10.5}, "1": {"city": "Bergen", "sales": None}}),
    ({"orient": "columns"}, {"city": {"0": "Oslo", "1": "Bergen"}, "sales": {"0": 10.5, "1": None}}),
]


@pytest.mark.parametrize(("options", "wanted"), JSON, ids=[case[0]["orient"] for case in JSON])
def test_the_forms_of_json(options, wanted):
    assert json.loads(body({"format": "json", **options}, data(rows=ROWS[:2], size=1))) == wanted


def test_a_table_schema():
    answer = json.loads(body({"format": "json", "orient": "table"}))
    assert answer["schema"]["fields"] == [{"name": "city", "type": "string"}, {"name": "sales", "type": "number"}]
    assert answer["data"][0] == {"city": "Oslo", "sales": 10.5}


@pytest.mark.parametrize("orient", ["records", "values", "split", "index", "columns", "table"])
def test_every_form_of_no_rows_is_json(orient):
    json.loads(body({"format": "json", "orient": orient}, data(rows=[])))


@pytest.mark.parametrize(
    ("kind", "value", "options", "wanted"),
    [
        (Kind.DATE, DAY, {"date_format": "epoch"}, str(EPOCH)),
        (Kind.DATE, DAY, {"date_format": "epoch", "date_unit": "s"}, str(EPOCH // 1000)),
        (Kind.DATETIME, datetime(1969, 12, 31, 23, 59, 59, 500_000), {"date_format": "epoch"}, "-500"),
        (Kind.FLOAT, 1 / 3, {"double_precision": 3}, "0.333"),
        (Kind.TEXT, "ø🌊", {"force_ascii": True}, '"\\u00f8\\ud83c\\udf0a"'),
        (Kind.TEXT, "a/b", {}, '"a/b"'),
    ],
)
def test_values_of_json_by_options(kind, value, options, wanted):
    assert one({"format": "json", **options}, kind, value).decode() == f'[{{"x":{wanted},"n":1}}]'


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (Kind.DATETIME, datetime(2026, 1, 5), str(EPOCH)),
        (Kind.TEXT, "a/ø", '"a\\/\\u00f8"'),
        (Kind.FLOAT, 2 / 3, "0.6666666667"),
    ],
)
def test_json_of_a_gramex_yaml_is_the_originals(kind, value, wanted):
    assert one("json", kind, value, gramex=True).decode() == f'[{{"x":{wanted},"n":1}}]'


@pytest.mark.parametrize("indent", [2, 3])
def test_json_is_indented(indent):
    text = body({"format": "json", "indent": indent}, data(rows=[("a  b", 1.0)] * 3)).decode()
    assert f'\n{" " * indent}{{\n{" " * 2 * indent}"city": "a  b"' in text
    assert len(json.loads(text)) == 3


def test_several_datasets():
    def two():
        return [data(name="a", rows=ROWS[:1]), data(name="b/c", rows=[])]

    assert json.loads(body("json", *two())) == {"a": [{"city": "Oslo", "sales": 10.5}], "b/c": []}
    assert body("ndjson", *two()) == b'{"a":{"city":"Oslo","sales":10.5}}\n'
    assert body("csv", *two()).decode() == "\ufeffa\r\ncity,sales\r\nOslo,10.5\r\n\r\nb/c\r\ncity,sales\r\n\r\n"
    assert body("html", *two()).startswith(b"<h1>a</h1>\n<table")
    assert openpyxl.load_workbook(io.BytesIO(body("xlsx", *two()))).sheetnames == ["a", "b_c"]


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_a_columnar_file_has_one_dataset(format):
    with pytest.raises(ValueError, match=f"{format} holds one table, and this address has a, b"):
        body(format, data(name="a"), data(name="b"))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"sep": ";", "decimal": ","}, "city;sales\r\nOslo;10,5\r\nBergen;\r\nTromsø;3,0\r\n"),
        ({"decimal": ","}, 'city,sales\r\nOslo,"10,5"\r\nBergen,\r\nTromsø,"3,0"\r\n'),
        ({"header": False, "lineterminator": "\n"}, "Oslo,10.5\nBergen,\nTromsø,3.0\n"),
        ({"index": True}, ",city,sales\r\n0,Oslo,10.5\r\n1,Bergen,\r\n2,Tromsø,3.0\r\n"),
        ({"na_rep": "-"}, "city,sales\r\nOslo,10.5\r\nBergen,-\r\nTromsø,3.0\r\n"),
        ({"float_format": "%.2f"}, "city,sales\r\nOslo,10.50\r\nBergen,\r\nTromsø,3.00\r\n"),
        ({"quoting": 1}, '"city","sales"\r\n"Oslo","10.5"\r\n"Bergen",""\r\n"Tromsø","3.0"\r\n'),
        ({"quoting": "nonnumeric"}, '"city","sales"\r\n"Oslo",10.5\r\n"Bergen",\r\n"Tromsø",3.0\r\n'),
        ({"sep": "5"}, 'city5sales\r\nOslo5"10.5"\r\nBergen5\r\nTromsø53.0\r\n'),
    ],
    ids=str,
)
def test_options_of_csv(options, wanted):
    assert body({"format": "csv", **options}).decode("utf-8-sig") == wanted


@pytest.mark.parametrize(
    ("encoding", "start"),
    [("utf-8", b"city"), ("utf-8-sig", b"\xef\xbb\xbfcity"), ("utf-16", b"\xff\xfec\0"), ("latin-1", b"city")],
)
def test_encodings_of_csv(encoding, start):
    text = body({"format": "csv", "encoding": encoding})
    assert text.startswith(start)
    assert "Tromsø,3.0" in text.decode(encoding)


def test_dates_of_csv_as_a_country_writes_them():
    assert b"\r\n05.01.2026,1" in one({"format": "csv", "date_format": "%d.%m.%Y"}, Kind.DATE, DAY)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@A1", "\tx"])
def test_formulas_in_csv_are_text_if_asked_for(text):
    assert one("csv", Kind.TEXT, text).decode().split("\r\n")[1] == f"{text},1"
    assert one({"format": "csv", "escape_formulas": True}, Kind.TEXT, text).decode().split("\r\n")[1] == f"'{text},1"


def test_negative_numbers_are_no_formulas():
    assert b"\r\n-1,1" in one({"format": "csv", "escape_formulas": True}, Kind.INTEGER, -1)


def test_html_is_text_unless_it_is_trusted():
    assert "<td>&lt;i&gt;</td>" in one("html", Kind.TEXT, "<i>").decode()
    assert "<td><i></td>" in one({"format": "html", "escape": False}, Kind.TEXT, "<i>").decode()


def test_options_of_html():
    options = {"format": "html", "classes": "a b", "border": 0, "table_id": "t", "na_rep": "-", "float_format": "%.1f"}
    html = body(options).decode()
    assert html.startswith('<table class="a b" id="t">')
    assert "<td>Bergen</td><td>-</td>" in html


def test_a_workbook_is_ready_to_read():
    sheet = openpyxl.load_workbook(io.BytesIO(body("xlsx")))["data"]
    assert (sheet["A1"].font.bold, sheet.freeze_panes, sheet.auto_filter.ref) == (True, "A2", "A1:B4")
    assert sheet.column_dimensions["A"].width > 8
    dates = openpyxl.load_workbook(io.BytesIO(one("xlsx", Kind.DATE, DAY)))["data"]
    assert dates["A2"].number_format == "yyyy-mm-dd"


def test_options_of_a_workbook():
    options = {"format": "xlsx", "sheet_name": "Sales", "index": True, "na_rep": "-", "float_format": "0.00"}
    sheet = openpyxl.load_workbook(io.BytesIO(body(options)))["Sales"]
    assert [[cell.value for cell in row] for row in sheet["A1:C3"]] == [
        ["", "city", "sales"],
        [0, "Oslo", 10.5],
        [1, "Bergen", "-"],
    ]
    assert sheet["C2"].number_format == "0.00"


def test_names_of_sheets_are_as_excel_takes_them():
    names = ["a" * 40, "a" * 40, "History", "x[1]:y", "'q'"]
    book = openpyxl.load_workbook(io.BytesIO(body("xlsx", *[data(name=name) for name in names])))
    assert book.sheetnames == ["a" * 31, "a" * 27 + " (2)", "History (2)", "x_1__y", "q"]


def test_a_full_sheet_goes_on_in_another(monkeypatch):
    monkeypatch.setattr(workbook, "ROWS", 2)
    book = openpyxl.load_workbook(io.BytesIO(body("xlsx")))
    assert book.sheetnames == ["data", "data (2)"]
    assert [cell.value for cell in book["data (2)"]["A"]] == ["city", "Tromsø"]


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_arrow_is_compressed_if_asked_for(compression):
    stream = body({"format": "arrow", "compression": compression})
    assert pyarrow.ipc.open_stream(stream).read_all()["city"].to_pylist() == ["Oslo", "Bergen", "Tromsø"]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "lz4", "zstd"])
def test_parquet_is_compressed(compression):
    file = pyarrow.parquet.ParquetFile(io.BytesIO(body({"format": "parquet", "compression": compression})))
    assert file.metadata.row_group(0).column(0).compression == {"none": "UNCOMPRESSED"}.get(
        compression, compression.upper()
    )


def test_what_is_streamed_comes_batch_by_batch():
    for format in ("json", "ndjson", "csv", "html", "arrow"):
        taken = []

        def batches(taken=taken):
            for number in range(100):
                taken.append(number)
                yield [("x" * 1000, 1.0)]

        pieces = FORMATS[format].write([Data("data", COLUMNS, batches())], Context(None, {}))
        for _ in range(4):
            next(pieces)
        assert len(taken) <= 5, format


def test_a_decimal_of_later_rows_is_rounded_as_the_schema_says():
    columns = [Column("x", Kind.DECIMAL)]
    rows = [(Decimal("1.5"),), (Decimal("0.12345678901"),)]
    table = pyarrow.ipc.open_stream(body("arrow", data(columns, rows, size=1))).read_all()
    assert table["x"].to_pylist() == [Decimal("1.500000000"), Decimal("0.123456789")]
