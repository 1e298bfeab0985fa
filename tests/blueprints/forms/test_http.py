"""Tables over HTTP: what a request asks, and what it is answered."""

import csv
import io
import json
import sqlite3

import pytest

CSV = "city,day,sales,note\nOslo,2026-01-05,10.5,a\nBergen,2026-02-01,,b\nOslo,2026-02-15,3.25,<i>\n"
YAML = """
url:
  sales:
    pattern: /sales
    handler: FormHandler
    kwargs:
      url: data/sales.csv
"""


@pytest.fixture
def sales(site):
    """A client of a site whose `/sales` is a CSV file."""
    return site(YAML, {"data/sales.csv": CSV})


def test_programs_get_the_records(sales):
    answer = sales.get("/sales")
    assert answer.content_type == "application/json"
    assert answer.json[0] == {"city": "Oslo", "day": "2026-01-05", "sales": 10.5, "note": "a"}
    assert answer.json[1]["sales"] is None


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("city=Oslo", ["a", "<i>"]),
        ("city!=Oslo", ["b"]),
        ("sales>=3.25", ["a"]),
        ("sales!", ["b"]),
        ("_sort=-day", ["<i>", "b", "a"]),
        ("_limit=1&_offset=1", ["b"]),
        ("_q=BERGEN", ["b"]),
        ("nothing=1", ["a", "b", "<i>"]),
    ],
)
def test_arguments_filter_sort_and_page(sales, query, notes):
    assert [row["note"] for row in sales.get(f"/sales?{query}").json] == notes


def test_groups_are_summed(sales):
    rows = sales.get("/sales?_by=city&_c=sales|sum&_c=note|count").json
    assert rows == [
        {"city": "Bergen", "sales|sum": None, "note|count": 1},
        {"city": "Oslo", "sales|sum": 13.75, "note|count": 2},
    ]


def test_the_originals_times_are_milliseconds(site):
    client = site(YAML, {"data/sales.csv": CSV}, name="gramex.yaml")
    assert client.get("/sales?_c=day&_limit=1").json == [{"day": 1767571200000}]


def test_defaults_are_overridden_and_groups_of_the_pattern_are_arguments(site):
    yaml = YAML.replace("/sales\n", "/sales/<city>\n") + "      default: {_sort: -day, _limit: 1}\n"
    client = site(yaml, {"data/sales.csv": CSV})
    assert [row["note"] for row in client.get("/sales/Oslo").json] == ["<i>"]
    assert [row["note"] for row in client.get("/sales/Oslo?_limit=9").json] == ["<i>", "a"]


def test_csv_is_a_file_that_excel_knows(sales):
    answer = sales.get("/sales?_format=csv&_c=city&_c=sales")
    assert answer.headers["Content-Disposition"] == "attachment; filename=data.csv"
    assert answer.data == "\ufeffcity,sales\r\nOslo,10.5\r\nBergen,\r\nOslo,3.25\r\n".encode()


def test_ndjson_has_a_record_on_each_line(sales):
    answer = sales.get("/sales?_format=ndjson&_c=note")
    assert [json.loads(line)["note"] for line in answer.text.splitlines()] == ["a", "b", "<i>"]


def test_an_answer_without_rows_is_whole_in_every_format(sales):
    empty = "/sales?city=Paris&_c=city"
    assert sales.get(empty).data == b"[]"
    assert sales.get(f"{empty}&_format=ndjson").data == b""
    assert list(csv.reader(io.StringIO(sales.get(f"{empty}&_format=csv").data.decode("utf-8-sig")))) == [["city"]]


def test_meta_says_what_was_understood(sales):
    headers = sales.get("/sales?_meta=y&city=Oslo&x=1&_sort=-day&skerry-theme=a").headers
    assert headers["FH-data-filters"] == '[["city","",["Oslo"]]]'
    assert headers["FH-data-ignored"] == '[["x",["1"]]]'
    assert headers["FH-data-sort"] == '[["day",false]]'


def test_an_unchanged_file_is_a_304(sales):
    etag = sales.get("/sales?city=Oslo").headers["ETag"]
    assert sales.get("/sales?city=Oslo", headers={"If-None-Match": etag}).status_code == 304
    assert sales.get("/sales?city=Bergen", headers={"If-None-Match": etag}).status_code == 200
    (sales.folder / "data/sales.csv").write_text(CSV + "Oslo,2026-03-01,1,new\n")
    assert len(sales.get("/sales?city=Oslo", headers={"If-None-Match": etag}).json) == 3


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sales>=x", "'x' is not a number"),
        ("_limit=x", "_limit: 'x' is not a whole number"),
        ("city~=(", "'(' is not a regular expression"),
        ("_by=city&_c=sales|nope", "is not an aggregate: known are"),
        ("_format=exe", "_format: 'exe' is not one of json, ndjson, csv"),
    ],
)
def test_a_bad_argument_is_a_400_that_names_it(sales, query, says):
    answer = sales.get(f"/sales?{query}")
    assert answer.status_code == 400
    assert says in answer.json["detail"]


def test_a_file_that_is_gone_is_a_503_until_it_is_back(sales):
    file = sales.folder / "data/sales.csv"
    file.rename(file.with_suffix(".away"))
    answer = sales.get("/sales")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    file.with_suffix(".away").rename(file)
    assert sales.get("/sales").status_code == 200


def test_a_file_that_cannot_be_read_is_a_500_whose_line_the_log_names(site, capfd):
    client = site(YAML, {"data/sales.csv": "a,b\n1,2\n3,4,5\n"})
    assert client.get("/sales").status_code == 500
    assert "line 3" in json.loads(capfd.readouterr().out.splitlines()[-1])["error"]


def test_a_table_of_a_database(site, tmp_path):
    database = sqlite3.connect(tmp_path / "shop.db")
    database.execute('CREATE TABLE "my table" (id INTEGER PRIMARY KEY, "a b" TEXT)')
    database.executemany('INSERT INTO "my table" VALUES (?, ?)', [(1, "x"), (2, "'; DROP TABLE x; --")])
    database.commit()
    yaml = (
        f"url: {{t: {{pattern: /t, handler: Data, kwargs: {{url: 'sqlite:///{tmp_path}/shop.db', table: my table}}}}}}"
    )
    client = site(yaml)
    assert client.get("/t?_sort=-id").json == [{"id": 2, "a b": "'; DROP TABLE x; --"}, {"id": 1, "a b": "x"}]
    assert client.get("/t", query_string={"a b": "'; DROP TABLE x; --"}).json[0]["id"] == 2


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ("{}", "url: is required"),
        ("{url: 'sqlite:///x.db'}", "needs `table:`"),
        ("{url: a.csv, sep: ';;'}", "sep:"),
        ("{url: a.csv, modifi: f}", "unknown key, did you mean 'modify'?"),
    ],
)
def test_mistakes_are_named(site, kwargs, says):
    client = site(f"url: {{t: {{pattern: /t, handler: FormHandler, kwargs: {kwargs}}}}}")
    assert says in "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))


BROWSER = {"Accept": "text/html"}


def test_browsers_get_a_page_whose_text_is_text(sales):
    page = sales.get("/sales", headers=BROWSER)
    assert page.content_type == "text/html; charset=utf-8"
    assert "&lt;i&gt;" in page.text and "<i>" not in page.text


def test_the_page_keeps_the_query_in_its_links(sales):
    page = sales.get("/sales?city=Oslo&_limit=1&_sort=day", headers=BROWSER).text
    assert "1 to 1 of 2 rows" in page
    assert 'href="/sales?city=Oslo&amp;_limit=1&amp;_sort=-day"' in page
    assert 'href="/sales?city=Oslo&amp;_limit=1&amp;_sort=day&amp;_offset=1" rel="next"' in page
    assert 'href="/sales?_limit=1&amp;_sort=day"><span>city is Oslo</span>' in page
