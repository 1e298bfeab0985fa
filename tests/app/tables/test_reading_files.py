"""What the values of a file become, and what is said of a file that cannot be read."""

import gzip
import io
from datetime import date, datetime, time
from decimal import Decimal

import duckdb
import pytest
import xlsxwriter

from app.tables.files.copies import Options
from app.tables.source import Unreadable
from tests.app.tables.reading import all_rows, shown

CSV_VALUES = [
    ("1\n-2\n", "integer", [1, -2]),
    ("1\n2.5\n", "float", [1.0, 2.5]),
    ("1e3\nNaN\n", "float", [1000.0, None]),
    ("12345678901234567890\n1\n", "decimal", [12345678901234567890, 1]),
    ("007\n012\n", "text", ["007", "012"]),
    ("true\nFALSE\n", "boolean", [True, False]),
    ("yes\nno\n", "text", ["yes", "no"]),
    ("t\nf\n", "text", ["t", "f"]),
    ("2026-01-31\n2026-02-01\n", "date", [date(2026, 1, 31), date(2026, 2, 1)]),
    ("01/02/2026\n03/04/2026\n", "text", ["01/02/2026", "03/04/2026"]),
    ("2026-01-31 10:00:00\n2026-01-31T10:00:00.5\n", "datetime", None),
    ("2026-01-31T10:00:00Z\n2026-01-31T12:00:00+02:00\n", "datetime", [datetime(2026, 1, 31, 10)] * 2),
    ("10:00:00\n23:59:59\n", "time", [time(10), time(23, 59, 59)]),
    ('"a\nb"\n"say ""hi"""\n', "text", ["a\nb", 'say "hi"']),
    ("x\nÅ\n", "text", ["x", "Å"]),
]


@pytest.mark.parametrize(("lines", "kind", "wanted"), CSV_VALUES, ids=[repr(lines) for lines, _, _ in CSV_VALUES])
def test_values_of_a_csv_are_of_the_kind_that_loses_nothing(opened, lines, kind, wanted):
    source = opened("a.csv", f"x\n{lines}")
    assert shown(source) == {"x": kind}
    assert wanted is None or [value for (value,) in all_rows(source)] == wanted


def test_a_word_far_down_in_a_column_of_numbers_makes_it_text(opened):
    source = opened("a.csv", "x,y\n" + "1,2\n" * 30_000 + "n/a,3\n")
    assert shown(source) == {"x": "text", "y": "integer"}
    assert all_rows(source, _offset=["29999"]) == [("1", 2), ("n/a", 3)]


def test_empty_values_are_null_quoted_or_not(opened):
    assert all_rows(opened("a.csv", 'x,y\n1,""\n,b\n')) == [(1, None), (None, "b")]


def test_names_of_columns_are_made_distinct(opened):
    assert [*shown(opened("a.csv", "a,A,a,\n1,2,3,4\n"))] == ["a", "A_1", "a_2", "column3"]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a;b\n1;é\n", {"sep": ";"}),
        ("a,b\r\n1,é\r\n", {}),
        ("\ufeffa,b\n1,é\n", {}),
        ("a,b\n1,é\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("a,b\n1,é\n".encode("utf-16"), {"encoding": "utf-16"}),
        (gzip.compress("a,b\n1,é\n".encode("latin-1")), {"encoding": "latin-1"}),
        ("report of today\nby me\na,b\n1,é\n", {"header": 2}),
        ("a,b\n1,é\n-,é\n", {"na_values": ("-",)}),
    ],
    ids=["semicolons", "crlf", "bom", "cp1252", "utf-16", "latin-1 gzipped", "lines above", "null as a dash"],
)
def test_options_and_habits_of_csv(opened, content, options):
    name = "a.csv.gz" if content[:2] == b"\x1f\x8b" else "a.csv"
    source = opened(name, content, **options)
    assert shown(source) == {"a": "integer", "b": "text"}
    assert all_rows(source)[0] == (1, "é")


def test_two_kinds_of_line_ends_in_one_file_are_fine(opened):
    assert all_rows(opened("a.csv", "a,b\r\n1,2\r\n3,4\n5,6\n")) == [(1, 2), (3, 4), (5, 6)]


UNREADABLE = [
    ("a.csv", "a,b\n1,2\n3\n4,5\n", "a.csv: line 3: 1 values for 2 columns"),
    ("a.csv", "a,b\n1,2\n3,4,5\n", "a.csv: line 3: 3 values for 2 columns"),
    ("a.csv", "a,b\n" + "1,2\n" * 30_000 + "3\n", "a.csv: line 30002: 1 values for 2 columns"),
    ("a.csv", 'a,b\n1,2\n3,"open\n', "a.csv: line 3: Value with unterminated quote found."),
    ("a.csv", "a,b\n1,x\n3,é\n".encode("latin-1"), "a.csv: line 3: Invalid unicode"),
    ("a.csv", "", "a.csv: has no line with the names of columns"),
    ("a.csv.gz", "a,b\n", "a.csv.gz: Not a gzipped file"),
    ("a.csv.gz", gzip.compress(b"a,b\n" * 1000)[:-20], "a.csv.gz: "),
    ("a.json", '[{"a": 1},\n{"a": 2\n', "a.json: line 3: expecting ',' delimiter"),
    ("a.json", '[{"a": 1},\n{"a": oops}]', "a.json: line 2: expecting value"),
    ("a.csv", "x" * 200_000 + ",b\n1\n", "a.csv: line 1: field larger than field limit"),
    ("a.csv", bytes(range(256)) * 100, "a.csv: line "),
    ("a.ndjson", '{"a": 1}\n\n{"a": x}\n', "a.ndjson: line 3: expecting value"),
    ("a.json", '{"a": 1,}', "a.json: line 1: expecting property name"),
    ("a.json", "[1, 2]", "a.json: json_read expected records"),
    ("a.json", "", "a.json: "),
    ("a.ndjson", '{"a": 1}\n{"a": x}\n', "a.ndjson: line 2: expecting value"),
    ("a.jsonl", '{"a": 1}\n{"a":', "a.jsonl: line 2: expecting value"),
    ("a.parquet", "PAR1", "a.parquet: File 'a.parquet' too small to be a Parquet file"),
    ("a.xlsx", "nothing", "a.xlsx: no workbook that can be read"),
]


@pytest.mark.parametrize(("name", "content", "said"), UNREADABLE, ids=[said for _, _, said in UNREADABLE])
def test_a_file_that_cannot_be_read_is_an_error_that_says_where(opened, name, content, said):
    with pytest.raises(Unreadable) as raised:
        opened(name, content).columns()
    assert str(raised.value).startswith(said)
    assert "skerry-copies" not in str(raised.value)


def test_a_wrong_encoding_names_the_line(opened):
    with pytest.raises(Unreadable, match="line 3 is not cp1252"):
        opened("a.csv", b"a,b\n1,2\n1,\x81\n", encoding="cp1252").columns()


def test_a_file_of_no_known_format_is_refused_at_once(opened):
    with pytest.raises(ValueError, match=r"a\.txt: no format of tables that is known: should be one of csv, tsv, json"):
        opened("a.txt", "a,b\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [({"sep": "||"}, r"sep: '\|\|' should be one character"), ({"encoding": "utf-9"}, "encoding: 'utf-9' is none")],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Options(**options)


def test_the_format_can_be_told(opened):
    assert all_rows(opened("a.txt", "a,b\n1,2\n", format="csv")) == [(1, 2)]


def test_json_keeps_what_is_nested_and_makes_mixed_values_text(opened):
    records = '[{"a": 1, "b": {"k": [1]}, "c": "007", "d": 1}, {"b": ["x"], "c": "8", "d": "two"}]'
    source = opened("a.json", records)
    assert shown(source) == {"a": "integer", "b": "text", "c": "text", "d": "text"}
    assert all_rows(source)[0] == (1, '{"k":[1]}', "007", "1")


def test_nested_json_is_given_as_objects_and_found_by_its_text(opened):
    source = opened("a.ndjson", '{"id": 1, "tags": ["x", "y"]}\n{"id": 2, "tags": []}\n')
    assert all_rows(source) == [(1, ["x", "y"]), (2, [])]
    assert all_rows(source, **{"tags~": ['"y"'], "_c": ["id"]}) == [(1,)]


@pytest.mark.parametrize(("name", "content"), [("a.json", "[]"), ("a.ndjson", "")])
def test_json_without_records_is_a_table_without_columns(opened, name, content):
    source = opened(name, content)
    assert source.columns() == ()
    assert all_rows(source) == []


def test_types_of_parquet(opened, tmp_path):
    values = {
        "a": ("1::UTINYINT", 1),
        "b": ("1.50::DECIMAL(5, 2)", Decimal("1.50")),
        "c": ("'NaN'::FLOAT", None),
        "d": ("TIMESTAMPTZ '2026-01-01 12:00:00+02:00'", datetime(2026, 1, 1, 10)),
        "e": ("TIMESTAMP_NS '2026-01-01 12:00:00'", datetime(2026, 1, 1, 12)),
        "f": ("'x'::ENUM('x')", "x"),
        "g": ("[{'k': 1}]", [{"k": 1}]),
        "h": ("'e'::BLOB", b"e"),
    }
    sql = ", ".join(f"{expression} AS {name}" for name, (expression, _) in values.items())
    with duckdb.connect() as db:
        db.execute(f"COPY (SELECT {sql}) TO '{tmp_path}/made.parquet'")
    source = opened("a.parquet", (tmp_path / "made.parquet").read_bytes())
    assert all_rows(source) == [tuple(value for _, value in values.values())]


def workbook(fill):
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        fill(book)
    return file.getvalue()


def sheets(book):
    times = {name: book.add_format({"num_format": name}) for name in ("yyyy-mm-dd", "hh:mm:ss", "[h]:mm:ss")}
    first = book.add_worksheet("Sales")
    first.write_row(0, 0, ["whole", "mixed", "day", "time", "span", "ok", "whole"])
    first.write_row(1, 0, [1, 2])
    first.write_datetime(1, 2, date(2026, 1, 31), times["yyyy-mm-dd"])
    first.write_datetime(1, 3, time(10, 30), times["hh:mm:ss"])
    first.write_number(1, 4, 1.25, times["[h]:mm:ss"])
    first.write_boolean(1, 5, True)
    first.write_row(3, 0, [2, "x"])
    second = book.add_worksheet("Parts")
    second.write_row(0, 0, ["a report"])
    columns, data = [{"header": "p"}, {"header": "q"}], [[1, "a"], [2.5, "b"]]
    second.add_table(2, 0, 4, 1, {"name": "Parts", "columns": columns, "data": data})
    book.add_worksheet("Empty")


def test_cells_of_a_spreadsheet_have_kinds_and_empty_rows_are_left_out(opened):
    source = opened("a.xlsx", workbook(sheets))
    assert [*shown(source).values()] == ["integer", "text", "date", "time", "text", "boolean", "text"]
    assert all_rows(source) == [
        (1, "2", date(2026, 1, 31), time(10, 30), "30:00:00", True, None),
        (2, "x", None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"sheet": "Parts", "header": 2}, [(1.0, "a"), (2.5, "b")]),
        ({"sheet": 1, "header": 2}, [(1.0, "a"), (2.5, "b")]),
        ({"table": "Parts"}, [(1.0, "a"), (2.5, "b")]),
        ({"sheet": "Empty"}, []),
    ],
    ids=["by name", "by number", "a named table", "an empty sheet"],
)
def test_a_sheet_or_a_table_of_a_workbook(opened, options, wanted):
    assert all_rows(opened("a.xlsx", workbook(sheets), **options)) == wanted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sheet": "Salse"}, "no sheet 'Salse': it has 'Sales', 'Parts', 'Empty'"),
        ({"sheet": 3}, "no sheet 3: it has"),
        ({"table": "Salse"}, "no table 'Salse': it has 'Parts'"),
    ],
)
def test_a_sheet_that_is_not_there_is_said_with_those_that_are(opened, options, said):
    with pytest.raises(Unreadable, match=said):
        opened("a.xlsx", workbook(sheets), **options).columns()
