import logging

import pytest

from app.expressions import ExpressionError, Pipeline, add_folder

CODE = """
def rows(handler): return [3, 1, 2]
def scaled(rows, by=1): return [row * by for row in rows]
def given(*args): return list(args)
def fail(handler): raise ValueError("no rows")
"""


@pytest.fixture
def folder(tmp_path, forget_modules):
    (tmp_path / "steps.py").write_text(CODE)
    add_folder(tmp_path)


@pytest.mark.parametrize(
    ("stages", "value"),
    [
        pytest.param(["1 + 1"], 2, id="one"),
        pytest.param(["1", "2"], 2, id="last"),
        pytest.param([{"name": "rows", "function": "steps.rows"}, "sorted(rows)"], [1, 2, 3], id="named"),
        pytest.param([{"name": "a", "function": "1"}, {"name": "b", "function": "a + 1"}, "[a, b]"], [1, 2], id="two"),
        pytest.param([{"name": "a", "function": "1"}, {"name": "a", "function": "a + 1"}, "a"], 2, id="again"),
        pytest.param([{"name": "a", "function": "1"}, "[a + x for x in [1, 2]]"], [2, 3], id="inner"),
        pytest.param(
            [
                {"name": "rows", "function": "steps.rows(handler)"},
                {"function": "steps.scaled", "args": "=rows", "kwargs": {"by": 2}},
            ],
            [6, 2, 4],
            id="arguments",
        ),
        pytest.param([{"name": "a", "function": "1"}, "steps.given"], ["H"], id="slot"),
        pytest.param([5], 5, id="number"),
        pytest.param([True], True, id="switch"),
        pytest.param([["a", 1]], ["a", 1], id="list"),
        pytest.param([None], None, id="null"),
        pytest.param([{"name": "a", "function": 5}, "a * 2"], 10, id="named number"),
    ],
)
def test_stages_run_in_order_and_the_last_gives_the_value(folder, stages, value):
    assert Pipeline(stages, ["handler"])(handler="H") == value


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "an empty list has no function: name at least one"),
        (["1", "str("], "stage 2: 'str(' is not a Python expression"),
        (["steps.row"], "stage 1: module 'steps' has no 'row', did you mean 'rows'?"),
        (["later", {"name": "later", "function": "1"}], "stage 1: there is no module 'later'"),
        ([{"functon": "1"}], "stage 1: unknown key 'functon', did you mean 'function'?"),
        ([{"name": "a"}], "stage 1: `function` is required"),
        ([{"name": "a b", "function": "1"}], "stage 1: 'a b' cannot be a variable"),
        ([{"name": "class", "function": "1"}], "stage 1: 'class' cannot be a variable"),
        ([{"function": "steps.given", "args": "=rows"}], "stage 1: '=rows' names no variable here"),
        ([{"function": "steps.given", "kwargs": [1]}], "stage 1: `kwargs` should be a mapping"),
    ],
)
def test_a_mistake_is_told_with_the_number_of_its_stage(folder, stages, message):
    with pytest.raises(ExpressionError) as error:
        Pipeline(stages, ["handler"])
    assert message in str(error.value)


def test_what_a_stage_raises_names_the_stage(folder):
    pipeline = Pipeline(["1", {"name": "rows", "function": "steps.fail(handler)"}, "rows"], ["handler"])
    with pytest.raises(ValueError, match="no rows") as error:
        pipeline(handler="H")
    assert error.value.__notes__ == ["in stage 2 (rows) of a pipeline"]


def test_one_run_does_not_see_the_variables_of_another(folder):
    pipeline = Pipeline([{"name": "a", "function": "handler"}, "a"], ["handler"])
    assert [pipeline(handler=1), pipeline(handler=2)] == [1, 2]


# In a site

SITE = "url: {{a: {{pattern: /a, handler: Function, kwargs: {{function: {}}}}}}}"


def test_a_mount_answers_with_the_value_of_its_pipeline(site):
    client = site(
        """
        url:
          a:
            pattern: /a
            handler: FunctionHandler
            kwargs:
              function:
                - {name: rows, function: steps.rows(handler)}
                - {name: by, function: "int(handler.get_arg('by', 1))"}
                - steps.scaled(rows, by)
        """,
        {"steps.py": CODE},
    )
    assert client.get("/a?by=10").json == [30, 10, 20]


def test_a_generator_at_the_end_is_streamed(site):
    client = site(SITE.format("[{name: xs, function: '[1, 2]'}, '(str(x) for x in xs)']"))
    assert client.get("/a").text == "12"


def test_each_run_is_in_the_log_with_its_times_and_its_error(site, caplog):
    caplog.set_level(logging.DEBUG, "skerry")
    client = site(SITE.format("['1', steps.fail]"), {"steps.py": CODE})
    assert client.get("/a").status_code == 500
    assert "in stage 2 (steps.fail) of a pipeline" in caplog.text
    assert r"pipeline a: start 1" in caplog.text and "error 'ValueError: no rows'" in caplog.text


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ("function: [1, nomod.run]", "kwargs.function: stage 2: there is no module 'nomod'"),
        ("function: []", "kwargs.function: an empty list has no function"),
        ("function: [1], args: 1", "kwargs.args: `args` and `kwargs` belong to the stages of a pipeline"),
        ("function: [1], kwargs: {a: 1}", "kwargs.kwargs: `args` and `kwargs` belong to the stages of a pipeline"),
        ("function: {a: 1}", "kwargs.function: should be text in quotes"),
    ],
)
def test_mistakes_in_a_pipeline_are_told_at_their_key(site, kwargs, message):
    client = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {{{kwargs}}}}}}}")
    assert [message in str(mistake) for mistake in client.app.extensions["skerry"].application.mistakes] == [True]


def test_a_validation_may_be_a_pipeline(site):
    rule = "{function: [{name: n, function: 'int(handler.get_arg(\"n\"))'}, n > 2]}"
    client = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {{function: str(1), validate: {rule}}}}}}}")
    assert [client.get(f"/a?n={n}").status_code for n in (3, 1)] == [200, 400]
