import re
import sys
from types import SimpleNamespace

import pytest

from app.expressions import Expression, ExpressionError, add_folder, modules_below

HANDLER = SimpleNamespace(name="x", path_args=["a", "b"], twice=lambda text: text * 2)


@pytest.fixture
def folder(tmp_path, forget_modules):
    """A site's folder, on the import path."""
    files = {
        "sales.py": "import json\nRATE = 1.5\ndef total(*args, **kwargs): return [*args, kwargs]\nclass Shop:\n"
        "    @staticmethod\n    def open(handler): return handler.name\n",
        "plain/work.py": "def run(handler): return 'plain'",
        "pack/__init__.py": "",
        "pack/work.py": "def run(handler): return 'pack'",
        "filter.py": "def run(handler): return 'filter'",
        "bad.py": "import json\n\njson.loads('{')\n",
        "unclosed.py": "x = 1\ndef f(:\n",
        "needs.py": "import json\nimport not_there\n",
        "stops.py": "import sys\nsys.exit(3)\n",
        "lazy.py": "def __getattr__(name):\n    raise RuntimeError(name) if name == 'run' else AttributeError(name)\n",
        "app.py": "def run(handler): return 'mine'",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    add_folder(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 1", 2),
        ("  'text'  ", "text"),
        ("(1 +\n 1)", 2),
        ("handler.name", "x"),
        ("handler.path_args[0]", "a"),
        ("handler.twice('ab')", "abab"),
        ("[handler.name + y for y in handler.path_args if handler]", ["xa", "xb"]),
        ("(lambda name: handler.name + name)('z')", "xz"),
        ("{json: json for json in 'a'}", {"a": "a"}),
        ("[y := 2, y]", [2, 2]),
        ("str", "namespace"),
        ("len('abc')", 3),
        ("str.upper('a')", "A"),
        ("json.dumps([1])", "[1]"),
        ("os.path.join('a', 'b')", "a/b"),
        ("re.sub('a', 'b', 'a')", "b"),
        ("datetime.date(2024, 1, 2).isoformat()", "2024-01-02"),
        ("xml.etree.ElementTree.fromstring('<a/>').tag", "a"),
        ("sales.RATE", 1.5),
        ("sales.total", [HANDLER, {}]),
        ("sales.total(handler.name, year=1)", ["x", {"year": 1}]),
        ("sales.Shop.open", "x"),
        ("plain.work.run", "plain"),
        ("pack.work.run(handler)", "pack"),
        ("filter.run", "filter"),
    ],
)
def test_a_function_is_a_dotted_name_or_any_expression(folder, text, value):
    result = Expression(text, ["handler"])(handler=HANDLER)
    assert (result[:9] if text == "str" else result) == value


@pytest.mark.parametrize(
    ("args", "kwargs", "given"),
    [
        (None, {}, [HANDLER, {}]),
        (None, None, [HANDLER, {}]),
        ([], {}, [{}]),
        ("=handler", {}, [HANDLER, {}]),
        (["=handler", "==x", "x=", 0, None], {}, [HANDLER, "=x", "x=", 0, None, {}]),
        (None, {"h": "=handler", "n": 1}, [{"h": HANDLER, "n": 1}]),
        (0, {"n": "=="}, [0, {"n": "="}]),
    ],
)
def test_arguments_of_a_dotted_name(folder, args, kwargs, given):
    assert Expression("sales.total", ["handler"], args, kwargs)(handler=HANDLER) == given


def test_without_arguments_all_variables_are_given_in_order(folder):
    expression = Expression("sales.total", ["content", "handler"])
    assert expression(handler=HANDLER, content="text") == ["text", HANDLER, {}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("str(", "'str(' is not a Python expression: '(' was never closed at column 4"),
        ("x = 1", "is not a Python expression"),
        ("await handler", "is not a Python expression"),
        ("", "is not a Python expression"),
        ("'a\0b'", "is not a Python expression"),
        pytest.param("(" * 5000 + ")" * 5000, "is not a Python expression", id="deep"),
        ("handlr.name", "there is no module 'handlr', did you mean 'handler'?"),
        ("no_such.run", "there is no module 'no_such': a site's own modules lie beside its YAML"),
        ("sales.totl", "module 'sales' has no 'totl', did you mean 'total'?"),
        ("sales.Shop.close", "'sales.Shop.close' is not there"),
        ("pack.nowork.run", "module 'pack' has no 'nowork'"),
        ("json", "'json' is a module: name a function in it"),
        ("bad.run", r"module 'bad' cannot be imported: JSONDecodeError: .*bad.py:3\)"),
        ("unclosed.run", r"module 'unclosed' cannot be imported: invalid syntax .*unclosed.py:2\)"),
        ("needs.run", r"module 'needs' needs 'not_there', which is not installed .*needs.py:2\)"),
        ("stops.run", r"module 'stops' cannot be imported: SystemExit: 3 .*stops.py:2\)"),
        ("lazy.run", r"lazy.run cannot be loaded: RuntimeError: run .*lazy.py:2\)"),
        ("app.run", "has the name of a module that is in use already .*: rename it"),
    ],
)
def test_what_is_wrong_with_a_function_shows_when_it_is_compiled(folder, text, message):
    with pytest.raises(ExpressionError) as error:
        Expression(text, ["handler"])
    assert message in str(error.value) or re.search(message, str(error.value))


def test_an_argument_that_names_no_variable_is_refused(folder):
    with pytest.raises(ExpressionError, match="'=handlr' names no variable here, did you mean 'handler'?"):
        Expression("sales.total", ["handler"], ["=handlr"])


def test_pandas_and_numpy_go_by_their_usual_names():
    assert Expression("pd.Series(np.arange(3)).sum()", ["handler"])(handler=HANDLER) == 3
    assert Expression("pd.isna", ["handler"])(handler=float("nan"))


def test_the_modules_of_a_folder_include_packages_without_init(folder):
    Expression("plain.work.run", ["handler"])
    Expression("pack.work.run", ["handler"])
    names = set(modules_below(folder))
    assert names == {"plain", "plain.work", "pack", "pack.work"}


def test_forgotten_modules_are_imported_anew(folder):
    Expression("plain.work.run", ["handler"])
    (folder / "plain/work.py").write_text("def run(handler): return 'a new one'")
    for name in modules_below(folder):
        del sys.modules[name]
    assert Expression("plain.work.run", ["handler"])(handler=HANDLER) == "a new one"


# In a site


def test_a_function_is_compiled_once_and_called_for_each_request(site):
    code = "calls = []\ndef count(handler):\n    calls.append(1)\n    return len(calls)\n"
    client = site("url: {a: {pattern: /a, handler: Function, kwargs: {function: counter.count}}}", {"counter.py": code})
    assert [client.get("/a").json for _ in range(3)] == [1, 2, 3]


def test_a_function_that_raises_is_500_and_the_log_says_where(site, caplog):
    code = "def fail(handler):\n    return 1 / 0\n"
    client = site("url:\n  a: {pattern: /a, handler: Function, kwargs: {function: fails.fail}}\n", {"fails.py": code})
    assert client.get("/a").status_code == 500
    assert "skerry.yaml:2:3: url.a" in caplog.text
    assert re.search(r"fails\.py\", line 2, in fail\n.*1 / 0", caplog.text)
