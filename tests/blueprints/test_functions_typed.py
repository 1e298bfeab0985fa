"""Functions whose arguments come from the request."""

import json

import pytest

CODE = """
from __future__ import annotations

import datetime
from enum import Enum
from typing import Annotated, List, Literal, Optional, Tuple

from app.signatures import Header, handler


class Size(Enum):
    small = 1
    large = 2


@handler
def add(x: int, y: float = 0.5):
    return [x, y]


def bare(x: int, y: int = 1):
    return [x, y]


@handler
def many(x: List[int] = [], y: Tuple[int, int] = (1, 2), z=[], last="none", text: str = "t"):
    return [x, y, z, last, text]


@handler
def kinds(on: bool = False, size: Size = Size.small, part: Literal["a", "b"] = "a", day: datetime.date = None,
          limit: Optional[int] = None):
    return [on, size.name, part, day, limit]


@handler
def head(handler, user_agent: Header, x_missing: Header = "none"):
    return [handler.name, user_agent, x_missing]


@handler
def needs(x_needed: Header): ...


@handler
def body(rows: list[dict], options: dict = {}):
    return [rows, options]


@handler
def rest(first: int, *others: int, flag: bool = False, **extra: float):
    return [first, others, flag, extra]


@handler
async def later(x: int):
    return x
"""


def mount(function, kwargs="", pattern="/it"):
    kwargs = f"{{function: {json.dumps(function)}{kwargs}}}"
    return f"url: {{it: {{pattern: '{pattern}', handler: Function, kwargs: {kwargs}}}}}"


@pytest.fixture
def get(site):
    """`get(function, query)` -> the answer of a mount with the function of CODE."""

    modules = (f"own{number}" for number in range(10))

    def get(function, query="", kwargs="", pattern="/it", path="/it", name="skerry.yaml", **options):
        module = next(modules)
        client = site(mount(f"{module}.{function}", kwargs, pattern), {f"{module}.py": CODE}, name)
        return client.open(path + query, **options)

    return get


@pytest.mark.parametrize(
    ("function", "query", "result"),
    [
        ("add", "?x=1&y=2", [1, 2.0]),
        ("add", "?x=1", [1, 0.5]),
        ("add", "?x=1&y=", [1, 0.5]),
        ("add(handler)", "?x=1", [1, 0.5]),
        ("add(handler, y=9)", "?x=1", [1, 9]),
        ("add(handler, y=9)", "?x=1&y=3", [1, 3]),
        ("add(1, 2)", "", [1, 2]),
        ("add(x=1)", "", [1, 0.5]),
        ("bare", "?x=1", [1, 1]),
        ("bare(5)", "?x=1", [5, 1]),
        ("many", "?x=1&x=2&y=3&y=4&z=a&z=b&last=%20c%20", [[1, 2], [3, 4], ["a", "b"], "c", "t"]),
        ("many", "?text=", [[], [1, 2], [], "none", ""]),
        ("kinds", "", [False, "small", "a", None, None]),
        ("kinds", "?on=yes&size=2&part=b&day=2024-02-29&limit=5", [True, "large", "b", "2024-02-29", 5]),
        ("kinds", "?on=no&size=large&limit=", [False, "large", "a", None, None]),
        ("rest", "?first=1&flag=1&a=1.5", [1, [], True, {"a": 1.5}]),
        ("later", "?x=3", 3),
    ],
)
def test_arguments_come_from_the_query_by_their_hints(get, function, query, result):
    assert get(function, query).json == result


@pytest.mark.parametrize(
    ("function", "query", "detail"),
    [
        ("add", "", "argument 'x' is missing"),
        ("add", "?x=", "argument 'x' is missing"),
        ("add", "?x=a", "argument 'x' should be a whole number, not 'a'"),
        ("add", "?x=a&y=b", "argument 'x' should be a whole number, not 'a'; argument 'y' should be a number, not 'b'"),
        ("add", "?x=1&x=2", "argument 'x' is given 2 times: it takes one value"),
        ("add", "?x=1&z=2", "argument 'z' is unknown: there are x, y"),
        ("kinds", "?part=c", "argument 'part' should be one of a, b, not 'c'"),
        ("kinds", "?size=3", "argument 'size' should be one of 1, 2, not '3'"),
        ("many", "?x=1&x=b", "argument 'x' should be a whole number, not 'b'"),
        ("needs", "", "argument 'x_needed' is missing"),
        ("add", "?x=%ff", "argument 'x' should be UTF-8, not '%ff'"),
        ("add", "?%ff=1", "argument '\\\\xff' should be UTF-8, not '%ff'"),
    ],
)
def test_wrong_arguments_are_400_and_named(get, function, query, detail):
    answer = get(function, query)
    assert (answer.status_code, answer.json["detail"]) == (400, detail)


@pytest.mark.parametrize("query", ["?x=1&_=7", "?x=1&_format=json", "?x=1&gramex-key=a"])
def test_arguments_that_are_not_for_the_function_are_no_mistake(get, query):
    assert get("add", query).json == [1, 0.5]


@pytest.mark.parametrize("query", ["?x=9&x=1", "?x=1&other=1"])
def test_an_existing_site_takes_the_last_value_and_lets_others_pass(get, query):
    assert get("add", query, name="gramex.yaml").json == [1, 0.5]


def test_later_sources_override_earlier_ones(get):
    options = {"kwargs": ", args: [1], kwargs: {y: 2}"}
    assert get("add", **options).json == [1, 2]
    assert get("add", pattern="/it/(.*)", path="/it/3", **options).json == [3, 2]
    assert get("add", pattern="/it/(?P<y>.*)", path="/it/4", **options).json == [1, 4]
    assert get("add", "?y=5", **options).json == [1, 5]
    assert get("add", "?y=5", method="POST", data={"y": "6"}, **options).json == [1, 6]
    assert get("add", "?y=5", method="POST", json={"y": 7}, **options).json == [1, 7]


def test_a_header_is_read_by_the_name_of_its_parameter(get):
    assert get("head", headers={"User-Agent": "me"}).json == ["it", "me", "none"]


def test_a_json_body_brings_values_of_every_shape(get):
    answer = get("body", method="POST", json={"rows": [{"a": 1}], "options": {"b": None}})
    assert answer.json == [[{"a": 1}], {"b": None}]
    assert get("body", '?rows={"a":1}', method="POST", json={"rows": []}).json == [[], {}]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("{", "the body is not JSON"),
        (b'{"x": "\xff"}', "the body is not JSON"),
        ("[1]", "the JSON body should be an object of arguments, not list"),
        ('{"x": [1]}', "argument 'x' should be a whole number, not [1]"),
        ('{"x": "a"}', "argument 'x' should be a whole number, not 'a'"),
    ],
)
def test_bad_json_is_400(get, body, detail):
    answer = get("add", method="POST", data=body, content_type="application/json; charset=utf-8")
    assert answer.status_code == 400 and answer.json["detail"].startswith(detail)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_bytes_of_a_form_that_are_not_utf_8_are_400(get, kind):
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\xff\r\n--b--\r\n'
    answer = get("add", method="POST", data=part if "multipart" in kind else b"x=%ff", content_type=kind)
    assert answer.status_code == 400 and "argument 'x' should be UTF-8" in answer.json["detail"]


def test_groups_beyond_the_parameters_go_to_the_rest(get):
    answer = get("rest", "?a=2", pattern="/it/(.*)/(.*)/(.*)", path="/it/1/2/3")
    assert answer.json == [1, [2, 3], False, {"a": 2.0}]
