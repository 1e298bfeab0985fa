"""The examples of docs/formats.md do what they say, and it names every option."""

import io
import json
import re
from pathlib import Path

import openpyxl
import pyarrow.parquet
import pytest
import yaml

from blueprints.forms.formats import FORMATS, Formats
from blueprints.forms.formats.settings import ALL, KINDS
from blueprints.forms.formats.slides import ChartOfShape, Shape, Table
from tests.blueprints.forms.written import made

TEXT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()


def blocks(language):
    """The blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


EXAMPLES = re.findall(r"\$ curl 'localhost:8000(.*?)'\n(.*?)(?=\n\n\$|\Z)", blocks("console")[0], re.DOTALL)
OPTIONS = {(kind.__name__, name) for kind in (*ALL, Shape, Table, ChartOfShape) for name in kind.model_fields}


@pytest.fixture
def example(site):
    """The site of the page."""
    return site(blocks("yaml")[0], {"sales.csv": blocks("csv")[0], "list.html": blocks("html")[0]})


@pytest.mark.parametrize(("path", "expected"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_does_what_it_says(example, path, expected):
    answer = example.get(path)
    if expected.startswith("400"):
        assert f"{answer.status_code} {answer.json['detail']}" == expected.strip()
    elif path == "/sales":
        assert answer.json == json.loads(expected)
    else:
        assert answer.text.removeprefix("\ufeff").split() == expected.split()


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("_format=bars&year=2026", b"<svg"),
        ("_format=share", b"<svg"),
        ("_format=svg&_chart=line&_x=day&_y=sales", b"<svg"),
        ("_format=spread&chart=boxplot", b"<?xml"),
        ("_format=live", b"// Draws a chart"),
        ("_format=steps", b"// Draws a chart"),
        ("_format=slides", b"PK"),
    ],
)
def test_the_charts_of_the_page(example, path, start):
    answer = example.get(f"/sales?{path}")
    assert (answer.status_code, answer.data[: len(start)]) == (200, start)


def test_the_files_of_the_page(example):
    book = openpyxl.load_workbook(io.BytesIO(example.get("/sales?_format=book").data))
    assert (book.sheetnames, book["Sales"]["A4"].value) == (["Sales"], "Rome, =Lazio")
    assert pyarrow.parquet.read_table(io.BytesIO(example.get("/sales?_format=small").data)).num_rows == 3
    assert example.get("/sales?_format=csv").headers["Cache-Control"] == "no-store"


def test_the_site_of_the_page_has_no_mistakes(example):
    assert not example.app.extensions["skerry"].application.mistakes


def test_the_report_of_the_page(tmp_path):
    import pptx

    presentation = pptx.Presentation()
    presentation.save(tmp_path / "report.pptx")
    entry = yaml.safe_load(blocks("yaml")[1])["formats"]["report"]
    assert made(entry, tmp_path).attachment == "download.pptx"


@pytest.mark.parametrize(("kind", "option"), sorted(OPTIONS))
def test_every_option_is_on_the_page(kind, option):
    assert re.search(rf"`{re.escape(option)}\b|\b{option}:", TEXT), kind


def test_every_format_is_on_the_page():
    assert [name for name in (*FORMATS, *KINDS) if f"`{name}`" not in TEXT] == []


def test_editors_know_every_option():
    from pydantic import TypeAdapter

    schema = json.dumps(TypeAdapter(Formats).json_schema())
    assert [option for kind, option in OPTIONS if f'"{option}"' not in schema and kind not in ("Shape", "Table")] == []
