"""The page of a table, in the demo site."""

import pytest


@pytest.mark.parametrize("width, dark", [(390, True), (1280, False)])
def test_a_table_is_sorted_and_paged_without_javascript(demo, page, width, dark):
    tab = page(width=width, dark=dark, java_script_enabled=False)
    tab.goto(f"{demo.url}/weather/table?temp_max>=30")
    assert tab.locator("tbody tr").count() == 50
    tab.locator("th", has_text="temp_max").get_by_role("link").click()
    tab.locator("th", has_text="temp_max").get_by_role("link").click()
    assert tab.locator("th[aria-sort=descending]").inner_text().startswith("temp_max")
    assert tab.locator("tbody tr").first.inner_text().startswith("2014-08-11")
    tab.get_by_role("link", name="Next").click()
    assert "51 to" in tab.locator(".listing-count").inner_text()
    tab.get_by_role("link", name="temp_max>=30").click()
    assert "1,461 rows" in tab.locator(".listing-count").inner_text()


@pytest.mark.parametrize("width, dark", [(390, False), (1280, True)])
def test_everyone_can_use_it(demo, page, accessible, width, dark):
    tab = page(width=width, dark=dark)
    tab.goto(f"{demo.url}/weather/table?_q=2014&temp_max>=20")
    accessible(tab)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_table_can_be_taken_along(demo, page):
    tab = page()
    tab.goto(f"{demo.url}/weather/table?temp_max>~=35")
    with tab.expect_download() as download:
        tab.get_by_role("link", name="CSV", exact=True).click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert (lines[0], len(lines)) == ("date,precipitation,temp_max,temp_min,wind", 3)
