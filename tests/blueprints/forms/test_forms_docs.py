"""The examples of docs/forms.md do what they say."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[3] / "docs" / "forms.md").read_text()


def block(language):
    """The first block of code in a language."""
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[1]


EXAMPLES = re.findall(r"\$ curl '(?:localhost:8000)?(.*?)'\n(.*?)(?=\n\n\$|\Z)", block("console"), re.DOTALL)


@pytest.fixture
def example(site):
    """The site of the page."""
    client = site(block("yaml"), {"sales.csv": block("csv"), "work.py": block("python")})
    with sqlite3.connect(client.folder / "shop.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, city TEXT, price REAL)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", [(1, "Bergen", 12), (2, "Oslo", 7.5), (3, "Oslo", 1)]
        )
    database.close()
    return client


def test_there_are_examples():
    assert len(EXAMPLES) > 7


@pytest.mark.parametrize(("path", "expected"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_does_what_it_says(example, path, expected):
    answer = example.get(path)
    if expected.startswith("400"):
        assert f"{answer.status_code} {answer.json['detail']}" == expected.strip()
    elif answer.is_json:
        assert answer.json == json.loads(expected)
    else:
        assert answer.text.removeprefix("\ufeff").splitlines() == expected.strip().splitlines()


def test_the_site_of_the_page_has_no_mistakes(example):
    assert not example.app.extensions["skerry"].application.mistakes
