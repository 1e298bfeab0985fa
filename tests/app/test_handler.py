import io

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


def test_an_argument_that_is_not_utf_8_is_dropped_and_logged(call, caplog):
    path = "/f?a=%FF&b=1&c=%C3%28&c=%C3%BC&%FD=3"
    answer = call("handler.args", path, method="POST", data=b"d=%FE&e=2&f=\xff", content_type=FORM)
    assert answer.json == {"b": ["1"], "e": ["2"]}
    assert [f"argument {name!r} is not UTF-8" in caplog.text for name in "acdfý"] == [True] * 5


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ('handler.get_arg("a")', "3"),
        ('handler.get_arg("a", first=True)', "1"),
        ('handler.get_arg("z", "default")', "default"),
        ('handler.get_arg("z", None)', ""),
        ('handler.get_arg("empty", "default")', ""),
        ('handler.get_argument("a")', "3"),
        ('" ".join(handler.get_arguments("a"))', "1 2 3"),
        ('str(handler.get_arguments("z"))', "[]"),
        ('handler.get_argument("s", strip=False)', " s "),
        ('handler.get_argument("s")', "s"),
        ('handler.get_query_argument("a")', "2"),
        ('handler.get_body_argument("a")', "3"),
        ('handler.get_body_argument("s", "none")', "none"),
        ('str(handler.get_query_arguments("s", strip=False))', "[' s ']"),
        ('str(handler.get_body_arguments("a"))', "['3']"),
        ('str(handler.request.arguments["a"])', "[b'1', b'2', b'3']"),
        ('str(handler.request.query_arguments["a"])', "[b'1', b'2']"),
        ("str(handler.request.body_arguments)", "{'a': [b'3']}"),
    ],
)
def test_one_argument(call, function, value):
    assert call(function, "/f?a=1&a=2&empty=&s=+s+", method="POST", data={"a": "3"}).text == value


@pytest.mark.parametrize("name", ["get_arg", "get_argument", "get_query_argument", "get_body_argument"])
def test_a_missing_argument_is_400_and_named(call, name):
    answer = call(f'handler.{name}("year")')
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


# argparse

ARGS = "/f?x=1&x=2&y=b&n=7&n=8&empty="


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ('"x"', {"x": "2", "y": "b", "n": "7", "empty": ""}),
        ('None, "x"', {"x": "2"}),
        ('list, "x"', {"x": ["1", "2"], "y": ["b"], "n": ["7", "8"], "empty": [""]}),
        ('str, "x"', {"x": "2", "y": "b", "n": "7", "empty": ""}),
        ('None, z={"default": 3}', {"z": 3}),
        ("None, z={}", {}),
        ('None, z={"name": "n"}', {"z": "8"}),
        ('None, n={"type": int}', {"n": 8}),
        ('None, n={"type": int, "default": 1}', {"n": 8}),
        ('None, n={"type": int, "nargs": "*"}', {"n": [7, 8]}),
        ('None, n={"nargs": "+"}', {"n": ["7", "8"]}),
        ('None, n={"nargs": 1}', {"n": ["7"]}),
        ('None, n={"nargs": 3}', {"n": ["7", "8", ""]}),
        ('None, z={"nargs": "*"}', {"z": []}),
        ('None, z={"nargs": "*", "default": [1]}', {"z": [1]}),
        ('None, y={"choices": ["a", "b"]}', {"y": "b"}),
        ('None, n={"type": int, "choices": range(10)}', {"n": 8}),
        ('None, empty={"type": bool}, x={"type": bool}', {"empty": False, "x": True}),
    ],
)
def test_argparse_gives_what_is_asked_for(call, asked, value):
    assert call(f"handler.argparse({asked})", ARGS).json == value


def test_argparse_gives_attributes_and_bytes(call):
    assert call('handler.argparse(bytes, "x").x + handler.argparse(bytes).y', ARGS).data == b"2b"


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ('"z"', "z: missing ?z="),
        ('z={"required": True}', "z: missing ?z="),
        ('z={"name": "q", "required": True}', "z: missing ?q="),
        ('y={"type": int}', "y: type error ?y='b': should be int"),
        ('y={"type": decimal.Decimal}', "y: type error ?y='b': should be Decimal"),
        ('n={"nargs": 3, "type": int}', "n: type error ?n='': should be int"),
        ('x={"choices": ["M", "F"]}', "x: invalid choice ?x='1': should be one of M, F"),
        ('x={"nargs": "*", "type": int, "choices": [1]}', "x: invalid choice ?x=2: should be one of 1"),
    ],
)
def test_argparse_refuses_by_400_naming_argument_value_and_what_is_wanted(call, asked, detail):
    answer = call(f"handler.argparse({asked})", ARGS)
    assert (answer.status_code, answer.json["detail"]) == (400, detail)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ('x={"tpye": int}', "argparse: x: there is no option 'tpye', did you mean 'type'?"),
        ('x={"nargs": "?"}', "argparse: x: nargs should be a number, '*' or '+', not '?'"),
    ],
)
def test_a_wrong_option_of_argparse_is_the_sites_mistake(call, caplog, asked, message):
    assert call(f"handler.argparse({asked})", ARGS).status_code == 500
    assert message in caplog.text


# The request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "PUT"),
        ("path", "/f"),
        ("uri", "/f?a=%20b&c"),
        ("query", "a=%20b&c"),
        ("body", "text"),
        ("remote_ip", "127.0.0.1"),
        ("protocol", "http"),
        ("host", "localhost"),
        ("full_url()", "http://localhost/f?a=%20b&c"),
        ("version", "HTTP/1.1"),
        ('headers["x-one"]', "1"),
        ('headers.get("X-Two", "none")', "none"),
        ('args["a"]', " b"),
        ("request_time() < 5", "true"),
        ("get_data(as_text=True)", "text"),
    ],
)
def test_the_request_has_tornados_names_and_flasks(call, name, value):
    answer = call(f"handler.request.{name}", "/f?a=%20b&c", method="PUT", data=b"text", headers={"X-One": "1"})
    assert answer.text == value


def test_cookies_are_text_with_a_value(site):
    values = '[handler.request.cookies["c"].value, handler.request.cookies.get("c"), handler.get_cookie("d", 1)]'
    client = site(f"url: {{f: {{pattern: /f, handler: Function, kwargs: {{function: '{values}'}}}}}}")
    client.set_cookie("c", "ü")
    assert client.get("/f").json == ["ü", "ü", 1]


def test_files_of_a_form_are_lists_of_name_content_and_type(call):
    data = {"up": [(io.BytesIO(b"one"), "a.txt"), (io.BytesIO(b"two"), "b.csv")], "x": "1"}
    function = '[[f.filename, f["body"].decode(), f["content_type"]] for f in handler.request.files["up"]]'
    function += " + [list(handler.request.files), handler.args]"
    answer = call(function.replace("'", "''"), method="POST", data=data)
    assert answer.json == [["a.txt", "one", "text/plain"], ["b.csv", "two", "text/csv"], ["up"], {"x": ["1"]}]


def test_the_body_of_a_form_is_there_after_its_arguments(call):
    answer = call("[handler.args, handler.request.body.decode()]", method="POST", data={"a": "1"})
    assert answer.json == [{"a": ["1"]}, "a=1"]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (None, ["/f?a", "http://localhost/f?a"]),
        ("/app/f", ["/app/f", "http://localhost/app/f"]),
        ("https://x.example/f", ["https://x.example/f", "https://x.example/f"]),
    ],
)
def test_what_a_proxy_was_asked_for_is_known(call, header, values):
    headers = {"X-Request-URI": header} if header else {}
    assert call("[handler.xrequest_uri, handler.xrequest_full_url]", "/f?a", headers=headers).json == values


def test_plain_flask_code_works_in_the_same_function(site):
    code = "import flask\ndef f(handler):\n    flask.g.n = 1\n    return [flask.request.args['a'], flask.g.n]\n"
    client = site("url: {f: {pattern: /f, handler: Function, kwargs: {function: plain.f}}}", {"plain.py": code})
    assert client.get("/f?a=b").json == ["b", 1]


# The mount


def test_kwargs_and_conf_are_those_of_the_yaml(site):
    client = site(
        """
        handlers: {Function: {headers: {X-A: a}}}
        url:
          7:
            pattern: /f
            handler: Function
            kwargs:
              function: >
                [handler.conf.pattern, handler.kwargs["validate"]["code"], handler.kwargs.validate.function,
                 "args" in handler.kwargs, handler.kwargs.args, handler.name]
              validate: {function: "True", code: 404}
        """
    )
    assert client.get("/f").json == ["/f", 404, "True", False, None, "7"]


def test_a_visitor_has_a_session_and_is_nobody_until_signed_in(call):
    assert call("[handler.current_user, handler.session.get('u')]".replace("'", '"')).json == [None, None]
    assert call("[handler.session.update(a=1), handler.session][1]").json == {"a": 1}


# The answer


def answer_of(site, body, files=None, name="skerry.yaml", path="/a/f"):
    code = "def answer(handler):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    yaml = "url: {f: {pattern: /a/f, handler: FunctionHandler, kwargs: {function: answers.answer}}}"
    return site(yaml, {"answers.py": code, **(files or {})}, name).get(path)


@pytest.mark.parametrize(
    ("body", "status", "location"),
    [
        ('handler.redirect("/x")', 302, "/x"),
        ('handler.redirect("x", permanent=True)', 301, "/a/x"),
        ('handler.redirect("?q=ü", status=303)', 303, "/a/f?q=%C3%BC"),
        ('return handler.redirect("https://x.example/")', 302, "https://x.example/"),
    ],
)
def test_a_function_redirects(site, body, status, location):
    answer = answer_of(site, body)
    assert (answer.status_code, answer.headers["Location"], answer.data) == (status, location, b"")


def test_the_result_after_finish_is_not_sent(site):
    answer = answer_of(site, "handler.write('a')\nhandler.finish(b'b')\nreturn 'c'")
    assert answer.text == "ab"


def test_text_after_finish_fails(site, caplog):
    assert answer_of(site, "handler.finish('a')\nhandler.write('b')").status_code == 500
    assert "the answer is finished" in caplog.text


def test_a_dict_is_written_as_json(site):
    answer = answer_of(site, "handler.write({'a': 1})\nhandler.flush()")
    assert (answer.json, answer.content_type) == ({"a": 1}, "application/json; charset=UTF-8")


def test_cookies_are_set_and_cleared(site):
    body = "handler.set_cookie('a', 'b', path='/p', expires_days=1, httponly=True)\nhandler.clear_cookie('c')"
    first, second = answer_of(site, body).headers.getlist("Set-Cookie")
    assert first.startswith("a=b; Expires=") and first.endswith("HttpOnly; Path=/p")
    assert second == "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"


def test_a_status_has_its_own_words_and_a_header_can_be_taken_back(site):
    body = "handler.set_status(404, 'No Sensor')\nhandler.set_header('X-A', 1)\nhandler.clear_header('x-a')"
    answer = answer_of(site, body)
    assert (answer.status, "X-A" in answer.headers) == ("404 No Sensor", False)


def test_an_error_is_sent_with_any_status(site):
    answer = answer_of(site, "handler.send_error(507, 'the disk is full')")
    assert (answer.status_code, answer.json["detail"]) == (507, "the disk is full")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("handler.set_status(20)", "20 is not the status of an answer"),
        ("handler.set_status(200, 'a\\r\\nb')", "should be one line"),
        ("handler.redirect('/', status=200)", "200 is not the status of a redirect"),
        ("handler.write([1])", "write takes text, bytes or a dict, not list"),
        ("handler.render('none.html')", "none.html"),
    ],
)
def test_what_cannot_be_answered_fails_where_it_is_said(site, caplog, body, message):
    assert answer_of(site, body).status_code == 500
    assert message in caplog.text


@pytest.mark.parametrize("name", ["skerry.yaml", "gramex.yaml"])
def test_a_template_of_the_site_is_rendered_with_its_values_escaped(site, name):
    page = {"t/page.html": "<p>{{ handler.name }} {{ x }} {{ request.path }}</p>"}
    answer = answer_of(site, "return handler.render('t/page.html', x='<b>')", page, name)
    assert (answer.text, answer.mimetype) == ("<p>f &lt;b&gt; /a/f</p>", "text/html")


def test_a_template_is_rendered_to_bytes(site):
    answer = answer_of(site, "return handler.render_string('page.html', x=1) + b'!'", {"page.html": "{{ x }}"})
    assert answer.text == "1!"
