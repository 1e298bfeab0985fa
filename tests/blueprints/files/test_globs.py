import pytest

from blueprints.files.globs import Globs


@pytest.mark.parametrize(
    "glob, path",
    [
        ("*.md", "/README.md"),
        ("*.md", "/docs/deep/README.MD"),
        ("readme.md", "/docs/README.md"),
        ("assets/**", "/assets/a/b.js"),
        ("assets/*.js", "/site/assets/a.js"),
        ("**/*.js", "/app.js"),
        (".*", "/.git/config"),
        ("*.py*", "/package/x.pyc"),
        ("[ab].txt", "/a.txt"),
    ],
)
def test_a_glob_matches_the_end_of_a_path(glob, path):
    assert Globs([glob]).match(path)


@pytest.mark.parametrize(
    "glob, path",
    [("*.md", "/md"), ("eadme.md", "/README.md"), ("assets/*", "/myassets/a"), (".*", "/a.b"), ("a.txt", "/a.txt.bak")],
)
def test_a_glob_matches_whole_names(glob, path):
    assert not Globs([glob]).match(path)


def test_no_globs_match_nothing():
    assert not Globs([]).match("/a.txt")
