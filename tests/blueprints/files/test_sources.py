import pytest

from blueprints.files.roots import Ignored
from blueprints.files.sources import PathError, build


@pytest.fixture
def make(tmp_path):
    """Build a source in a folder that has data/, data/a.txt and b.txt."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").touch()
    (tmp_path / "b.txt").touch()

    def make(paths, default=None):
        source = build(paths, Ignored(tmp_path), default)
        return lambda group, **args: [path.removeprefix(f"{tmp_path}/") for _, path in source.find(group, args)]

    return make


@pytest.mark.parametrize(
    "paths, group, found",
    [
        pytest.param("data", "x/y.txt", ["data/x/y.txt"], id="folder"),
        pytest.param("data", "", ["data"], id="folder itself"),
        pytest.param("b.txt", "anything", ["b.txt"], id="file"),
        pytest.param("data/*.csv", "x/y", ["data/x/y.csv"], id="star"),
        pytest.param("data/*/*.csv", "x", ["data/x/x.csv"], id="two stars"),
        pytest.param(["b.txt", "data/a.txt"], "x", ["b.txt", "data/a.txt"], id="list"),
        pytest.param({r"(\d+)/(\w+)": "data/{0}-{1}.pdf"}, "24/may", ["data/24-may.pdf"], id="numbered groups"),
        pytest.param({r"(\d+)/(\w+)": "data/{}-{}.pdf"}, "24/may", ["data/24-may.pdf"], id="groups in order"),
        pytest.param({r"(?P<y>\d+)": "data/{y}.pdf"}, "24", ["data/24.pdf"], id="named group"),
        pytest.param({"x": "b.txt", ".*": "data/a.txt"}, "x", ["b.txt"], id="first match"),
        pytest.param({"x": "b.txt", ".*": "data/a.txt"}, "xy", ["data/a.txt"], id="whole match"),
        pytest.param({"(a)?x": "data/{0}y"}, "x", ["data/y"], id="group that took no part"),
        pytest.param({"x": "data/{{0}}/{a}"}, "x", ["data/{0}/"], id="literal braces"),
    ],
)
def test_the_forms_of_a_path(make, paths, group, found):
    assert make(paths)(group) == found


def test_a_path_takes_groups_then_arguments_then_defaults(make):
    find = make({"(?P<a>.)": "data/{a}{b}{c}{d}"}, {"a": "0", "b": "0", "c": "3"})
    assert find("1", a="0", b="2") == ["data/123"]


def test_what_no_expression_matches_is_not_there(make):
    with pytest.raises(FileNotFoundError):
        make({"x": "b.txt"})("y")


@pytest.mark.parametrize("value", ["../b.txt", "..", "x/../../b.txt", "x/../a"])
def test_values_do_not_climb(make, value):
    with pytest.raises(FileNotFoundError):
        make({"x": "data/{name}"})("x", name=value)


@pytest.mark.parametrize(
    "paths, message",
    [
        pytest.param("missing", "there is no file or folder 'missing'", id="missing file"),
        pytest.param("missing/*.csv", "there is no file or folder 'missing/'", id="missing folder of a star"),
        pytest.param(["b.txt", "missing"], "there is no file or folder 'missing'", id="missing in a list"),
        pytest.param(["data"], "'data' is a folder", id="folder in a list"),
        pytest.param({"x": "missing.txt"}, "there is no file or folder 'missing.txt'", id="missing in a mapping"),
        pytest.param({"(x": "b.txt"}, "is not a regular expression", id="bad expression"),
        pytest.param({"(x)": "data/{1}"}, "names no group", id="no such group"),
        pytest.param({"(x)": "data/{0.a}"}, "a placeholder is", id="attribute"),
        pytest.param({"(x)": "data/{0!r}"}, "a placeholder is", id="conversion"),
        pytest.param({"(x)": "data/{"}, "a literal brace is written twice", id="open brace"),
    ],
)
def test_mistakes_in_a_path(make, paths, message):
    with pytest.raises(PathError, match=message.replace("(", r"\(")):
        make(paths)
