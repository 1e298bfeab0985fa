"""`gramex.transforms`, and the configs that code reads by itself."""

import asyncio
import os
import re

import pytest

from app.compat import set_variables, variables
from app.compat.functions import handler_expr, once, template, time_key
from app.compat.gramex.config import PathConfig, ioloop_running
from app.compat.gramex.transforms import build_pipeline, build_transform
from app.expressions import ExpressionError

# Functions of YAML


@pytest.mark.parametrize(
    ("conf", "given", "result"),
    [
        ({"function": "content.upper()"}, {"content": "a"}, ["A"]),
        ({"function": "content + str(n)"}, {"content": "a", "n": 2}, ["a2"]),
        ({"function": "content + str(n)"}, {"content": "a"}, ["a1"]),
        ({"function": "str.join", "args": ["-", "=content"]}, {"content": "ab"}, ["a-b"]),
        ({"function": "dict", "kwargs": {"x": "=n", "y": "==n"}}, {}, [{"x": 1, "y": "=n"}]),
        ({"function": "(x for x in content)"}, {"content": "ab"}, ["a", "b"]),
        ({"function": [{"name": "m", "function": "n + 1"}, "m * 2"]}, {"n": 4}, [10]),
    ],
)
def test_a_transform_is_a_function_of_its_variables(conf, given, result):
    assert list(build_transform(conf, vars={"content": "", "n": 1})(**given)) == result


def test_variables_may_be_given_by_position():
    assert build_transform({"function": "[a, b]"}, vars={"a": 0, "b": 1}, iter=False)(5) == [5, 1]


def test_a_pipeline_is_a_function_as_well():
    pipeline = build_pipeline([{"name": "x", "function": "n + 1"}, "x * n"], vars={"n": 0}, iter=False)
    assert (pipeline(n=2), pipeline()) == (6, 0)


def test_a_mistake_in_a_transform_names_where_it_stands():
    with pytest.raises(ExpressionError, match="^url:a: there is no module 'contnt', did you mean 'content'"):
        build_transform({"function": "contnt"}, vars={"content": ""}, filename="url:a")


def test_code_may_build_transforms(run):
    code = (
        "from gramex.transforms import build_transform\nf = build_transform({'function': 'old.twice(x)'}, {'x': 1})\n"
    )
    code = code.replace("f = ", "def twice(x): return 2 * x\ndef f(x): return ").replace("'x': 1})", "'x': 1})(x)")
    assert run(code + "def run(handler): return f(4)\n").json == [8]


# Names of expressions


def test_once_is_true_once_for_each_key_and_is_remembered_on_disk(tmp_path):
    set_variables({"GRAMEXDATA": str(tmp_path)})
    assert [once("a"), once("a", 1), once("a"), once()] == [True, True, False, True]
    assert (tmp_path / "once.db").exists()


def test_once_is_shared_by_all_workers(serve):
    yaml = "url: {f: {pattern: /f, handler: Function, kwargs: {function: work.run}}}"
    code = "from gramex.transforms import once\nimport os\ndef run(handler): return [once(os.getpid()), once('a')]\n"
    server = serve(yaml, {"work.py": code}, workers=2)
    answers = [server.get("/f").text for _ in range(8)]
    assert sum(answer.endswith("true]") for answer in answers) == 1


def test_a_time_key_is_the_time_in_utc():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d", time_key("%Y-%m-%d %H"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "GET"),
        ("ip", "127.0.0.1"),
        ("name", "f"),
        ("args.x", "1"),
        ("headers.X-A", "b"),
        ("request.path", "/f"),
        ("request.uri", "/f?x=1"),
        ("env.HOME", os.environ["HOME"]),
        ("args.none", ""),
    ],
)
def test_a_handler_expression_is_a_key_of_the_log(run, key, value):
    code = f"from gramex.transforms import handler_expr\ndef run(handler): return handler_expr({key!r})(handler)\n"
    assert run(code, "/f?x=1", headers={"X-A": "b"}).text == value


@pytest.mark.parametrize("key", ["status", "metod", "arg.x", "args"])
def test_a_handler_expression_of_an_unknown_key_is_refused(key):
    with pytest.raises(ValueError, match=f"there is no key '{key}'"):
        handler_expr(key)


def test_a_template_is_rendered_with_the_handlers_folder_and_its_names(tmp_path):
    (tmp_path / "base.html").write_text("[{% block body %}{% end %}]")
    handler = type("Handler", (), {"file": tmp_path / "a.html", "request": None})()
    text = '{% extends "base.html" %}{% block body %}{{ x }}{{ handler.file.name }}{% end %}'
    assert template(text, handler, x="<") == b"[&lt;a.html]"


# Configs


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "b.yaml").write_text("deep: {b: 2}")
    (tmp_path / "a.yaml").write_text("import: b.yaml\na: $TOP\ndeep: {a: 1}\n")
    set_variables({"TOP": "here", "SKERRY_SET": "a=other"})
    return PathConfig(tmp_path / "a.yaml")


def test_a_config_is_read_with_imports_and_the_sites_variables(conf):
    assert (conf, conf.deep.b) == ({"a": "here", "deep": {"a": 1, "b": 2}}, 2)


def test_a_config_is_read_again_when_one_of_its_files_has_changed(conf, tmp_path):
    deep = conf.deep
    assert (+conf) is conf and conf.deep is deep
    (tmp_path / "b.yaml").write_text("deep: {b: 333}")
    assert (+conf).deep.b == 333


def test_mistakes_of_a_config_go_to_the_log(tmp_path, caplog):
    (tmp_path / "a.yaml").write_text("a: 1\nimport: none.yaml\n")
    assert PathConfig(tmp_path / "a.yaml") == {"a": 1}
    assert "a.yaml:2:9: import: no such file" in caplog.text


def test_whether_a_loop_runs():
    async def look():
        return ioloop_running(asyncio.get_running_loop())

    loop = asyncio.new_event_loop()
    assert (ioloop_running(loop), asyncio.run(look())) == (False, True)
    loop.close()


def test_the_variables_are_those_of_the_site_that_serves(old_site):
    code = "from gramex.config import variables\nTOP = variables.TOP\ndef run(handler): return [TOP, variables.TOP]\n"
    client = old_site(code, variables="{TOP: one}")
    running, file = client.app.extensions["skerry"], client.folder / "gramex.yaml"
    good = file.read_text()
    file.write_text(good.replace("one", "two").replace("old.run", "old.gone"))
    assert (running.reload_if_changed(), client.get("/f").json) == (False, ["one", "one"])
    file.write_text(good.replace("one", "three"))
    assert (running.reload_if_changed(), variables.TOP) == (True, "three")
