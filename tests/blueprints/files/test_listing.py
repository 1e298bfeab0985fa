import os
from datetime import UTC, datetime

import pytest

from blueprints.files import listing
from blueprints.files.roots import Ignored, Root

DAY = 86400


@pytest.fixture
def folder(tmp_path):
    """big.txt of yesterday, Small.txt of today, folder of the day before, and a link."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "big.txt").write_text("x" * 100)
    (tmp_path / "Small.txt").write_text("x")
    os.symlink("big.txt", tmp_path / "link.txt")
    for name, days in {"folder": 1, "big.txt": 2, "Small.txt": 3}.items():
        os.utime(tmp_path / name, (DAY * days, DAY * days))
    return tmp_path


def read(folder, below="", sort="name", ignore=()):
    root = Root(folder, Ignored(folder, ignore))
    path = root.join(below)
    fd = root.open(path)
    try:
        return listing.read(root, path, fd, below, sort)
    finally:
        os.close(fd)


def names(found):
    return [entry.name for entry in found.entries]


@pytest.mark.parametrize(
    "sort, expected",
    [
        ("name", ["folder", "big.txt", "link.txt", "Small.txt"]),
        ("-name", ["folder", "Small.txt", "link.txt", "big.txt"]),
        ("size", ["folder", "Small.txt", "big.txt", "link.txt"]),
        ("-size", ["folder", "link.txt", "big.txt", "Small.txt"]),
        ("date", ["folder", "big.txt", "link.txt", "Small.txt"]),
        ("-date", ["Small.txt", "link.txt", "big.txt", "folder"]),
        ("nonsense", ["folder", "big.txt", "link.txt", "Small.txt"]),
    ],
)
def test_entries_are_sorted(folder, sort, expected):
    assert names(read(folder, sort=sort)) == expected


def test_an_entry_says_what_it_is(folder):
    entry = read(folder).entries[1]
    assert entry == listing.Entry("big.txt", "./big.txt", False, 100, datetime(1970, 1, 3, tzinfo=UTC), False)
    assert read(folder).entries[2].is_link


def test_the_link_of_the_sorted_column_turns_the_order_round(folder):
    assert read(folder, sort="size").sort_links == {
        "name": "?_sort=name",
        "size": "?_sort=-size",
        "date": "?_sort=date",
    }
    assert read(folder, sort="-size").sort_links["size"] == "?_sort=size"


def test_crumbs_lead_up_to_the_root(folder):
    (folder / "a/b").mkdir(parents=True)
    crumbs = read(folder, "a/b/").crumbs
    assert [crumb.href for crumb in crumbs] == ["../../", "../", "./"]
    assert [crumb.name for crumb in crumbs] == [folder.name, "a", "b"]


@pytest.mark.parametrize("name", ['"q".txt', "<b>.txt", "a b#c?d%e.txt", "a:b.txt", "line\nbreak.txt", "ünï.txt", "'"])
def test_names_of_any_kind_are_linked(tmp_path, name):
    (tmp_path / name).touch()
    entry = read(tmp_path).entries[0]
    assert entry.name == name
    assert entry.href.startswith("./") and not set(entry.href) & set("\"'<>#? \n")


def test_a_name_that_is_not_utf8_is_shown_and_linked(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).touch()
    entry = read(tmp_path).entries[0]
    assert (entry.name, entry.href) == ("caf\ufffd.txt", "./caf%E9.txt")


def test_only_what_is_served_is_listed(folder):
    os.mkfifo(folder / "fifo")
    os.symlink("missing", folder / "broken")
    os.symlink("/etc", folder / "outside")
    (folder / "x.secret").touch()
    assert names(read(folder, ignore=["*.secret"])) == ["folder", "big.txt", "link.txt", "Small.txt"]


def test_a_date_beyond_the_calendar_is_left_out(folder):
    status = os.stat_result((0, 0, 0, 0, 0, 0, 0, 0, 2**50, 0))  # not every file system keeps such a date
    assert listing._time(status) is None


def test_a_huge_folder_says_what_it_leaves_out(folder, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 3)
    found = read(folder)
    assert (len(found.entries), found.note) == (3, "1 more entries are not shown.")


def test_a_sites_own_template_gets_escaped_names(tmp_path):
    (tmp_path / "<b>").mkdir()
    page = listing.from_template(read(tmp_path), "<h1>$path</h1>$body $other")
    assert page.startswith(f"<h1>{tmp_path.name}</h1><ul>")
    assert '<li><a href="./%3Cb%3E/">&lt;b&gt;/</a></li>' in page and page.endswith("$other")
