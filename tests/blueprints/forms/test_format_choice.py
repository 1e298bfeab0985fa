"""Which format a request gets, and what may be wrong with the formats of a mount."""

import pytest

from blueprints.forms.formats import ARGUMENTS, FORMATS, PAGE, chosen, disposition
from blueprints.forms.formats import settings as formats
from tests.blueprints.forms.written import made

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("asked", "extension", "accept", "wanted"),
    [
        ("csv", "json", CHROMIUM, "csv"),
        ("page", "", "", PAGE),
        ("html", "", CHROMIUM, "html"),
        ("", "csv", CHROMIUM, "csv"),
        ("", ".XLSX", CHROMIUM, "xlsx"),
        ("", "html", CHROMIUM, PAGE),
        ("", "html", "*/*", "html"),
        ("", "exe", "*/*", "json"),
        ("", "", "", "json"),
        ("", "", "*/*", "json"),
        ("", "", CHROMIUM, PAGE),
        ("", "", "text/html, application/json", PAGE),
        ("", "", "text/html;q=0.5, application/json", "json"),
        ("", "", "text/csv", "csv"),
        ("", "", "text/csv;q=0.5, application/x-ndjson", "ndjson"),
        ("", "", "text/csv;q=0.5, application/json;q=0.6", "json"),
        ("", "", "text/csv;q=0, */*", "json"),
        ("", "", "text/tab-separated-values, */*;q=0.1", "tsv"),
        ("", "", "application/vnd.apache.arrow.stream", "arrow"),
        ("", "", "application/vnd.apache.parquet", "parquet"),
        ("", "", PICTURE, "svg"),
        ("", "", "image/png", "png"),
        ("", "", "image/*", "svg"),
        ("", "", "text/x-unknown", "json"),
        ("", "", "not a type;;", "json"),
    ],
)
def test_the_format_of_a_request(asked, extension, accept, wanted):
    assert chosen({"_format": [asked]} if asked else {}, accept, extension, FORMATS) == wanted


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("sales.csv", "attachment; filename=sales.csv"),
        ("two words.csv", 'attachment; filename="two words.csv"'),
        (
            "Größe 日本.csv",
            "attachment; filename=\"Gr__e __.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E6%97%A5%E6%9C%AC.csv",
        ),
        ('a";x=".csv', "attachment; filename=\"a_;x=_.csv\"; filename*=UTF-8''a%22%3Bx%3D%22.csv"),
        ("../a\r\nX: 1", 'attachment; filename=".._a__X: 1"'),
    ],
)
def test_names_of_files(name, header):
    assert disposition(name) == header


def test_formats_of_a_mount_are_named_by_requests_only():
    own = {**FORMATS, "pretty": made({"format": "json", "indent": 2})}
    assert chosen({"_format": ["pretty"]}, "", "", own) == "pretty"
    assert chosen({}, "application/json", "", own) == "json"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("exe", "_format: 'exe' is not one of json, ndjson, csv"),
        ("jsn", "did you mean 'json'?"),
        ("template", "_format: 'template' needs options"),
        ("vegam", "_format: 'vegam' needs options"),
    ],
)
def test_a_format_that_is_not_there(asked, says):
    with pytest.raises(ValueError) as error:
        chosen({"_format": [asked]}, "")
    assert says in str(error.value)


def test_a_format_whose_package_is_missing(monkeypatch):
    monkeypatch.setattr(formats.KINDS["svg"], "needs", {"no_such_module": "vl-convert-python"})
    without = {name: format for name, format in FORMATS.items() if name != "svg"}
    with pytest.raises(ValueError, match=r"the format svg needs vl-convert-python, .* pip install 'skerry\[charts\]'"):
        chosen({"_format": ["svg"]}, "", "", without)
    assert not formats.is_installed(formats.KINDS["svg"])


SITE = """
url:
  sales:
    pattern: /sales
    handler: FormHandler
    kwargs:
      url: sales.csv
      formats:
        own: {formats}
"""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{format: jsn}", "own.format: should be one of json, ndjson, csv"),
        ("{format: jsn}", "not 'jsn', did you mean 'json'?"),
        ("{format: json, oreint: split}", "own.oreint: unknown option of json, did you mean 'orient'?"),
        ("{format: json, orient: rows}", "own.orient: should be 'records', 'split'"),
        ("{format: csv, sep: ab}", "own.sep: "),
        ("{format: csv, header: maybe}", "own.header: should be true or false"),
        ("{format: csv, headers: {'a b': x}}", "'a b' is not a header's name"),
        ("{format: template}", "own.template: is required"),
        ("{format: template, template: no.html}", "there is no file no.html"),
        ("{format: svg, spec: {data: {url: x.csv}}}", "spec.data.url: a picture reads no addresses"),
        ("{format: sns, chart: load_dataset}", "'load_dataset' is not one of seaborn's"),
        ("{format: pptx, shapes: {Title: {text: a}}}", "are those of a template"),
        ("{format: [csv]}", "own.format: should be one of json"),
        ("{format: pptx, source: sales.csv, shapes: {A: {text: '{{ a'}}}", "own.shapes.A.text: line 1: "),
        ("{format: pptx, source: sales.csv, shapes: {A: {}}}", "needs one of text, table and chart"),
        ("csv", "own: should be a mapping"),
    ],
)
def test_mistakes_in_formats_are_named(site, options, says):
    client = site(SITE.replace("{formats}", options), {"sales.csv": "a\n1\n"})
    assert says in "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))


def test_a_package_that_is_missing_is_a_mistake(site, monkeypatch):
    monkeypatch.setattr(formats.KINDS["svg"], "needs", {"no_such_module": "vl-convert-python"})
    client = site(SITE.replace("{formats}", "{format: svg}"), {"sales.csv": "a\n1\n"})
    mistakes = "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))
    assert "own: the format svg needs vl-convert-python, not installed: pip install 'skerry[charts]'" in mistakes


def test_options_of_pandas_change_nothing_in_a_gramex_yaml(site):
    yaml = SITE.replace("{formats}", "{format: csv, sep: ';', chunksize: 5}")
    client = site(yaml, {"sales.csv": "a,b\n1,2\n"}, name="gramex.yaml")
    assert client.get("/sales?_format=own").text == "\ufeffa;b\r\n1;2\r\n"


def test_an_entry_has_the_format_of_its_name(site):
    client = site(
        SITE.replace("own: {formats}", "csv: {sep: ';', headers: {X-Sep: semicolon}}"), {"sales.csv": "a,b\n1,2\n"}
    )
    answer = client.get("/sales?_format=csv")
    assert answer.text == "\ufeffa;b\r\n1;2\r\n"
    assert answer.headers["X-Sep"] == "semicolon"


def test_a_format_says_which_arguments_it_reads():
    chart = made({"format": "svg", "title": "{who}", "spec": {"mark": "{mark}", "layer": ["{a}"]}})
    assert chart.arguments == ARGUMENTS | {"who", "mark", "a"}
    assert FORMATS["svg"].arguments == ARGUMENTS
