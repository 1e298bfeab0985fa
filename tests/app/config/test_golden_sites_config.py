"""tests/sites/<case>: a site's files in; its tree, mistakes and warnings out.

`expected.json` is the tree, `mistakes.txt` and `warnings.txt` the messages; without such a file there are none.
"""

import json
from pathlib import Path

import pytest

from app import config

SITES = Path(__file__).parents[2] / "sites"
CASES = sorted(file.parent for name in config.NAMES for file in SITES.glob(f"*/{name}"))
ENVIRON = {"HOME": "/home/me"}


def read(folder, monkeypatch):
    monkeypatch.chdir(folder)  # so that messages show paths from the site's folder
    return config.read(config.find(str(folder), folder), ENVIRON)


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_messages_of_a_site(folder, monkeypatch):
    site = read(folder, monkeypatch)
    assert list(map(str, site.mistakes)) == lines(folder / "mistakes.txt")
    assert list(map(str, site.warnings)) == lines(folder / "warnings.txt")


@pytest.mark.parametrize("folder", [case for case in CASES if (case / "expected.json").exists()], ids=lambda f: f.name)
def test_tree_of_a_site(folder, monkeypatch):
    tree = json.dumps(read(folder, monkeypatch).tree, default=str).replace(str(folder), "<site>")
    assert json.loads(tree) == json.loads((folder / "expected.json").read_text())
