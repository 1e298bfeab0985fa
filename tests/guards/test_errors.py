import logging

import pytest

MOUNT = """
    url:
      it: {{pattern: '/it/?(.*)', handler: Function, kwargs: {{function: {function}, error: {error}}}}}
"""
BROWSER = {"Accept": "text/html"}


def test_a_template_answers_its_code(site):
    client = site(
        MOUNT.format(function="flask.abort(404)", error="{404: {path: pages/404.html}}"),
        {"pages/404.html": "{{ status_code }} {{ handler.name }} {{ kwargs.exc_info[1].code }}"},
    )
    answer = client.get("/it")
    assert (answer.status_code, answer.text, answer.content_type) == (404, "404 it 404", "text/html; charset=utf-8")


def test_codes_without_a_page_get_the_usual_answer(site):
    client = site(MOUNT.format(function="flask.abort(409)", error="{404: {path: 404.html}}"), {"404.html": "x"})
    assert client.get("/it").json["status"] == 409


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 409, 418, 429, 451, 500, 503, 507])
def test_every_code_of_an_error_can_have_a_page(site, code):
    yaml = MOUNT.format(function="str(1)", error=f"{{{code}: {{function: str(status_code)}}}}")
    client = site(yaml.replace("error:", f"validate: {{function: 'False', code: {code}}}, error:"))
    answer = client.get("/it")
    assert (answer.status_code, answer.text) == (code, str(code))


def test_a_function_that_raises_gets_the_page_for_500(site, caplog):
    client = site(
        MOUNT.format(function="1 / 0", error="{500: {path: 500.html}}"),
        {"500.html": "{{ kwargs.exc_info[0].__name__ }}: {{ kwargs.exc_info[1] }}"},
    )
    assert client.get("/it").text == "ZeroDivisionError: division by zero"
    assert "Traceback" in caplog.text


def test_a_gramex_site_has_tornado_templates(site):
    client = site(
        MOUNT.format(function="flask.abort(404)", error="{404: {path: 404.html}}"),
        {"404.html": "{% if status_code == 404 %}no {{ handler.path_args[0] }}{% end %}"},
        name="gramex.yaml",
    )
    assert client.get("/it/<b>").text == "no &lt;b&gt;"


@pytest.mark.parametrize(
    ("file", "content_type"),
    [("e.html", "text/html; charset=utf-8"), ("e.txt", "text/plain; charset=utf-8"), ("e.json", "application/json")],
)
def test_the_extension_gives_the_content_type(site, file, content_type):
    client = site(MOUNT.format(function="flask.abort(404)", error=f"{{404: {{path: {file}}}}}"), {file: "{}"})
    assert client.get("/it").content_type == content_type


@pytest.mark.parametrize(
    ("function", "content_type"),
    [
        ("'<b>sorry</b>'", "text/html; charset=utf-8"),
        ("{'sorry': status_code}", "application/json"),
        ("flask.Response('sorry', mimetype='text/plain')", "text/plain; charset=utf-8"),
        ("handler.set_header('Content-Type', 'text/csv') or 'sorry'", "text/csv"),
    ],
)
def test_a_function_may_choose_the_content_type(site, function, content_type):
    client = site(MOUNT.format(function="flask.abort(404)", error=f'{{404: {{function: "{function}"}}}}'))
    answer = client.get("/it")
    assert (answer.status_code, answer.content_type) == (404, content_type)
    assert "sorry" in answer.text


def test_a_function_takes_args_and_kwargs(site):
    error = '{404: {function: pages.no, args: ["=status_code", 5], kwargs: {who: "=handler"}}}'
    client = site(
        MOUNT.format(function="flask.abort(404)", error=error),
        {"pages.py": "def no(code, number, who): return f'{code} {number} {who.name}'"},
    )
    assert client.get("/it").text == "404 5 it"


def test_headers_are_added_and_win(site):
    error = "{404: {path: e.html, headers: {Content-Type: text/x-own, X-Why: gone}}}"
    headers = site(MOUNT.format(function="flask.abort(404)", error=error), {"e.html": "x"}).get("/it").headers
    assert (headers["Content-Type"], headers["X-Why"]) == ("text/x-own", "gone")


@pytest.mark.parametrize(("autoescape", "text"), [("true", "&lt;i&gt;"), ("false", "<i>")])
def test_values_are_escaped_unless_asked(site, autoescape, text):
    error = f"{{404: {{path: e.html, autoescape: {autoescape}}}}}"
    client = site(MOUNT.format(function="flask.abort(404)", error=error), {"e.html": "{{ handler.get_arg('q', '') }}"})
    assert client.get("/it?q=<i>").text == text


@pytest.mark.parametrize(
    "error",
    ["{404: {path: e.html}}", "{404: {function: 1 / 0}}", "{404: {function: '5'}}"],
    ids=["template", "function", "no-page"],
)
def test_a_page_that_fails_is_logged_and_the_usual_answer_sent(site, caplog, error):
    client = site(MOUNT.format(function="flask.abort(404)", error=error), {"e.html": "{{ 1 / 0 }}"})
    answer = client.get("/it")
    assert (answer.status_code, answer.json["status"]) == (404, 404)
    assert "the page for 404 failed" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


def test_the_line_of_a_template_that_fails_is_in_the_log(site, caplog):
    client = site(
        MOUNT.format(function="flask.abort(404)", error="{404: {path: e.html}}"), {"e.html": "one\n\n{{ 1 / 0 }}"}
    )
    client.get("/it")
    assert 'e.html", line 3' in caplog.text


def test_headers_of_the_failure_stay(site):
    yaml = MOUNT.format(function="str(1)", error="{405: {path: e.html}}").replace("error:", "methods: GET, error:")
    assert "GET" in site(yaml.replace("GET,", "[GET],"), {"e.html": "x"}).post("/it").headers["Allow"]


def test_a_response_that_the_function_aborts_with_is_sent(site):
    function = "\"flask.abort(flask.Response('mine', 404))\""
    client = site(MOUNT.format(function=function, error="{404: {path: e.html}}"), {"e.html": "page"})
    assert client.get("/it").text == "mine"


def test_head_gets_the_headers_of_the_page(site):
    client = site(MOUNT.format(function="flask.abort(404)", error="{404: {path: e.html}}"), {"e.html": "page"})
    answer = client.head("/it")
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (404, b"", "4")


def test_the_log_line_says_what_failed(site, capfd):
    client = site(MOUNT.format(function="\"flask.abort(404, 'no tea')\"", error="{404: {function: str(1)}}"))
    client.get("/it")
    assert '"error":"NotFound: no tea"' in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("{404: {path: none.html}}", "there is no file"),
        ("{404: {}}", "needs `path:`"),
        ("{404: {path: e.html, function: str(1)}}", "one of them"),
        ("{200: {path: e.html}}", "not the status of an error"),
        ("{404: {path: e.html, whitespace: some}}", "'all', 'single' or 'oneline'"),
        ("{404: {function: nosuch.page}}", "nosuch"),
    ],
)
def test_mistakes_are_found_when_the_site_is_checked(site, caplog, error, message):
    with caplog.at_level(logging.ERROR):
        client = site(MOUNT.format(function="str(1)", error=error), {"e.html": "x"})
    assert message in caplog.text
    assert client.get("/it", headers=BROWSER).status_code == 500


def test_a_function_that_does_not_compile_is_a_mistake_at_its_key(site):
    client = site(
        """
        url:
          hello:
            pattern: /
            handler: Function
            kwargs: {function: str("x"), error: {404: {function: no_such_module.page}}}
        """
    )
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert mistake.path == ("url", "hello", "kwargs", "error", 404, "function")
    assert "there is no module 'no_such_module'" in mistake.message
