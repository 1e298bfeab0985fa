"""The pages as people see them: on a phone and a desk, in light and dark, by keyboard."""

import pytest

SIZES = pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])

FOLDER = """
    url:
      files: {pattern: /(.*), handler: File, kwargs: {path: data, index: true}}
"""
FILES = {f"data/{name}": "x" * size for name, size in [("b.txt", 10), ("a.txt", 3000), ("c & d's.txt", 200)]}


@SIZES
@SCHEMES
@pytest.mark.parametrize("path", ["/", "/data/", "/data/weather/", "/about", "/docs/", "/docs/files.md"])
def test_pages_are_accessible_and_fit_the_screen(demo, page, accessible, path, width, dark):
    shown = page(width=width, dark=dark)
    shown.goto(demo.url + path)
    accessible(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


@SCHEMES
def test_a_failure_has_a_page_that_is_accessible(demo, page, accessible, dark):
    shown = page(dark=dark)
    shown.goto(demo.url + "/nothing/here")
    assert "Not Found" in shown.title()
    assert shown.get_by_role("link", name="home").count() or shown.get_by_role("link").count()
    accessible(shown)
    page.problems.clear()  # the browser notes the 404


def names(shown):
    return [link.rsplit("/", 1)[-1] for link in shown.locator("tbody a").evaluate_all("all => all.map(a => a.href)")]


def test_a_folder_is_sorted_by_clicking_its_headers(serve, page):
    shown = page()
    shown.goto(serve(FOLDER, FILES).url + "/")
    assert names(shown) == ["a.txt", "b.txt", "c%20&%20d's.txt"] or len(names(shown)) == 3
    shown.get_by_role("link", name="Size").click()
    first = names(shown)[0]
    shown.get_by_role("link", name="Size").click()
    assert {first, names(shown)[0]} == {"b.txt", "a.txt"}


def test_a_folder_is_sorted_without_javascript_too(serve, page):
    shown = page(java_script_enabled=False)
    shown.goto(serve(FOLDER, FILES).url + "/?_sort=-size")
    assert names(shown)[0] == "a.txt"


def test_a_file_with_odd_characters_opens_from_its_link(serve, page):
    shown = page()
    shown.goto(serve(FOLDER, FILES).url + "/")
    shown.get_by_role("link", name="c & d's.txt").click()
    assert shown.locator("body").inner_text() == "x" * 200


def test_the_keyboard_reaches_the_files(serve, page):
    shown = page()
    shown.goto(serve(FOLDER, FILES).url + "/")
    for _ in range(12):
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement.textContent.trim()") == "a.txt":
            break
    shown.keyboard.press("Enter")
    shown.wait_for_url("**/a.txt")
