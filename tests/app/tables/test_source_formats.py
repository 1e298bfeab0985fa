"""Feather, HTML, forms of JSON, ranges of workbooks, compressed files: what is read, and what is said of bad ones."""

import gzip
import io
import subprocess
import sys
import textwrap
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import xlsxwriter
import zstandard
from pyarrow import feather, ipc

from app.tables import sources
from app.tables.files import json_files
from app.tables.limits import LIMITS
from app.tables.source import Unreadable
from tests.app.tables.reading import all_rows, shown

REPO = Path(__file__).parents[3]
LONG_AGO = 1_700_000_000


TABLE = pa.table(
    {
        "a": pa.array([1, None], pa.uint8()),
        "city": pa.array(["Oslo", "Bergen"]).dictionary_encode(),
        "at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 2, pa.timestamp("ms", "Europe/Oslo")),
        "tags": [["x"], []],
        "price": [Decimal("1.50"), None],
    }
)
TABLE_ROWS = [
    (1, "Oslo", datetime(2026, 1, 1), ["x"], Decimal("1.50")),
    (None, "Bergen", datetime(2026, 1, 1), [], None),
]


def as_feather(compression="lz4"):
    file = io.BytesIO()
    feather.write_feather(TABLE, file, compression=compression)
    return file.getvalue()


def as_stream():
    file = io.BytesIO()
    with ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=1)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.feather", as_feather()),
        ("a.arrow", as_feather("uncompressed")),
        ("a.ipc", as_feather("zstd")),
        ("a.arrows", as_stream()),
        ("a.arrow.gz", gzip.compress(as_stream())),
    ],
    ids=["lz4", "not compressed", "zstd", "stream", "gzipped stream"],
)
def test_arrow_files_and_streams(opened, name, content):
    source = opened(name, content)
    assert [*shown(source).values()] == ["integer", "text", "datetime", "other", "decimal"]
    assert all_rows(source) == TABLE_ROWS


JSON = [
    ("records", '[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'),
    ("columns of lists", '{"a": [1, 2], "b": ["x", "y"]}'),
    ("columns of pandas", '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}'),
    ("split", '{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}'),
    ("records below a key", '{"count": 2, "data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}'),
    ("an object on each line", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    ("a bom", '\ufeff{"a": [1, 2], "b": ["x", "y"]}'),
]


@pytest.mark.parametrize("content", [content for _, content in JSON], ids=[name for name, _ in JSON])
def test_forms_of_json(opened, content):
    assert all_rows(opened("a.json", content)) == [(1, "x"), (2, "y")]


def test_one_object_is_one_record_and_a_key_tells_where_records_are(opened):
    assert all_rows(opened("a.json", '{"a": 1, "b": {"c": [2]}}')) == [(1, {"c": [2]})]
    assert all_rows(opened("b.json", '{"x": {"y": [{"a": 5}]}, "z": [{"a": 6}]}', records="x.y")) == [(5,)]


PAGE = """<html><body>
<table id="plain"><tr><td>a<td>b<tr><td>1<td>x</table>
<table id="prices">
  <thead><tr><th>city</th><th colspan="2">price &amp; more</th></tr></thead>
  <tr><td rowspan="2">Oslo</td><td>1,234.50</td><td>x<br>y <script>no()</script></td></tr>
  <tr><td>7</td><td>å <b>b</b>c<table><tr><td>inner</table></td></tr>
</table></body></html>"""


@pytest.mark.parametrize("table", ["1", "prices"], ids=["by number", "by id"])
def test_a_table_of_a_page(opened, table):
    source = opened("a.html", f"<meta charset=utf-8>{PAGE}", table=table)
    assert shown(source) == {"city": "text", "price & more": "float", "price & more_1": "text"}
    assert all_rows(source) == [("Oslo", 1234.5, "x y"), ("Oslo", 7.0, "å bcinner")]


def test_the_first_table_of_a_page_and_one_without_names(opened):
    assert all_rows(opened("a.htm", PAGE)) == [(1, "x")]
    assert all_rows(opened("b.html", PAGE, header=None)) == [("a", "b"), ("1", "x")]


def test_a_page_in_another_encoding(opened):
    content = "<table><tr><td>a<tr><td>é</table>".encode("latin-1")
    assert all_rows(opened("a.html", content, encoding="latin-1")) == [("é",)]
    assert all_rows(opened("b.html", b'<meta charset="iso-8859-1">' + content)) == [("é",)]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_table_without_names_of_columns(opened, name):
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as made:
        made.add_worksheet().write_row(0, 0, [1, "x"])
    source = opened(name, "1,x\n" if name == "a.csv" else book.getvalue(), header=None)
    assert shown(source) == {"column0": "integer", "column1": "text"}
    assert all_rows(source) == [(1, "x")]


@pytest.fixture(scope="module")
def book():
    """A workbook whose cells say where they are, below names in the first row of each range."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as made:
        for name in ("First", "It's two"):
            sheet = made.add_worksheet(name)
            for y in range(6):
                sheet.write_row(y, 0, [f"{name[0]}{column}{y + 1}" for column in "ABCD"])
        made.define_name("Part", "='It''s two'!$B$2:$C$4")
        made.define_name("Formula", "=1+1")
    return file.getvalue()


@pytest.mark.parametrize(
    ("options", "names", "wanted"),
    [
        ({"range": "B2:C4"}, ["FB2", "FC2"], [("FB3", "FC3"), ("FB4", "FC4")]),
        ({"range": "$b$2:$c$4"}, ["FB2", "FC2"], [("FB3", "FC3"), ("FB4", "FC4")]),
        ({"range": "B2:C4", "sheet": 1}, ["IB2", "IC2"], [("IB3", "IC3"), ("IB4", "IC4")]),
        ({"range": "'It''s two'!D5:D6"}, ["ID5"], [("ID6",)]),
        ({"range": "Part"}, ["IB2", "IC2"], [("IB3", "IC3"), ("IB4", "IC4")]),
        ({"range": "part", "header": 1}, ["IB3", "IC3"], [("IB4", "IC4")]),
        ({"range": "D6:Z99"}, ["FD6"], []),
    ],
    ids=["cells", "written otherwise", "of a sheet", "with its sheet", "a name", "rows above", "past the end"],
)
def test_a_range_of_a_workbook(opened, book, options, names, wanted):
    source = opened("a.xlsx", book, **options)
    assert [*shown(source)] == names
    assert all_rows(source) == wanted


def as_zst(text):
    return zstandard.compress(text.encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.zst", as_zst("a,b\n1,x\n")),
        ("a.csv.zst", as_zst("a,b\n") + as_zst("1,x\n")),
        ("a.tsv.gz", gzip.compress(b"a\tb\n") + gzip.compress(b"1\tx\n")),
        ("A.JSON.ZST", as_zst('[{"a": 1, "b": "x"}]')),
        ("a.html.gz", gzip.compress(b"<table><tr><td>a<td>b<tr><td>1<td>x</table>")),
    ],
    ids=["zst", "zst of two frames", "gzip of two members", "capitals", "html"],
)
def test_compressed_files(opened, name, content):
    assert all_rows(opened(name, content)) == [(1, "x")]


BAD = [
    ("a.csv.zst", as_zst("a,b\n1,2\n" * 1000)[:-5], {}, "a.csv.zst: ends in the midst of compressed data"),
    ("a.csv.zst", b"a,b\n1,2\n", {}, "a.csv.zst: zstd decompress"),
    ("a.csv.zst", as_zst("a,b\n1,2,3\n"), {}, "a.csv.zst: line 2: 3 values for 2 columns"),
    ("a.feather", b"ARROW1 and nothing more", {}, "a.feather: no Arrow that can be read"),
    ("a.feather", as_feather()[:-300], {}, "a.feather: no Arrow that can be read"),
    ("a.arrows", b"", {}, "a.arrows: no Arrow that can be read"),
    ("a.html", "<p>no table", {}, "a.html: no table '0': it has 0"),
    ("a.html", "", {}, "a.html: no table '0': it has 0"),
    ("a.html", "<table></table>", {}, "a.html: the table has no rows"),
    ("a.html", PAGE, {"table": "9"}, "a.html: no table '9': it has 3, with the ids plain, prices"),
    ("a.html", "<table><tr>" + "<td colspan=1000>x" * 11, {}, "a.html: the table has more than 10000 columns"),
    ("a.json", '{"a": [1, 2], "b": [1]}', {}, "a.json: columns have different numbers of values: {'a': 2, 'b': 1}"),
    ("a.json", '{"a": [1, 2],\n "b": oops}', {}, "a.json: line 2: expecting value"),
    ("a.json", '[{"a": 1},\n{"a": "é"}]'.encode("latin-1"), {}, "a.json: line 2 is not utf-8: invalid continuation"),
    ("b.json", '{"a":\n"é"}'.encode("latin-1"), {}, "b.json: line 2 is not utf-8: invalid continuation byte"),
    ("c.json", '[{"a": 1}]'.encode("utf-16"), {}, "c.json: line 1 is not utf-8: invalid start byte"),
    ("a.ndjson", '{"a": 1}\n{"a": "é"}\n'.encode("latin-1"), {}, "a.ndjson: line 2 is not utf-8: invalid continuation"),
    ("a.json", '{"a": 1}', {"records": "b.c"}, "a.json: has nothing at 'b.c'"),
    ("a.json", '{"a": 1}', {"records": "a"}, "a.json: holds no records"),
    ("a.xlsx", b"PK\x03\x04 and nothing more", {}, "a.xlsx: no workbook that can be read"),
    ("a.xls", b"nothing", {}, "a.xls: no workbook that can be read"),
    ("a.ods", b"", {}, "a.ods: no workbook that can be read"),
    ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", {}, "a.parquet: "),
]


@pytest.mark.parametrize(("name", "content", "options", "said"), BAD, ids=[case[-1] for case in BAD])
def test_a_bad_file_is_one_clear_error(opened, name, content, options, said):
    with pytest.raises(Unreadable) as raised:
        opened(name, content, **options).columns()
    assert str(raised.value).startswith(said)
    assert "skerry-copies" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"range": "Prices"}, "no range 'Prices': it should be as A1:F20, or one of 'Formula', 'Part'"),
        ({"range": "Formula"}, "'Formula' is not the name of one range of cells"),
        ({"range": "Third!A1:B2"}, "no sheet 'Third': it has 'First', "),
    ],
)
def test_a_range_that_is_not_there_is_said(opened, book, options, said):
    with pytest.raises(Unreadable, match=said):
        opened("a.xlsx", book, **options).columns()


ODS = """<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
 <office:body><office:spreadsheet><table:table table:name="First">{}</table:table></office:spreadsheet></office:body>
</office:document-content>"""


def as_ods(rows, attributes=""):
    def cell(value):
        is_number = isinstance(value, int)
        kind = f'office:value-type="float" office:value="{value}"' if is_number else 'office:value-type="string"'
        return f"<table:table-cell {kind} {attributes}><text:p>{value}</text:p></table:table-cell>"

    lines = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("content.xml", ODS.format(lines))
        parts.writestr("META-INF/manifest.xml", "<manifest/>")
    return file.getvalue()


def test_a_spreadsheet_of_open_document(opened):
    source = opened("a.ods", as_ods([["id", "city"], [1, "Oslo"], [2, "Bergen"]]), sheet="First")
    assert shown(source) == {"id": "integer", "city": "text"}
    assert all_rows(source) == [(1, "Oslo"), (2, "Bergen")]


def test_a_cell_that_is_repeated_without_end_is_refused(opened):
    with pytest.raises(Unreadable, match="has more than 10000 columns"):
        opened("a.ods", as_ods([["id"], [1]], 'table:number-columns-repeated="1000000000"')).columns()


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_a_file_that_unpacks_to_too_much_is_refused(opened, monkeypatch, pack):
    monkeypatch.setattr(LIMITS, "unpacked", 1_000_000)
    name = "a.csv.gz" if pack is gzip.compress else "a.csv.zst"
    with pytest.raises(Unreadable, match="has more than 1000000 bytes when it is unpacked"):
        opened(name, pack(b"a\n" + b"1\n" * 1_000_000)).columns()


def test_a_workbook_that_needs_too_much_memory_is_refused(opened):
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as made:
        sheet = made.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, 1)
    with pytest.raises(Unreadable, match="it needs too much memory or time|needs too much memory"):
        opened("a.xlsx", book.getvalue()).columns()


def test_a_workbook_that_unpacks_to_too_much_is_refused(opened, book, monkeypatch):
    monkeypatch.setattr(LIMITS, "unpacked", 10_000_000)
    bomb = io.BytesIO(book)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/large.bin", b"\0" * 20_000_000)
    with pytest.raises(Unreadable, match="has more than 10000000 bytes when it is unpacked"):
        opened("a.xlsx", bomb.getvalue()).columns()


def test_json_that_is_no_list_is_bounded(opened, monkeypatch):
    monkeypatch.setattr(json_files, "_SEARCHED", 100)
    with pytest.raises(Unreadable, match="JSON that is no list of records may have at most 100 bytes"):
        opened("a.json", '{"a": [' + "1," * 100 + "1]}").columns()


def test_a_page_with_many_cells_is_read(opened):
    rows = "<tr>" + "<td>1" * 10
    source = opened("a.html", "<table>" + "<tr>" + "".join(f"<th>c{n}" for n in range(10)) + rows * 20_000)
    assert all_rows(source, _by=[""], _c=["c9|sum"]) == [(20_000,)]


UNDER_GEVENT = """
    from gevent import monkey; monkey.patch_all()
    import sys, gevent
    from pathlib import Path
    from app.tables.files.file import File

    jobs = [gevent.spawn(File(Path(path)).columns) for path in sys.argv[1:] for _ in range(4)]
    ticks = 0
    while not all(job.dead for job in jobs):
        gevent.sleep(0.001)
        ticks += 1
    print({len(job.value) for job in jobs}, ticks > 20)
    print(gevent.subprocess.run(["echo", "as before"], stdout=-1).stdout)
    print(len(File(Path(sys.argv[1])).columns()))
"""


def test_other_processes_read_files_under_gevent_while_others_go_on(opened, book):
    lists = ", ".join(f'"{name}": [1, 2]' for name in "abcd")
    rows = "<tr>" + "".join(f"<td>{name}" for name in "abcd") + "<tr><td>1<td>2<td>3<td>4" * 100
    contents = [("a.xlsx", book), ("b.html", f"<table>{rows}</table>"), ("c.json", f"{{{lists}}}"), ("d.xlsx", book)]
    paths = [str(opened(name, content).path) for name, content in contents]
    code = textwrap.dedent(UNDER_GEVENT)
    done = subprocess.run([sys.executable, "-c", code, *paths], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["{4} True", "b'as before\\n'", "4"], done.stderr
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("url", "table", "options", "said"),
    [
        ("a.txt", None, {}, "no format of tables that is known: should be one of csv, tsv"),
        ("a.csv", None, {"skip": 1}, "skip: no option of files that is known: there are format, sep"),
        ("a.xlsx", None, {"links": True}, "links: what the cells of a workbook link to is not read"),
        ("a.csv", None, {"header": -1}, "header: -1 should be 0 or more lines"),
        ("a.duckdb", None, {}, "needs `table:`, the table of the DuckDB file"),
        ("sqlite:///a.db", None, {}, "needs `table:`, the table of the database"),
    ],
)
def test_what_cannot_be_opened_is_said_at_once(tmp_path, url, table, options, said):
    with pytest.raises(ValueError, match=said):
        sources.opened(url, table, tmp_path, **options)


def test_a_path_starts_at_the_folder_and_an_option_without_value_is_none(tmp_path, book):
    (tmp_path / "a.xlsx").write_bytes(book)
    options = {"format": None, "sheet": None, "name": "Part", "header": 0}
    assert all_rows(sources.opened("a.xlsx", folder=tmp_path, **options))[0] == ("IB3", "IC3")
    assert all_rows(sources.opened(f"file://{tmp_path}/a.xlsx", folder=Path("/nowhere"), **options))[0] == (
        "IB3",
        "IC3",
    )
