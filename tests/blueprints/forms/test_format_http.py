"""Formats over HTTP: names of files, headers, templates, and pictures from a real server."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import openpyxl
import pytest

CSV = "city,day,sales\nOslo,2026-01-05,10.5\nBergen,2026-02-01,\n<Rome>,2026-02-15,3.25\n"
YAML = """
url:
  sales:
    pattern: /sales
    handler: FormHandler
    kwargs:
      url: sales.csv
      headers: {X-From: mount, X-Kind: mount}
      formats:
        list: {format: template, template: list.html, title: Sales, headers: {X-Kind: format}}
        notes: {format: template, template: notes.txt}
        chart: {format: svg, chart: bar, title: "Sales of {who}"}
  two:
    pattern: /two
    handler: FormHandler
    kwargs:
      a: {url: sales.csv}
      b: {url: sales.csv}
      formats: {both: {format: template, template: both.html}}
"""
FILES = {
    "sales.csv": CSV,
    "list.html": "<h1>{{ title }}</h1>{% for c in data['city'] %}<li>{{ c }}{% endfor %}{{ handler.get_arg('x') }}",
    "notes.txt": "{{ data['sales'].sum() }} of {{ meta['limit'] }}",
    "both.html": "{{ data['a'] | length }} {{ data['b'] | length }} {{ meta['b']['limit'] }}",
}
TYPES = [
    ("json", "application/json", None),
    ("ndjson", "application/x-ndjson", None),
    ("csv", "text/csv;charset=UTF-8", "data.csv"),
    ("tsv", "text/tab-separated-values;charset=UTF-8", "data.tsv"),
    ("html", "text/html;charset=UTF-8", None),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "data.xlsx"),
    ("arrow", "application/vnd.apache.arrow.stream", "data.arrow"),
    ("parquet", "application/vnd.apache.parquet", "data.parquet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "download.pptx"),
    ("svg", "image/svg+xml", None),
    ("png", "image/png", None),
    ("pdf", "application/pdf", None),
    ("vega-lite", "application/javascript;charset=UTF-8", None),
    ("vega", "application/javascript;charset=UTF-8", None),
]


@pytest.fixture
def sales(site):
    """A client of a site with formats of its own."""
    return site(YAML, FILES)


@pytest.mark.parametrize(("format", "content_type", "name"), TYPES, ids=[case[0] for case in TYPES])
def test_types_and_names_of_files(sales, format, content_type, name):
    answer = sales.get(f"/sales?_format={format}")
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.headers.get("Content-Disposition") == (f"attachment; filename={name}" if name else None)


def test_a_download_has_the_name_that_was_asked_for(sales):
    asked = {"_format": "csv", "_download": "two words.csv"}
    assert (
        sales.get("/sales", query_string=asked).headers["Content-Disposition"] == 'attachment; filename="two words.csv"'
    )


def test_a_name_cannot_add_headers(sales):
    answer = sales.get("/sales", query_string={"_format": "csv", "_download": "a\r\nX-Evil: 1"})
    assert "X-Evil" not in answer.headers


def test_headers_of_a_format_win(sales):
    assert sales.get("/sales?_format=csv").headers["X-Kind"] == "mount"
    answer = sales.get("/sales?_format=list&x=1")
    assert (answer.headers["X-From"], answer.headers["X-Kind"]) == ("mount", "format")


def test_an_svg_that_is_opened_by_itself_runs_nothing(sales):
    policy = sales.get("/sales?_format=svg").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "Content-Security-Policy" not in sales.get("/sales?_format=png").headers


def test_a_template_sees_a_dataframe_the_handler_and_its_options(sales):
    answer = sales.get("/sales?_format=list&x=%3Cb%3E")
    assert answer.text == "<h1>Sales</h1><li>Oslo<li>Bergen<li>&lt;Rome&gt;&lt;b&gt;"
    assert answer.content_type == "text/html;charset=UTF-8"


def test_the_type_of_a_template_is_that_of_its_file(sales):
    answer = sales.get("/sales?_format=notes")
    assert (answer.text, answer.content_type) == ("13.75 of 10000", "text/plain;charset=UTF-8")


def test_a_template_of_several_datasets_sees_them_by_name(sales):
    assert sales.get("/two?_format=both&b:_limit=2").text == "3 2 2"


def test_templates_of_a_gramex_yaml_are_tornados(site):
    files = {**FILES, "list.html": "{% for city in data['city'] %}<li>{{ city }}{% end %}"}
    client = site(YAML, files, name="gramex.yaml")
    assert client.get("/sales?_format=list").text == "<li>Oslo<li>Bergen<li>&lt;Rome&gt;"


def test_extensions_and_types_choose_the_format(site):
    client = site(YAML.replace("pattern: /sales", "pattern: /sales(\\.csv|\\.xlsx)?"), FILES)
    assert client.get("/sales.csv").content_type.startswith("text/csv")
    assert openpyxl.load_workbook(io.BytesIO(client.get("/sales.xlsx").data))["data"]["A2"].value == "Oslo"
    assert client.get("/sales", headers={"Accept": "application/x-ndjson"}).content_type == "application/x-ndjson"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("_format=svg&_chart=pie", "_chart: 'pie' is not one of bar, line, area, point"),
        ("_format=svg&_x=town", "_x: 'town' is not a column of the answer: city, day, sales"),
        ("_format=svg&_c=city", "a chart needs a column of numbers"),
        ("_format=chart", "this format needs the argument 'who': add &who=..."),
        ("_format=pptx&_chart=point", "points need numbers along both axes"),
        ("_format=exe", "_format: 'exe' is not one of json"),
        ("_format=seaborn&_x=town", "the chart cannot be drawn"),
    ],
)
def test_what_a_format_cannot_show_is_a_400(sales, query, says):
    answer = sales.get(f"/sales?{query}")
    assert answer.status_code == 400
    assert says in answer.json["detail"]


def test_columnar_files_of_several_datasets_are_a_400(sales):
    answer = sales.get("/two?_format=parquet")
    assert answer.status_code == 400
    assert "parquet holds one table, and this address has a, b" in answer.json["detail"]


def test_a_server_draws_for_many_at_once(serve):
    server = serve(YAML, FILES)
    paths = ["/sales?_format=svg", "/sales?_format=png", "/sales?_format=xlsx", "/sales?_format=pptx", "/sales"] * 3
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(server.get, paths))
    assert [answer.status for answer in answers] == [200] * len(paths)
    assert answers[1].body.startswith(b"\x89PNG")
    assert json.loads(answers[4].body)[0]["city"] == "Oslo"
