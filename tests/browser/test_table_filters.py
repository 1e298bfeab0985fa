"""The filters of a table's columns with scripts: values with their counts, regular expressions, dates."""

import pytest

from tests.browser.tables import SITE, column, count, database, says


@pytest.fixture
def shown(serve, page, tmp_path):
    shown = page()
    shown.goto(serve(SITE, {"trips.db": database(tmp_path / "trips.db")}).url + "/trips")
    return shown


def open_filter(shown, name):
    shown.get_by_role("button", name=f"Filter {name}").click()
    return shown.locator(".pop:popover-open")


def apply(pop):
    pop.get_by_role("button", name="Filter", exact=True).click()


def test_values_are_listed_with_how_many_rows_have_each(shown):
    pop = open_filter(shown, "place")
    pop.get_by_text("Tromsø").wait_for()
    assert pop.locator(".pop-list .tick").all_inner_texts() == [f"{name}\n20" for name in sorted_places()]
    pop.get_by_label("Oslo").check()
    pop.get_by_label("Bodø").check()
    apply(pop)
    says(shown, "40 rows")
    assert set(column(shown, "place")) == {"Oslo", "Bodø"}
    assert "place=Oslo" in shown.url and shown.get_by_role("link", name="place is").is_visible()


def sorted_places():
    return ["Bergen", "Bodø", "Oslo", "Stavanger", "Tromsø", "Ålesund"]


def test_a_value_is_found_by_a_part_of_it_and_what_is_ticked_stays(shown):
    pop = open_filter(shown, "note")
    pop.get_by_label("note 4", exact=False).first.wait_for()
    pop.get_by_label("note 8", exact=False).first.check()
    pop.get_by_label("Find a value of note").fill("note 11")
    pop.get_by_text("note 120").wait_for(state="detached")
    assert pop.locator(".pop-list .tick span:first-of-type").all_inner_texts() == ["note 8", "note 112", "note 116"]
    apply(pop)
    says(shown, "1 row")
    assert column(shown, "note") == ["note 8"]


def test_values_respect_the_other_filters_and_not_the_own(shown):
    shown.goto(shown.url + "?place=Oslo&id<~=60&note*=2")
    pop = open_filter(shown, "place")
    pop.get_by_text("Bergen").wait_for(state="detached")
    pop.get_by_text("Tromsø").wait_for()
    assert pop.get_by_label("Oslo").is_checked()
    assert "Oslo\n2" in pop.locator(".pop-list .tick").all_inner_texts()


def test_booleans_are_ticked(shown):
    pop = open_filter(shown, "paid")
    pop.locator(".many").first.wait_for()
    pop.get_by_label("true").check()
    apply(pop)
    says(shown, "40 rows")
    assert set(column(shown, "paid")) == {"true"}


def test_dates_are_picked(shown):
    pop = open_filter(shown, "day")
    pop.get_by_label("From").fill("2026-09-01")
    apply(pop)
    says(shown, "13 rows")
    assert min(column(shown, "day")) >= "2026-09-01"
    pop = open_filter(shown, "day")
    assert pop.get_by_label("From").input_value() == "2026-09-01"


def test_numbers_have_values_too_when_one_asks_for_them(shown):
    asked = []
    shown.on("request", lambda request: asked.extend(["values"] if "_format=json" in request.url else []))
    pop = open_filter(shown, "seats")
    assert not asked
    pop.get_by_text("Values").click()
    pop.get_by_label("17").check()
    apply(pop)
    says(shown, "2 rows")
    assert column(shown, "id") == ["17", "77"]


def test_text_is_contained_as_it_is_written_unless_it_is_a_pattern(shown):
    pop = open_filter(shown, "note")
    pop.get_by_label("Contains").fill("note .2$")
    apply(pop)
    says(shown, "No rows")
    pop = open_filter(shown, "note")
    assert pop.get_by_label("Contains").input_value() == "note .2$"
    pop.get_by_label("Regular expression").check()
    apply(pop)
    says(shown, "5 rows")
    assert column(shown, "note") == ["note 12", "note 32", "note 52", "note 72", "note 92"]


def test_a_filter_is_cleared_in_its_form(shown):
    shown.goto(shown.url + "?seats>~=50&place=Oslo")
    pop = open_filter(shown, "seats")
    pop.get_by_role("button", name="Clear").click()
    says(shown, "20 rows")
    assert shown.url.endswith("?place=Oslo")


def test_an_aggregate_is_filtered(shown):
    shown.goto(shown.url + "?_by=place&_c=id|max")
    pop = open_filter(shown, "id|max")
    pop.get_by_label("From").fill("118")
    apply(pop)
    says(shown, "3 groups")
    assert sorted(column(shown, "id|max")) == ["118", "119", "120"]


def test_escape_closes_a_filter_and_gives_the_focus_back(shown):
    button = shown.get_by_role("button", name="Filter place")
    button.focus()
    shown.keyboard.press("Enter")
    shown.locator(".pop:popover-open").wait_for()
    shown.keyboard.press("Escape")
    shown.locator(".pop:popover-open").wait_for(state="detached")
    assert button.evaluate("button => button === document.activeElement")


def test_what_means_nothing_is_said(shown):
    shown.goto(shown.url + "?colour=red")
    assert count(shown) == "1 to 50 of 120 rows"
    shown.get_by_role("link", name="colour=red").click()
    shown.wait_for_url("**/trips")


def test_columns_are_put_in_order(shown):
    shown.get_by_role("button", name="Columns").click()
    shown.get_by_role("button", name="Move place up").click()
    shown.get_by_role("button", name="Show", exact=True).locator("visible=true").click()
    shown.wait_for_url("**/trips?_c=place&_c=id&**")
    assert shown.locator("thead th a").all_inner_texts()[:2] == ["place", "id"]


def test_several_keys_and_aggregates_are_added(shown):
    shown.get_by_role("button", name="Group", exact=True).click()
    form = shown.locator(".pop:popover-open")
    for number, key in enumerate(["place", "paid"]):
        form.get_by_label("Group by").nth(number).select_option(key)
    for number, aggregate in enumerate(["price|sum", "id|size"]):
        form.get_by_label("Show", exact=True).nth(number).select_option(aggregate)
    form.get_by_role("button", name="Group", exact=True).click()
    says(shown, "groups")
    assert shown.locator("thead th a").all_inner_texts() == ["place", "paid", "price|sum", "id|size"]
