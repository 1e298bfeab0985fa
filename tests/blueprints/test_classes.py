import time
from concurrent.futures import ThreadPoolExecutor

import pytest

CODE = """
import asyncio
from app.handler import BaseHandler, HTTPError
from app.handler.classes import FileHandler, FunctionHandler, ProcessHandler
from flask import Response, jsonify, request
from tornado import gen, web

LOG = []

"""


@pytest.fixture
def own(site):
    """`own(code, kwargs="{}", pattern="/a")` -> a client of a site whose mount is the class Own of that code."""

    def own(code, kwargs="{}", pattern="/a", files=None, name="skerry.yaml"):
        yaml = f"url: {{a: {{pattern: {pattern}, handler: mine.Own, kwargs: {kwargs}}}}}"
        return site(yaml, {"mine.py": CODE + code, **(files or {})}, name)

    return own


def mistakes(client):
    return [str(mistake) for mistake in client.app.extensions["skerry"].application.mistakes]


# The life of a handler


def test_setup_is_called_once_for_each_mount_with_its_kwargs(site):
    code = """
class Own(BaseHandler):
    @classmethod
    def setup(cls, greeting="hi", **kwargs):
        super().setup(**kwargs)
        cls.greeting = greeting
        LOG.append(greeting)
    def get(self):
        self.write({"greeting": self.greeting, "log": LOG})
"""
    yaml = "url: {a: {pattern: /a, handler: mine.Own}, b: {pattern: /b, service: mine.Own, kwargs: {greeting: yo}}}"
    client = site(yaml, {"mine.py": CODE + code})
    assert client.get("/b").json == {"greeting": "yo", "log": ["hi", "yo"]}
    assert client.get("/a").json == {"greeting": "hi", "log": ["hi", "yo"]}


def test_the_methods_are_called_in_tornados_order(own):
    code = """
class Own(BaseHandler):
    def set_default_headers(self): LOG.append("default headers")
    def initialize(self, **kwargs): LOG.append(kwargs)
    async def prepare(self): LOG.append("prepare")
    def get(self): self.write({"log": LOG})
"""
    assert own(code, "{x: 1}").get("/a").json["log"] == ["default headers", {"x": 1}, "prepare"]


def test_a_class_knows_its_mount(own):
    code = """
class Own(BaseHandler):
    @classmethod
    def setup(cls, **kwargs): cls.seen = [cls.name, cls.conf.pattern, cls.kwargs.x]
    def get(self): self.write({"class": self.seen, "self": [self.name, self.conf.handler, self.kwargs.x]})
"""
    assert own(code, "{x: 1}").get("/a").json == {"class": ["a", "/a", 1], "self": ["a", "mine.Own", 1]}


def test_defaults_of_handlers_count_for_a_dotted_name(site):
    code = "class Own(BaseHandler):\n    def get(self): self.write(dict(self.kwargs))\n"
    yaml = """
        handlers: {BaseHandler: {headers: {X-A: b}}, mine.Own: {x: 1, y: 1}}
        url: {a: {pattern: /a, handler: mine.Own, kwargs: {y: 2}}}
    """
    answer = site(yaml, {"mine.py": CODE + code}).get("/a")
    assert answer.json == {"y": 2, "x": 1, "headers": {"X-A": "b"}}
    assert answer.headers["X-A"] == "b"


@pytest.mark.parametrize(
    ("pattern", "parameters", "path", "values"),
    [
        ("/a/(.*)/(.*)", "self, x, y", "/a/1/2", ["1", "2"]),
        ("/a(/.*)?", "self, x, y=5", "/a", [None, 5]),
        ("/a/(?P<y>.*)/(?P<x>.*)", "self, x, y", "/a/1/2", ["2", "1"]),
        ("/a/<int:x>", "self, x, y=5", "/a/1", [1, 5]),
    ],
    ids=["positional", "that took no part", "named", "placeholders"],
)
def test_groups_of_the_pattern_are_arguments(own, pattern, parameters, path, values):
    client = own(
        f"class Own(BaseHandler):\n    def get({parameters}): self.write(dict(v=[x, y]))", pattern=f"'{pattern}'"
    )
    assert client.get(path).json == {"v": values}


@pytest.mark.parametrize(
    "method",
    [
        "def get(self): self.write('ok')",
        "async def get(self):\n        await asyncio.sleep(0)\n        self.write('ok')\n        return 'ignored'",
        "@gen.coroutine\n    def get(self):\n        yield gen.sleep(0)\n        self.write('ok')",
        "def get(self): return self.later()\n    async def later(self): self.finish('ok')",
        "def get(self): return Response('ok')",
        "async def get(self): return Response('ok')",
        "def get(self):\n        self.write('ok')\n        raise web.Finish()",
        "def prepare(self): self.finish('ok')\n    def get(self): self.write('no')",
        "@gen.coroutine\n    def prepare(self):\n        yield gen.sleep(0)\n        self.finish('ok')\n"
        "    def get(self): self.write('no')",
    ],
    ids=["plain", "coroutine", "Tornado's coroutine", "returns one", "response", "coroutine's response", "Finish"]
    + ["prepare finishes", "prepare of Tornado finishes"],
)  # fmt: skip
def test_what_is_written_is_sent(own, method):
    answer = own(f"class Own(BaseHandler):\n    {method}\n").get("/a")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.content_type == "text/html; charset=utf-8"


def test_a_plain_method_that_returns_what_it_should_write_fails(own, caplog):
    assert own("class Own(BaseHandler):\n    def get(self): return 'x'").get("/a").status_code == 500
    assert "Own.get returned a str: write it, or return a response" in caplog.text


@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_a_method_that_the_class_does_not_define_is_405(own, method):
    answer = own("class Own(BaseHandler):\n    def get(self): pass").open("/a", method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_methods_of_the_yaml_limit_those_of_the_class(own):
    code = "class Own(BaseHandler):\n    def get(self): pass\n    def post(self): self.write('ok')\n"
    client = own(code, "{methods: [POST, PUT]}")
    statuses = {method: client.open("/a", method=method).status_code for method in ("GET", "POST", "PUT")}
    assert statuses == {"GET": 405, "POST": 200, "PUT": 405}


def test_methods_may_be_given_in_setup(own):
    code = """
class Own(BaseHandler):
    @classmethod
    def setup(cls, **kwargs): cls.post = cls.get
    def get(self): self.write(self.request.method)
"""
    assert own(code).post("/a").text == "POST"


# After the answer, and failures


@pytest.mark.parametrize(
    ("method", "status"),
    [("pass", 200), ("self.set_status(201)", 201), ("1 / 0", 500), ("raise web.HTTPError(404)", 404)],
)
def test_on_finish_comes_after_the_answer(own, method, status):
    code = f"""
class Own(BaseHandler):
    def get(self): {method}
    def post(self): self.write(dict(log=LOG))
    def on_finish(self): LOG.append([request.path, self.get_status()])
"""
    client = own(code)
    with client.get("/a") as answer:
        assert answer.status_code == status
    assert client.post("/a").json == {"log": [["/a", status]]}


def test_an_on_finish_that_fails_is_logged(own, caplog):
    code = "class Own(BaseHandler):\n    def get(self): self.write('ok')\n    def on_finish(self): 1 / 0\n"
    with own(code).get("/a") as answer:
        assert answer.text == "ok"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        ("raise HTTPError(418, 'tea')", 418, "tea"),
        ("raise web.HTTPError(409, reason='Taken')", 409, "Taken"),
        ("self.send_error(403, 'no')", 403, "no"),
        ("self.get_argument('x')", 400, "missing argument 'x': add ?x=…"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_refusals_are_answered_as_everywhere(own, kind, error, status, detail):
    answer = own(f"class Own(BaseHandler):\n    {kind} get(self): {error}").get("/a")
    assert (answer.status_code, answer.json["detail"]) == (status, detail)


WITH_PAGE = """
class Own(BaseHandler):
    def get(self):
        self.write("lost")
        self.set_header("X-Lost", "1")
        raise eval(self.get_argument("error"))
    def write_error(self, status_code, **kwargs):
        if status_code == 410:
            return super().write_error(status_code, **kwargs)
        self.write(f"{status_code}: {kwargs['exc_info'][0].__name__}")
"""


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [("ValueError()", 500, "500: ValueError"), ("web.HTTPError(404)", 404, "404: HTTPError")],
)
def test_a_class_may_write_the_page_of_a_failure(own, caplog, error, status, text):
    answer = own(WITH_PAGE).get("/a", query_string={"error": error})
    assert (answer.status_code, answer.text) == (status, text)
    assert "X-Lost" not in answer.headers
    assert ("ValueError" in caplog.text) == (status == 500)


def test_a_failure_that_the_class_leaves_is_answered_as_everywhere(own):
    answer = own(WITH_PAGE).get("/a", query_string={"error": "web.HTTPError(410, reason='moved away')"})
    assert (answer.status_code, answer.json["detail"]) == (410, "moved away")


def test_an_error_page_of_the_yaml_wins(own):
    client = own(WITH_PAGE, "{error: {404: {function: str('page')}}}")
    assert client.get("/a", query_string={"error": "web.HTTPError(404)"}).text == "page"


def test_sys_exit_is_a_failure(own):
    assert own("class Own(BaseHandler):\n    def get(self): raise SystemExit(0)").get("/a").status_code == 500


# Guards and templates


@pytest.mark.parametrize(
    ("kwargs", "status", "header"),
    [
        ("{headers: {X-A: b}}", 200, ("X-A", "b")),
        ("{validate: 'handler.get_arg(\"x\", None)'}", 400, None),
        ("{redirect: /next}", 302, ("Location", "/next")),
        ("{cors: true}", 200, ("Access-Control-Allow-Origin", "*")),
    ],
    ids=["headers", "validate", "redirect", "cors"],
)
def test_guards_work_with_a_class(own, kwargs, status, header):
    answer = own("class Own(BaseHandler):\n    def get(self): self.write('ok')", kwargs).get(
        "/a", headers={"Origin": "http://o"}
    )
    assert answer.status_code == status
    assert header is None or answer.headers[header[0]] == header[1]


def test_a_class_may_add_to_what_templates_see(own):
    code = """
class Own(BaseHandler):
    def get(self): self.render("t.html", y=2)
    def get_template_namespace(self): return super().get_template_namespace() | {"x": 1, "y": 1}
"""
    assert own(code, files={"t.html": "{{ x }} {{ y }} {{ handler.name }}"}).get("/a").text == "1 2 a"


# Classes of the features


@pytest.mark.parametrize(
    "method",
    [
        "def get(self):\n        self.write('<')\n        super().get()\n        self.write('>')",
        "async def get(self):\n        self.write('<')\n        await super().get()\n        self.write('>')",
        "def prepare(self): self.write('<')\n    @gen.coroutine\n    def get(self):\n"
        "        yield super().get()\n        self.write('>')",
        "def prepare(self): self.write('<')\n    def get(self):\n        super().get()\n        return self.more()\n"
        "    async def more(self): self.finish('>')",
        "def prepare(self): self.write('<')\n    def get(self):\n        super().get()\n        self.finish('>')",
    ],
    ids=["plain", "coroutine", "Tornado's coroutine", "returns one", "finish"],
)  # fmt: skip
@pytest.mark.parametrize("function", ["mine.text", "mine.later", "mine.parts"], ids=["plain", "coroutine", "generator"])
def test_a_class_writes_around_the_answer_of_its_feature(own, method, function):
    code = f"""
class Own(FunctionHandler):
    {method}
def text(handler): return "ok"
async def later(handler):
    await asyncio.sleep(0)
    return "ok"
def parts(handler):
    yield "o"
    yield "k"
"""
    answer = own(code, f"{{function: {function}}}").get("/a")
    assert (answer.status_code, answer.text) == (200, "<ok>")


def test_functions_get_a_handler_with_the_attributes_of_the_class(own):
    code = """
class Own(FunctionHandler):
    def prepare(self):
        self.who = "you"
        self.set_cookie("c", "1")
    def twice(self): return self.who * 2
def hello(handler):
    handler.set_header("X-A", "b")
    handler.write("hello ")
    return handler.twice()
"""
    answer = own(code, "{function: mine.hello}").get("/a")
    assert answer.text == "hello youyou"
    assert (answer.headers["X-A"], answer.headers.getlist("Set-Cookie")) == ("b", ["c=1; Path=/"])


def test_what_a_class_does_not_define_is_the_features(own):
    code = "class Own(FunctionHandler):\n    def put(self): self.write('own')\n"
    client = own(code, "{function: str(handler.request.method)}")
    assert (client.get("/a").text, client.post("/a").text, client.put("/a").text) == ("GET", "POST", "own")


def test_a_class_has_the_methods_of_its_feature_and_its_own(own):
    client = own("class Own(ProcessHandler):\n    def delete(self): self.set_status(204)", "{args: [echo, hi]}")
    assert (client.get("/a").text, client.delete("/a").status_code) == ("hi\n", 204)
    assert client.put("/a").status_code == 405


def test_a_class_may_change_the_groups_that_its_feature_gets(own):
    code = """
class Own(FileHandler):
    def get(self, path):
        super().get("pages/" + path)
        self.set_header("X-Count", "7")
        self.set_cookie("c", "1")
"""
    answer = own(code, "{path: .}", "/a/(.*)", {"pages/x.html": "page"}).get("/a/x.html")
    assert (answer.text, answer.headers["X-Count"]) == ("page", "7")
    assert answer.headers.getlist("Set-Cookie") == ["c=1; Path=/"]
    assert answer.headers["ETag"]


def test_text_around_a_file_takes_what_is_said_of_the_file_alone(own):
    code = "class Own(FileHandler):\n    def get(self):\n        super().get()\n        self.write('!')\n"
    answer = own(code, "{path: x.html}", files={"x.html": "page"}).get("/a")
    assert answer.text == "page!"
    assert "ETag" not in answer.headers


def test_a_class_gives_its_feature_settings_and_keeps_its_own(own):
    code = """
class Own(FunctionHandler):
    @classmethod
    def setup(cls, who, **kwargs):
        super().setup(function="mine.hello", kwargs={"who": who})
def hello(who): return f"hello {who}"
"""
    assert own(code, "{who: you}").get("/a").text == "hello you"


def test_defaults_of_a_features_settings_are_attributes_of_kwargs(own):
    code = "class Own(FileHandler):\n    def get(self): self.write({'index': self.kwargs.index})\n"
    assert own(code, "{path: .}").get("/a").json == {"index": False}


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_class_may_answer_a_failure_of_its_feature(own, kind):
    wait = "await " if kind == "async def" else ""
    code = f"""
from werkzeug.exceptions import NotFound
class Own(FileHandler):
    {kind} get(self, path):
        try:
            {wait}super().get(path)
        except NotFound:
            self.write("none of that")
"""
    assert own(code, "{path: pages}", "/a/(.*)", {"pages/x": ""}).get("/a/y").text == "none of that"


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_failure_of_the_feature_is_that_of_the_request(own, kind):
    wait = "await " if kind == "async def" else ""
    code = f"class Own(FileHandler):\n    {kind} get(self, path): {wait}super().get(path)\n"
    assert own(code, "{path: pages}", "/a/(.*)", {"pages/x": ""}).get("/a/y").status_code == 404


# Mistakes


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("nope.Own", "1:33: url.a.handler: there is no module 'nope': a site's own modules lie beside its YAML"),
        ("mine.Owm", "1:33: url.a.handler: module 'mine' has no 'Owm', did you mean 'Own'?"),
        ("mine.Own.x", "1:33: url.a.handler: 'mine.Own.x' is not there: type object 'Own' has no attribute 'x'"),
        ("mine.Plain", "1:33: url.a.handler: mine.Plain is not a handler: derive it from BaseHandler"),
        ("mine.run", "1:33: url.a.handler: mine.run is no class: for a function, use `handler: Function`"),
        ("app.handler", "1:33: url.a.handler: app.handler is a module: name a class in it"),
        ("mine..Own", "1:33: url.a.handler: 'mine..Own' is not the name of a class: write module.Class"),
        ("broken.Own", "1:33: url.a.handler: module 'broken' cannot be imported: ZeroDivisionError"),
        ("mine.Silent", "1:7: url.a: ValueError: mine.Silent answers no method: define get, post"),
        ("mine.Failing", "1:7: url.a: KeyError: 'x'"),
        ("mine.Forgetful", "1:7: url.a: ValueError: Forgetful.setup should call super().setup(**kwargs)"),
        ("mine.Strict", "1:7: url.a: TypeError: Strict.setup() got an unexpected keyword argument 'path'"),
        ("mine.Files", "1:7: url.a: ValueError: kwargs.index: should be true or false, not 'maybe'"),
    ],
    ids=lambda value: value if value.isascii() and " " not in value else "",
)  # fmt: skip
def test_mistakes_are_told_with_their_place(site, handler, message):
    code = """
class Own(BaseHandler): pass
class Plain: pass
def run(handler): pass
class Silent(BaseHandler): pass
class Failing(BaseHandler):
    @classmethod
    def setup(cls, **kwargs): kwargs["x"]
class Forgetful(FileHandler):
    @classmethod
    def setup(cls, **kwargs): pass
class Strict(BaseHandler):
    @classmethod
    def setup(cls): pass
class Files(FileHandler): pass
"""
    other = "{pattern: /b, handler: Function, kwargs: {function: str(1)}}"
    yaml = f"url: {{a: {{pattern: /a, handler: {handler}, kwargs: {{path: ., index: maybe}}}}, b: {other}}}"
    client = site(yaml, {"mine.py": CODE + code, "broken.py": "1 / 0"})
    (mistake,) = mistakes(client)
    assert message in mistake
    assert (client.get("/a").status_code, client.get("/b").text) == (500, "1")


# Servers


def test_a_changed_class_serves_without_a_restart(own):
    client = own("class Own(BaseHandler):\n    def get(self): self.write('old')")
    assert client.get("/a").text == "old"
    (client.folder / "mine.py").write_text(CODE + "class Own(BaseHandler):\n    def get(self): self.write('new!')")
    assert client.app.extensions["skerry"].reload_if_changed()
    assert client.get("/a").text == "new!"


def test_coroutines_and_features_work_together_under_gunicorn(serve):
    code = """
class Own(FunctionHandler):
    async def get(self):
        await asyncio.sleep(0.2)
        await super().get()
        self.write("!")
async def slow(handler):
    await asyncio.sleep(0.2)
    return "ok"
"""
    yaml = "url: {a: {pattern: /a, handler: mine.Own, kwargs: {function: mine.slow}}}"
    server = serve(yaml, {"mine.py": CODE + code})
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.get("/a").text, range(8)))
    assert answers == ["ok!"] * 8
    assert time.monotonic() - started < 2  # one after the other they would take 3.2 s
