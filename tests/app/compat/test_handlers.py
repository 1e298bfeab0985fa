import pytest


@pytest.fixture
def own(site):
    """`own(code, kwargs="{}")` -> a client of a gramex.yaml whose mount is the class Own of that code."""

    def own(code, kwargs="{}"):
        yaml = f"url: {{a: {{pattern: /a, handler: old.Own, kwargs: {kwargs}}}}}"
        return site(yaml, {"old.py": code, "a.txt": "text"}, "gramex.yaml")

    return own


@pytest.mark.parametrize(
    "imports",
    ["from gramex.handlers import BaseHandler", "import gramex\nBaseHandler = gramex.handlers.BaseHandler"],
    ids=["from", "import"],
)
def test_an_old_class_answers(own, imports):
    code = f"""
{imports}
class Own(BaseHandler):
    @classmethod
    def setup(cls, greeting, **kwargs):
        super(Own, cls).setup(**kwargs)
        cls.greeting = greeting
    def get(self, *path_args):
        self.write(self.greeting + self.get_arg("x", "?"))
"""
    assert own(code, "{greeting: hi, xsrf_cookies: false}").get("/a?x=!").text == "hi!"


@pytest.mark.parametrize(
    ("name", "kwargs", "text"),
    [
        ("FunctionHandler", "{function: str(1)}", "1."),
        ("FileHandler", "{path: a.txt}", "text."),
        ("ProcessHandler", "{args: [echo, hi]}", "hi\n."),
    ],
)
def test_an_old_class_may_derive_from_a_feature(own, name, kwargs, text):
    code = f"""
from gramex.handlers import {name}
from tornado import gen
class Own({name}):
    @gen.coroutine
    def get(self, *path_args):
        yield super().get(*path_args)
        self.write(".")
"""
    assert own(code, kwargs).get("/a").text == text


def test_a_class_is_the_same_from_everywhere(own):
    code = """
from gramex.handlers import BaseHandler, FileHandler
import app.handler, app.handler.classes
class Own(BaseHandler):
    def get(self):
        self.write({"same": BaseHandler is app.handler.BaseHandler and FileHandler is app.handler.classes.FileHandler})
"""
    assert own(code).get("/a").json == {"same": True}


@pytest.mark.parametrize("name", ["CaptureHandler", "BaseWebSocketHandler"])
def test_a_class_that_is_not_in_this_version_is_told_when_the_site_is_read(own, name):
    client = own(f"from gramex.handlers import {name}\nclass Own({name}): pass\n")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert f"gramex.handlers.{name} is not in this version of Skerry: there are BaseHandler, FileHandler" in str(
        mistake
    )


def test_tornados_own_class_is_no_handler(own):
    client = own("from tornado.web import RequestHandler\nclass Own(RequestHandler): pass\n")
    (mistake,) = client.app.extensions["skerry"].application.mistakes
    assert "old.Own is not a handler: derive it from BaseHandler" in str(mistake)
