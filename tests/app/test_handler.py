import pytest

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def call(site):
    """`call(function, path, pattern="/f", **request)` -> the answer of a mount with that function."""

    def call(function, path="/f", pattern="/f", method="GET", **request):
        entry = f"{{pattern: '{pattern}', handler: Function, kwargs: {{function: '{function}'}}}}"
        return site(f"url: {{f: {entry}}}").open(path, method=method, **request)

    return call


def test_arguments_are_those_of_the_query_then_those_of_the_form(call):
    answer = call("handler.args", "/f?a=1&b=%20x%20&a=2", method="POST", data={"a": "3", "c": ""})
    assert answer.json == {"a": ["1", "2", "3"], "b": ["x"], "c": [""]}


def test_an_argument_that_is_not_utf_8_does_no_harm_to_the_others(call):
    answer = call("handler.args", "/f?a=%FF&b=1&c=%C3%28&c=%C3%BC", method="POST", data=b"d=%FE&e=2", content_type=FORM)
    assert answer.json == {"a": ["%FF"], "b": ["1"], "c": ["%C3(", "ü"], "d": ["%FE"], "e": ["2"]}


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ('handler.get_arg("a")', "2"),
        ('handler.get_arg("a", first=True)', "1"),
        ('handler.get_arg("z", "default")', "default"),
        ('handler.get_arg("z", None)', ""),
        ('handler.get_arg("empty", "default")', ""),
        ('handler.get_argument("a")', "2"),
        ('" ".join(handler.get_arguments("a"))', "1 2"),
        ('str(handler.get_arguments("z"))', "[]"),
    ],
)
def test_one_argument(call, function, value):
    assert call(function, "/f?a=1&a=2&empty=").text == value


def test_a_missing_argument_is_400_and_named(call):
    answer = call('handler.get_arg("year")')
    assert (answer.status_code, "missing argument 'year'" in answer.json["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("/s(a)?/(.*)", "/s/x", [[None, "x"], {}]),
        ("/(?P<_id>.*)", "/7", [[], {"_id": "7"}]),
        ("/<int:id>", "/7", [[], {"id": 7}]),
        ("/" + "(.)" * 11, "/abcdefghijk", [list("abcdefghijk"), {}]),
    ],
)
def test_groups_of_the_pattern(call, pattern, path, groups):
    assert call("[handler.path_args, handler.path_kwargs]", path, pattern).json == groups


def test_status_headers_and_text_go_into_the_answer(site):
    code = """
def answer(handler):
    handler.set_status(201)
    handler.set_header("X-One", "0")
    handler.set_header("x-one", 1)
    handler.add_header("X-Two", "a")
    handler.add_header("X-Two", "b")
    handler.write("written, ")
    return "returned"
"""
    yaml = "url: {f: {pattern: /f, handler: Function, kwargs: {function: answers.answer}}}"
    answer = site(yaml, {"answers.py": code}).get("/f")
    assert (answer.status_code, answer.text) == (201, "written, returned")
    assert [answer.headers.getlist(name) for name in ("X-One", "X-Two")] == [["1"], ["a", "b"]]


def test_the_mount_is_known_by_name_and_settings(call):
    answer = call("[handler.name, handler.kwargs.function, handler.request.path]")
    assert answer.json == ["f", "[handler.name, handler.kwargs.function, handler.request.path]", "/f"]


@pytest.mark.parametrize(
    "name, value", [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("X-A", "日本")], ids=["lines", "name", "text"]
)
def test_a_header_that_cannot_be_sent_fails_where_it_is_set(site, name, value):
    client = site(
        """
        url: {set: {pattern: /, handler: Function, kwargs: {function: headers.set}}}
        """,
        files={"headers.py": f"def set(handler):\n    handler.set_header({name!r}, {value!r})\n"},
    )
    answer = client.get("/")
    assert answer.status_code == 500
    assert "X-B" not in answer.headers
