"""The form page of a typed function."""

import re

import pytest

CODE = """
from typing import Annotated, Literal

from markupsafe import Markup


def sell(item: Annotated[str, "From the price list"], count: int = 1, size: Literal["s", "m"] = "s", gift: bool = True,
         notes: list[str] = ["a", "b"]):
    '''Sell something.'''
    return [{"item": item, "count": count, "gift": gift, "notes": notes}]


def text(name: str):
    return f"<b>{name}</b>"


def html(name: str = "you"):
    return Markup("<b>%s</b>") % name


def nothing():
    return None


def pieces(name: str):
    yield name
"""
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def form(site):
    """`form(function)` -> a client of a mount that shows the function's form."""

    def form(function, more=""):
        kwargs = f"{{function: shop.{function}, form: true{more}}}"
        return site(f"url: {{it: {{pattern: /it, handler: Function, kwargs: {kwargs}}}}}", {"shop.py": CODE})

    return form


def field(page, name):
    return re.search(rf'<(?:input|select|textarea)[^>]*id="f-{name}"[^>]*>', page)[0]


def test_a_browser_gets_a_field_for_each_parameter(form):
    answer = form("sell").get("/it", headers=BROWSER)
    assert answer.status_code == 200 and "Accept" in answer.vary
    assert "Sell something." in answer.text and "From the price list" in answer.text
    assert 'type="number" step="1" value="1"' in field(answer.text, "count")
    assert "required" in field(answer.text, "item") and "checked" in field(answer.text, "gift")


def test_a_program_gets_the_result_alone(form):
    assert form("sell").get("/it?item=tea").json == [{"item": "tea", "count": 1, "gift": True, "notes": ["a", "b"]}]


def test_the_result_stands_below_the_form_with_the_values(form):
    data = {"_form": "1", "item": "tea", "count": "3", "size": "m", "gift": "false", "notes": "x\r\ny"}
    page = form("sell").post("/it", data=data, headers=BROWSER).text
    assert "<td>tea</td><td>3</td><td>false</td><td>[&#34;x&#34;,&#34;y&#34;]</td>" in page
    assert 'value="tea"' in field(page, "item") and "checked" not in field(page, "gift")


def test_a_wrong_value_is_shown_again_beside_what_is_wrong_with_it(form):
    answer = form("sell").post("/it", data={"_form": "1", "item": "", "count": "x<"}, headers=BROWSER)
    assert answer.status_code == 400
    assert "Item is missing" in answer.text and "should be a whole number, not &#39;x&lt;&#39;" in answer.text
    assert 'aria-describedby="count-error" aria-invalid="true"' in field(answer.text, "count")


def test_an_argument_without_a_field_is_named_above(form):
    answer = form("sell").get("/it?item=a&colour=red", headers=BROWSER)
    assert answer.status_code == 400 and "colour is unknown" in answer.text


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        ("text", "&lt;b&gt;&amp;&lt;/b&gt;"),
        ("html", "<b>&amp;</b>"),
    ],
)
def test_text_is_shown_as_text_unless_it_says_that_it_is_html(form, function, shown):
    assert shown in form(function).get("/it?name=%26", headers=BROWSER).text


def test_nothing_is_shown_as_nothing(form):
    assert "nothing to show" in form("nothing").post("/it", data={"_form": "1"}, headers=BROWSER).text


def test_a_generator_is_streamed_past_the_page(form):
    assert form("pieces").get("/it?name=a", headers=BROWSER).text == "a"


@pytest.mark.parametrize(("more", "method"), [("", "post"), (", methods: [GET]", "get")])
def test_the_form_is_sent_by_a_method_that_the_mount_answers(form, more, method):
    assert f'method="{method}"' in form("sell", more).get("/it", headers=BROWSER).text


def test_a_form_of_an_expression_is_a_mistake(site, caplog):
    client = site("url: {it: {pattern: /it, handler: Function, kwargs: {function: 1 + 1, form: true}}}")
    assert client.get("/it").status_code == 500 and "the name of a function" in caplog.text
