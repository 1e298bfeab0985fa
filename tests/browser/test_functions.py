"""The form of a function, as people use it."""

import pytest

SITE = """
    url:
      sell: {pattern: /sell, handler: Function, kwargs: {function: shop.sell, form: true}}
"""
CODE = '''
import datetime
from typing import Annotated, Literal


def sell(item: Annotated[str, "From the price list"], count: int = 1, size: Literal["s", "m"] = "s", gift: bool = False,
         day: datetime.date = datetime.date(2026, 1, 5), notes: list[str] = ["a", "b"]):
    """Sell something."""
    return [{"item": item, "count": count, "size": size, "gift": gift, "day": day, "notes": notes}] * 3
'''


@pytest.fixture
def url(serve):
    return serve(SITE, {"shop.py": CODE}).url + "/sell"


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_form_its_errors_and_its_result_are_accessible_and_fit(url, page, accessible, width, dark):
    shown = page(width=width, dark=dark)
    for query in ("", "?_form=1&count=x&colour=red", "?_form=1&item=tea"):
        shown.goto(url + query)
        accessible(shown)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
    page.problems.clear()  # the browser notes the 400


def test_the_form_is_sent_without_javascript(url, page):
    shown = page(java_script_enabled=False)
    shown.goto(url)
    shown.get_by_label("Item").fill("tea")
    shown.get_by_label("Size").select_option("m")
    shown.get_by_label("Gift").check()
    shown.get_by_role("button", name="Run").click()
    cells = shown.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells == ["tea", "1", "m", "true", "2026-01-05", '["a","b"]']
    assert shown.get_by_label("Item").input_value() == "tea" and shown.get_by_label("Gift").is_checked()


def test_the_keyboard_fills_and_sends_the_form(url, page):
    shown = page()
    shown.goto(url)
    shown.get_by_label("Item").focus()
    shown.keyboard.type("coffee")
    shown.keyboard.press("Enter")
    shown.get_by_role("heading", name="Result").wait_for()
    assert shown.locator("tbody td").first.inner_text() == "coffee"
