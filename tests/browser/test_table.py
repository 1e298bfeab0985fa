"""The page of a table, as people read it: sort, search, filter, page, group, choose columns, take along."""

import re

import pytest

from tests.browser.tables import SITE, cell, column, count, database, says

SCREENS = pytest.mark.parametrize(
    ("width", "dark"),
    [(390, False), (390, True), (1280, False), (1280, True)],
    ids=["phone", "phone, dark", "desk", "desk, dark"],
)
SCRIPTS = pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])


@pytest.fixture
def url(serve, tmp_path):
    return serve(SITE, {"trips.db": database(tmp_path / "trips.db")}).url + "/trips"


@SCREENS
def test_everyone_can_use_it(url, page, accessible, width, dark):
    shown = page(width=width, dark=dark)
    for query in ("", "?place=Oslo&seats>~=5", "?_by=place&_c=price|sum", "?place=none"):
        shown.goto(url + query)
        accessible(shown)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


@SCREENS
def test_what_pops_up_is_accessible_and_fits(url, page, accessible, width, dark):
    shown = page(width=width, dark=dark)
    shown.goto(url)
    pop = shown.locator(".pop:popover-open")
    for name in ("Filter seats", "Filter place", "Filter day", "Columns", "Group", "Download"):
        shown.get_by_role("button", name=name, exact=True).click()
        box = pop.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 800
        accessible(shown)
        shown.keyboard.press("Escape")
        pop.wait_for(state="detached")


@SCRIPTS
def test_a_table_is_sorted_by_its_heads(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    for _ in range(2):
        shown.get_by_role("link", name="price").click()
        shown.locator("th[aria-sort]").wait_for()
    shown.locator("th[aria-sort=descending]").wait_for()
    assert column(shown, "price")[:2] == ["180", "178.5"]
    shown.get_by_role("link", name="price").click()
    shown.wait_for_url(url)
    assert shown.locator("th[aria-sort]").count() == 0


def test_shift_sorts_by_a_second_column(url, page):
    shown = page()
    shown.goto(url + "?_sort=place")
    shown.get_by_role("link", name="price").click(modifiers=["Shift"])
    shown.wait_for_url("**/trips?_sort=place&_sort=price")
    assert column(shown, "price")[:2] == ["1.5", "10.5"]


@SCRIPTS
def test_pages_are_turned(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    assert count(shown) == "1 to 50 of 120 rows"
    shown.get_by_role("link", name="Next page").click()
    shown.get_by_text("51 to 100 of 120 rows").first.wait_for()
    shown.get_by_role("link", name="Last page").click()
    shown.get_by_text("101 to 120 of 120 rows").first.wait_for()
    assert shown.get_by_role("link", name="Next page").count() == 0
    shown.get_by_role("link", name="First page").click()
    shown.get_by_text("1 to 50 of 120 rows").first.wait_for()


@SCRIPTS
def test_a_range_filters_and_its_chip_takes_it_away(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    shown.get_by_role("button", name="Filter seats").click()
    shown.get_by_label("From").locator("visible=true").fill("10")
    shown.get_by_label("To", exact=True).locator("visible=true").fill("11")
    shown.get_by_role("button", name="Filter", exact=True).locator("visible=true").click()
    shown.get_by_text("seats ≥ 10").wait_for()
    assert set(column(shown, "seats")) == {"10", "11"}
    shown.get_by_role("link", name="seats ≥ 10").click()
    shown.get_by_text("seats ≥ 10").wait_for(state="detached")
    assert column(shown, "seats")[0] == "1"


@SCRIPTS
def test_empty_values_are_filtered(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    shown.get_by_role("button", name="Filter note").click()
    shown.get_by_label("Only empty").locator("visible=true").check()
    shown.get_by_role("button", name="Filter", exact=True).locator("visible=true").click()
    shown.get_by_text("note is empty").wait_for()
    assert count(shown) == "1 to 50 of 90 rows"


@SCRIPTS
def test_rows_are_grouped_and_summed_up(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    shown.get_by_role("button", name="Group", exact=True).click()
    shown.get_by_label("Group by").first.select_option("day:month")
    shown.get_by_label("Show", exact=True).first.select_option("price|mean")
    shown.get_by_role("button", name="Group", exact=True).nth(1).click()
    shown.get_by_text("9 groups").first.wait_for()
    assert shown.locator("thead th a").all_inner_texts() == ["day:month", "price|mean"]
    assert cell(shown, "day:month").inner_text() == "2026-01-01"
    shown.get_by_role("button", name="Group", exact=True).first.click()
    shown.get_by_role("link", name="No groups").click()
    shown.get_by_text("1 to 50 of 120 rows").first.wait_for()


@SCRIPTS
def test_columns_are_chosen(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    shown.get_by_role("button", name="Columns").click()
    for name in ("day", "depart", "paid", "note"):
        shown.get_by_role("checkbox", name=name, exact=True).uncheck()
    shown.get_by_role("button", name="Show", exact=True).locator("visible=true").first.click()
    shown.get_by_text("4/8").wait_for()
    assert shown.locator("thead th a").all_inner_texts() == ["id", "place", "seats", "price"]


@SCRIPTS
def test_words_are_searched_for(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url + "?seats<~=20")
    shown.get_by_role("searchbox", name="Search the rows").fill("oslo note")
    shown.keyboard.press("Enter")
    shown.get_by_text("search: oslo note").wait_for()
    assert set(column(shown, "place")) == {"Oslo"} and "seats" in shown.url
    shown.get_by_role("link", name="Remove all").click()
    shown.get_by_text("search: oslo note").wait_for(state="detached")


def test_the_search_follows_what_is_typed_and_keeps_the_focus(url, page):
    shown = page()
    shown.goto(url)
    shown.get_by_role("searchbox", name="Search the rows").press_sequentially("tromsø", delay=20)
    says(shown, "20 rows")
    shown.keyboard.type(" note")
    says(shown, "10 rows")
    assert shown.get_by_role("searchbox", name="Search the rows").input_value() == "tromsø note"


def test_the_table_changes_without_loading_the_page(url, page):
    shown = page()
    shown.goto(url)
    shown.evaluate("window.still = true")
    shown.get_by_role("link", name="place").click()
    says(shown, "1 to 50 of 120 rows")
    shown.get_by_label("Rows on a page").select_option("20")
    says(shown, "1 to 20 of 120 rows")
    shown.go_back()
    says(shown, "1 to 50 of 120 rows")
    shown.go_back()
    shown.locator("th[aria-sort]").wait_for(state="detached")
    assert shown.evaluate("window.still") is True and shown.url == url


def test_a_link_shows_another_person_the_same(url, page):
    shown = page()
    shown.goto(url)
    shown.get_by_role("link", name="price").click()
    says(shown, "1 to 50")
    shown.get_by_role("link", name="Next page").click()
    says(shown, "51 to 100")
    other = page()
    other.goto(shown.url)
    assert other.locator("tbody").inner_text() == shown.locator("tbody").inner_text()


def test_a_refusal_is_shown_and_the_table_stays(url, page):
    shown = page()
    shown.goto(url)
    shown.get_by_role("button", name="Filter place").click()
    shown.get_by_label("Contains").locator("visible=true").fill("(")
    shown.get_by_label("Regular expression").locator("visible=true").check()
    shown.get_by_role("button", name="Filter", exact=True).locator("visible=true").click()
    shown.get_by_role("alert").filter(has_text="regular expression").wait_for()
    assert count(shown) == "1 to 50 of 120 rows" and shown.url == url
    page.problems.clear()  # the browser notes the 400


def test_the_table_can_be_taken_along(url, page):
    shown = page()
    shown.goto(url + "?place=Oslo")
    shown.get_by_role("button", name="Download").click()
    with shown.expect_download() as download:
        shown.get_by_role("link", name="CSV", exact=True).click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert (lines[0].split(",")[:2], len(lines)) == (["id", "place"], 21)
    assert download.value.suggested_filename == "trips.csv"
    says(shown, "trips.csv is downloaded")


def test_a_long_download_shows_how_far_it_is(url, page):
    shown = page()
    shown.goto(url)
    texts = """() => { window.seen = []; const bar = document.querySelector('[data-progress] progress');
        new MutationObserver(() => seen.push(bar.value)).observe(bar, {attributes: true}); }"""
    shown.evaluate(texts)
    shown.get_by_role("button", name="Download").click()
    with shown.expect_download():
        shown.get_by_role("link", name="NDJSON").click()
    assert shown.evaluate("seen.at(-1)") == 1
    assert shown.locator("[data-progress]").is_hidden()


def test_a_page_never_asks_for_more_than_a_page(url, page):
    shown = page()
    shown.goto(url + "?_limit=-1")
    assert re.search(r"120 rows", count(shown))
    shown.goto(url + "?_limit=100000&_offset=0")
    assert shown.get_by_label("Rows on a page").input_value() == "1000"


def test_it_prints_without_its_tools(url, page):
    shown = page()
    shown.goto(url + "?place=Oslo")
    shown.emulate_media(media="print")
    assert shown.get_by_role("button", name="Download").is_hidden() and shown.locator(".funnel").first.is_hidden()
    assert shown.locator("tbody tr").last.is_visible() and shown.get_by_text("place is Oslo").is_visible()


GROUPED = "?_by=place&_c=price%7Csum&_chart=bar"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_chart_is_drawn_in_the_scheme_of_the_page(url, page, accessible, dark):
    shown = page(dark=dark)
    shown.goto(url + GROUPED)
    chart = shown.get_by_role("img", name="Chart of the rows")
    chart.evaluate("image => image.decode()")
    assert ("_theme=dark" in chart.evaluate("image => image.currentSrc")) is dark
    accessible(shown)


@SCRIPTS
def test_a_chart_is_chosen_and_closed(url, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(url)
    shown.get_by_role("link", name="Chart").click()
    shown.get_by_label("As", exact=True).select_option("point")
    shown.get_by_label("Height", exact=True).select_option("seats")
    if not scripts:
        shown.get_by_role("button", name="Draw").click()
    shown.wait_for_url("**_chart=point**_y=seats**")
    assert "_chart=point" in shown.get_by_role("img", name="Chart of the rows").get_attribute("src")
    shown.get_by_role("link", name="Close the chart").click()
    shown.wait_for_url(re.compile(r"/trips(?!.*_chart)"))


def test_a_chart_that_cannot_be_drawn_says_why(url, page):
    shown = page()
    shown.goto(url + "?_c=place&_c=note&_chart=bar")
    shown.get_by_role("alert").filter(has_text="numbers").wait_for()
    assert shown.get_by_role("img", name="Chart of the rows").is_hidden()
    page.problems.clear()  # the browser notes the 400
