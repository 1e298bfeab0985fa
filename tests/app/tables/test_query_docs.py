"""Every example of docs/query.md gives the answer that it names, from a file and from databases."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

from app.tables.grammar import _FUNCTIONS, _OPS, PARAMETERS

DOCS = (Path(__file__).parents[3] / "docs/query.md").read_text()
CSV = re.search(r"```csv\n(.*?)```", DOCS, re.DOTALL)[1]
YAML = re.search(r"```yaml\n(.*?)```", DOCS, re.DOTALL)[1]
DATABASE = YAML.replace("url: shop.csv", "url: sqlite:///shop.db, table: shop").replace("/shop", "/table", 1)
TYPES = "id INTEGER PRIMARY KEY, city TEXT, note TEXT, units INTEGER, sales DECIMAL(9, 2), paid BOOLEAN, day DATE"


def cells(line):
    """The cells of a row of a table in Markdown."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def examples():
    for line in DOCS.splitlines():
        row = cells(line) if line.startswith("| `") else []
        if len(row) == 3 and re.fullmatch(r"`.*`", row[0]):
            yield row[0].strip("`"), row[1].strip("`")


EXAMPLES = list(examples())


@pytest.fixture
def shops(site, tmp_path):
    """A client, and the path of the table in a file and in a database."""

    def opened(kind):
        if kind == "file":
            return site(YAML, {"shop.csv": CSV}), "/shop"
        client = site(
            DATABASE.replace("/table", "/shop", 1).replace("sqlite:///shop.db", f"sqlite:///{tmp_path}/shop.db")
        )
        fill(tmp_path / "shop.db")
        return client, "/shop"

    return opened


def fill(file):
    rows = [[cell or None for cell in line.split(",")] for line in CSV.splitlines()[1:]]
    with sqlite3.connect(file) as connection:
        connection.execute(f"CREATE TABLE shop ({TYPES})")
        paid = {"true": 1, "false": 0, None: None}
        connection.executemany(
            "INSERT INTO shop VALUES (?, ?, ?, ?, ?, ?, ?)", [(*row[:5], paid[row[5]], row[6]) for row in rows]
        )
    connection.close()


def asked(client, path, query):
    pairs = [part.partition("=") for part in query.split("&")]
    return client.get(path, query_string=[(name, value) for name, _, value in pairs])


@pytest.mark.parametrize("kind", ["file", "database"])
def test_every_example_gives_its_answer(shops, subtests, kind):
    client, path = shops(kind)
    for query, wanted in EXAMPLES:
        if kind == "file" and "_after" in query:
            continue
        with subtests.test(query):
            found = asked(client, path, query).json
            shown = found if wanted.startswith("[") else [row["id"] for row in found]
            assert shown == json.loads(wanted if wanted.startswith("[") else f"[{wanted}]")


def test_there_is_an_example_of_every_operator_aggregate_and_parameter():
    text = " ".join(query for query, _ in EXAMPLES)
    assert [op for op in _OPS if not re.search(rf"[a-z]{re.escape(op)}=", text)] == []
    assert [name for name in _FUNCTIONS if f"|{name}" not in text and f"`{name}`" not in DOCS] == []
    assert [name for name in PARAMETERS if name not in text and f"`{name}" not in DOCS] == []


def test_links_lead_through_pages(shops):
    client, path = shops("database")
    first = asked(client, path, "_sort=-units&_limit=4&_after=")
    link = re.search(r'<(.*?)>; rel="next"', first.headers["Link"])[1]
    assert [row["id"] for row in client.get(link).json] == [6, 3]


@pytest.mark.parametrize("query", ["_schema", "_meta=y&_count=y&_limit=1"])
def test_what_is_about_the_answer_is_there(shops, query):
    client, path = shops("database")
    answer = asked(client, path, query)
    if query == "_schema":
        assert (answer.json["x-key"], answer.json["properties"]["day"]["format"]) == (["id"], "date")
    else:
        assert (answer.headers["FH-data-count"], answer.headers["FH-data-limit"]) == ("6", "1")


def test_unknown_columns_are_refused_where_the_yaml_says_strict(site):
    client = site(YAML.replace("id: id", "id: id, strict: true"), {"shop.csv": CSV})
    assert (client.get("/shop?nowhere=1").status_code, client.get("/shop?city=Oslo").status_code) == (400, 200)
