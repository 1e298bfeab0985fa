"""A folder as a table."""

import os

import pytest

from app.tables import sources
from app.tables.files import folders
from app.tables.files.folders import Folder
from app.tables.source import Missing
from tests.app.tables.reading import all_rows


@pytest.fixture
def folder(tmp_path):
    """Two files, one in a folder, and links to both worlds."""
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "b.csv").write_text("a\n1\n")
    (top / "sub" / 'odd "name", å.TXT').write_text("x" * 10)
    os.utime(top / "b.csv", (1_700_000_000.5, 1_700_000_000.5))
    return top


def test_files_and_folders_are_rows(folder, engine):
    rows = all_rows(Folder(folder, engine), _c=["type", "name", "level"])
    assert rows == [(".csv", "b.csv", 0), ("dir", "sub", 0), (".TXT", 'odd "name", å.TXT', 1)]


def test_a_row_says_where_the_file_is_how_large_and_when_it_changed(folder, engine):
    (row,) = all_rows(Folder(folder, engine), name=["b.csv"])
    assert row == (".csv", str(folder), "b.csv", f"{folder}/b.csv", 4, 1_700_000_000.5, 0)


def test_the_grammar_works_on_folders(folder, engine):
    source = Folder(folder, engine)
    assert all_rows(source, _by=["type"], _c=["size|sum"], **{"type!": ["dir"]}) == [(".TXT", 10), (".csv", 4)]
    assert all_rows(
        source, _sort=["-size"], _limit=["1"], _c=["name"], **{"type~": ["[a-zA-Z]{3}$"], "size<": ["10"]}
    ) == [("b.csv",)]


def test_what_is_new_is_there_at_once(folder, engine):
    source = Folder(folder, engine)
    assert len(all_rows(source)) == 3
    (folder / "new").touch()
    assert len(all_rows(source)) == 4


def test_links_are_rows_but_lead_nowhere(folder, engine):
    (folder / "out").symlink_to(folder.parent)
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "gone").symlink_to("nowhere")
    assert all_rows(Folder(folder, engine), _c=["type", "name"], **{"name~": ["^out|loop|gone$"]}) == [
        ("", "gone"),
        ("", "out"),
        ("", "loop"),
    ]
    assert len(all_rows(Folder(folder, engine))) == 6


def test_a_walk_that_takes_too_long_ends_with_what_there_is(folder, engine, monkeypatch, caplog):
    monkeypatch.setattr(folders, "LONGEST", -1.0)
    assert len(all_rows(Folder(folder, engine))) == 1
    assert "has more than can be listed in -1 s, the rest is left out" in caplog.text


def test_a_folder_that_is_not_there_is_missing_until_it_is(tmp_path, engine):
    source = Folder(tmp_path / "later", engine)
    with pytest.raises(Missing, match="there is no folder"):
        source.columns()
    (tmp_path / "later").mkdir()
    assert all_rows(source) == []
    assert source.state() is None


def test_a_folder_that_cannot_be_read_is_left_out(folder, engine, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [name for (name,) in all_rows(Folder(folder, engine), _c=["name"])] == ["b.csv", "sub"]


@pytest.mark.parametrize("url", ["dir:///top", "dir://top", "dir:///{folder}", "DIR:///./top"])
def test_relative_and_absolute_urls_of_folders(folder, url):
    source = sources.opened(url.format(folder=folder), folder=folder.parent)
    assert len(all_rows(source)) == 3
