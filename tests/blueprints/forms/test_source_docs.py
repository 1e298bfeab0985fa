"""The examples of docs/sources.md are sites that answer."""

import gzip
import io
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import duckdb
import pytest
import xlsxwriter
import yaml

DOCS = Path(__file__).parents[3] / "docs" / "sources.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
PRICES = "prices of today\nin euro\ncity;price\nMünchen;n/a\nOslo;1.5\n"
CITIES = "<table><tr><td>no</table><table id=cities><tr><th>city<tr><td>Oslo</table>"
WANTED = {
    "sales": [{"city": "Oslo", "sales": 1}],
    "orders": [{"city": "Oslo", "price": 20}, {"city": "Oslo", "price": 5}],
    "rates": [{"currency": "NOK", "rate": 11.5}],
    "prices": [{"city": "München", "price": None}, {"city": "Oslo", "price": 1.5}],
    "people": [{"name": "Ada"}],
    "budget": [{"item": "paper", "euro": 3, "note": None}],
    "named": [{"item": "paper", "euro": 3}],
    "cities": [{"city": "Oslo"}],
    "totals": [{"city": "Oslo", "total": 20}],
}


def workbook():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet("Notes")
        sheet = book.add_worksheet("Plan")
        sheet.write_row(2, 1, ["item", "euro", "note"])
        sheet.write_row(3, 1, ["paper", 3])
        book.define_name("Costs", "=Plan!$B$3:$C$4")
    return file.getvalue()


def shop(path):
    with duckdb.connect(path) as db:
        db.execute("CREATE TABLE orders AS FROM (VALUES ('Oslo', 20), ('Oslo', 5)) AS orders(city, price)")
    return path.read_bytes()


@pytest.fixture
def files(tmp_path):
    return {
        "data/sales.csv": "city,sales\nOslo,1\n",
        "data/prices.txt": PRICES.encode("latin-1"),
        "data/people.json": json.dumps({"result": {"items": [{"name": "Ada"}]}, "errors": [{"name": "?"}]}),
        "data/budget.xlsx": workbook(),
        "data/report.html": CITIES,
        "data/shop.duckdb": shop(tmp_path / "shop.duckdb"),
        "data/packed.csv.gz": gzip.compress(b"a\n1\n"),
    }


@pytest.fixture
def origin():
    """Another server, with the rates."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"currency,rate\nNOK,11.5\n")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("example", EXAMPLES, ids=[next(iter(yaml.safe_load(each)["url"])) for each in EXAMPLES])
def test_an_example_of_the_docs_answers(site, files, origin, example):
    client = site(example.replace("https://example.org", origin), files)
    for name, mount in yaml.safe_load(example)["url"].items():
        answer = client.get(mount["pattern"], headers={"Accept": "application/json"})
        assert (name, answer.status_code) == (name, 200)
        if name in WANTED:
            assert answer.json == WANTED[name]


def test_the_example_of_a_folder_lists_the_files_of_a_type(site, files):
    (example,) = [each for each in EXAMPLES if "reports" in each]
    answer = site(example, files).get("/reports?_format=json").json
    assert [(row["type"], row["name"], row["level"]) for row in answer] == [(".csv", "sales.csv", 0)]
