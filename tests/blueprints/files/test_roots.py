import os

import pytest

from blueprints.files.roots import Ignored, Root


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "data/a.txt").write_text("text")
    return Root(tmp_path / "data", Ignored(tmp_path, ["*.secret"], ["ok.secret"]))


def read(root, path):
    fd = root.open(path)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "below, path",
    [
        ("a.txt", "/a.txt"),
        ("", ""),
        ("/", ""),
        ("./a.txt", "/a.txt"),
        ("sub//b.txt", "/sub/b.txt"),
        ("sub/../a.txt", "/a.txt"),
        ("sub/.", "/sub/"),
        ("sub/", "/sub/"),
        ("a..b", "/a..b"),
        ("...", "/..."),
        ("sub/x/..", "/sub/"),
    ],
)
def test_a_url_is_joined_to_its_root(root, below, path):
    assert root.join(below) == root.path + path


@pytest.mark.parametrize("below", ["..", "../data/a.txt", "sub/../../a.txt", "/../x", "a\0b", "./.."])
def test_what_leads_above_the_root_is_not_there(root, below):
    with pytest.raises(FileNotFoundError):
        root.open(root.join(below))


def test_a_link_within_the_root_is_followed(root):
    os.symlink("../a.txt", f"{root.path}/sub/link")
    assert read(root, root.join("sub/link")) == b"text"


def test_a_root_may_be_a_link_that_changes_while_it_is_used(tmp_path):
    for release in ("v1", "v2"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "a.txt").write_text(release)
    os.symlink("v1", tmp_path / "now")
    root = Root(tmp_path / "now", Ignored(tmp_path))
    first = read(root, root.join("a.txt"))
    os.symlink("v2", tmp_path / "next")
    os.replace(tmp_path / "next", tmp_path / "now")
    assert (first, read(root, root.join("a.txt"))) == (b"v1", b"v2")


def test_a_file_that_an_author_names_may_be_a_link_to_anywhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/real.txt").write_text("text")
    (tmp_path / "site").mkdir()
    os.symlink("../elsewhere/real.txt", tmp_path / "site/link.txt")
    root = Root(tmp_path / "site/link.txt", Ignored(tmp_path / "site"))
    assert read(root, root.join("whatever")) == b"text"


def test_a_link_is_ignored_by_the_name_of_its_target(root):
    with open(f"{root.path}/x.secret", "w"):
        os.symlink("x.secret", f"{root.path}/innocent")
    with pytest.raises(PermissionError):
        root.open(root.join("innocent"))


def test_allow_takes_back_what_ignore_takes(root):
    with open(f"{root.path}/ok.secret", "w") as file:
        file.write("fine")
    assert read(root, root.join("ok.secret")) == b"fine"


def test_where_the_site_lies_does_not_decide_what_it_serves(tmp_path):
    (tmp_path / ".config/site/data").mkdir(parents=True)
    (tmp_path / ".config/site/data/a.txt").write_text("text")
    root = Root(tmp_path / ".config/site/data", Ignored(tmp_path / ".config/site", [".*"]))
    assert read(root, root.join("a.txt")) == b"text"


@pytest.mark.parametrize("name", ["x (deleted)", "x.secret (deleted)"])
def test_a_name_may_end_like_the_kernel_marks_deleted_files(root, name):
    with open(f"{root.path}/{name}", "w") as file:
        file.write("still here")
    assert read(root, root.join(name)) == b"still here"


def test_a_file_that_is_replaced_while_it_is_opened_is_judged_by_its_name(root, monkeypatch):
    path = f"{root.path}/x.secret"
    with open(path, "w"):
        pass
    opened = os.open

    def open_and_replace(name, flags):
        fd = opened(name, flags)
        os.unlink(name)
        return fd

    monkeypatch.setattr(os, "open", open_and_replace)
    with pytest.raises(PermissionError):
        root.open(path)


def test_without_proc_the_name_is_resolved(root, monkeypatch):
    monkeypatch.setattr("blueprints.files.roots._DESCRIPTORS", None)
    os.symlink("/etc/hostname", f"{root.path}/out")
    assert read(root, root.join("a.txt")) == b"text"
    with pytest.raises(FileNotFoundError):
        root.open(root.join("out"))


def test_a_refused_file_leaves_no_descriptor_open(root):
    os.symlink("/etc/hostname", f"{root.path}/out")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            root.open(root.join("out"))
    assert len(os.listdir("/proc/self/fd")) == before
