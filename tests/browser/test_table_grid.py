"""A table as a grid: the keyboard, screen readers, hostile names and values, no rows, several tables."""

import sqlite3
from contextlib import closing

import pytest

from tests.browser.tables import SITE, cell, column, count, database, one, says


@pytest.fixture
def shown(serve, page, tmp_path):
    shown = page()
    shown.goto(serve(SITE, {"trips.db": database(tmp_path / "trips.db")}).url + "/trips")
    return shown


def focused(shown):
    return shown.evaluate("document.activeElement.textContent.trim() || document.activeElement.ariaLabel")


def press(shown, *keys):
    for key in keys:
        shown.keyboard.press(key)
    return focused(shown)


def test_the_arrows_move_from_cell_to_cell(shown):
    cell(shown, "place", 2).focus()
    assert press(shown, "ArrowRight") == "2026-03-03"
    assert press(shown, "ArrowDown", "ArrowDown") == "2026-05-05"
    assert press(shown, "ArrowLeft", "ArrowUp") == "Bodø"
    assert press(shown, "End") == "" or focused(shown) is None
    assert press(shown, "Home") == "Select row 3"
    assert press(shown, "Control+End", "ArrowLeft") == "false"


def test_the_arrows_reach_the_links_and_filters_of_the_head(shown):
    cell(shown, "place", 1).focus()
    assert press(shown, "ArrowUp") == "place"
    assert press(shown, "ArrowRight") == "Filter place"
    shown.keyboard.press("ArrowLeft")
    shown.keyboard.press("Enter")
    says(shown, "1 to 50 of 120 rows")
    shown.locator("th[aria-sort=ascending]").wait_for()
    assert focused(shown) == "place"


def test_the_grid_is_one_stop_of_the_tab_key(shown):
    cell(shown, "place", 3).focus()
    shown.keyboard.press("Tab")
    assert not shown.evaluate("document.activeElement.closest('table')")
    shown.keyboard.press("Shift+Tab")
    assert focused(shown) == "Bodø"


def test_page_down_turns_the_page_and_the_focus_stays_in_its_column(shown):
    cell(shown, "id", 3).focus()
    shown.keyboard.press("PageDown")
    says(shown, "51 to 100 of 120 rows")
    assert focused(shown) == "53"
    shown.keyboard.press("PageUp")
    says(shown, "1 to 50 of 120 rows")
    assert focused(shown) == "3"


def test_the_focus_can_be_seen(shown):
    cell(shown, "place", 2).focus()
    shown.keyboard.press("ArrowRight")
    style = "getComputedStyle(document.activeElement).outlineStyle"
    assert shown.evaluate(style) == "solid"
    assert press(shown, "Control+Home") and shown.evaluate(style) == "solid"


def test_screen_readers_are_told_the_place_of_each_row(shown):
    shown.get_by_role("link", name="Next page").click()
    says(shown, "51 to 100 of 120 rows")
    grid = shown.get_by_role("grid")
    assert grid.get_attribute("aria-rowcount") == "121"
    assert grid.get_by_role("row").nth(1).get_attribute("aria-rowindex") == "52"
    assert grid.get_by_role("gridcell").count() == 50 * 9


HOSTILE = ["<img src=x onerror=alert(1)>\"'", "a&b=c#d?", "{{ 7 * 7 }} ]]--", "x|sum", "-_c"]


def hostile(path):
    names = ", ".join('"{}" text'.format(name.replace('"', '""')) for name in HOSTILE)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"create table trips (id text primary key, {names})")
        for number in range(3):
            values = [
                f"""</td><script>alert({number})</script>"'><b onclick=alert(1)>&amp;""",
                "&lt;",
                "%s",
                "\u202e",
                "",
            ]
            db.execute("insert into trips values (?, ?, ?, ?, ?, ?)", [f"{number}&\"'<b>", *values])
        db.commit()
    return path.read_bytes()


@pytest.fixture
def evil(serve, page, tmp_path):
    shown = page()
    shown.on("dialog", lambda dialog: page.problems.append(dialog.message))
    shown.goto(serve(SITE, {"trips.db": hostile(tmp_path / "trips.db")}).url + "/trips")
    return shown


def test_hostile_names_and_values_are_text(evil, accessible):
    assert evil.locator("thead th a").all_inner_texts() == ["id", *HOSTILE]
    assert evil.locator("tbody :is(script, b, img)").count() == 0
    assert cell(evil, "id", 2).inner_text() == "1&\"'<b>"
    evil.get_by_role("button", name="Columns").click()
    accessible(evil)


def test_hostile_names_are_sorted_filtered_and_grouped_by(evil):
    name = HOSTILE[0]
    evil.get_by_role("link", name=name).click()
    evil.locator("th[aria-sort=ascending]").wait_for()
    evil.get_by_role("button", name=f"Filter {name}").click()
    pop = evil.locator(".pop:popover-open")
    pop.get_by_role("checkbox", name="alert(1)</script").check()
    pop.get_by_role("button", name="Filter", exact=True).click()
    says(evil, "1 row")
    evil.get_by_role("button", name="Group", exact=True).click()
    evil.get_by_label("Group by").first.select_option(name)
    evil.get_by_role("button", name="Group", exact=True).nth(1).click()
    says(evil, "1 group")
    assert evil.locator(":is(script:not([src]), [onclick], [onerror])").count() == 0


def test_hostile_names_and_values_are_edited(evil):
    evil.locator("tbody tr:nth-child(2) td:nth-child(3)").dblclick()
    field = evil.locator("td.is-edited :is(input, textarea)")
    field.fill("<script>alert(2)</script>")
    evil.keyboard.press("Enter")
    says(evil, "Saved")
    assert cell(evil, HOSTILE[0], 2).inner_text() == "<script>alert(2)</script>"
    evil.get_by_role("checkbox", name="Select row 2").check()
    evil.get_by_role("button", name="Delete 1 row").click()
    says(evil, "1 row deleted")
    assert column(evil, "id") == ["0&\"'<b>", "2&\"'<b>"]


def test_a_long_text_is_cut_and_edited_in_full(serve, page, tmp_path):
    path = tmp_path / "trips.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table trips (id integer primary key, note text)")
        db.execute("insert into trips values (1, ?)", ["long " * 2000])
        db.commit()
    shown = page()
    shown.goto(serve(SITE, {"trips.db": path.read_bytes()}).url + "/trips")
    assert len(cell(shown, "note").inner_text()) <= 501
    cell(shown, "note").dblclick()
    assert len(shown.locator("td.is-edited textarea").input_value()) == 10_000


def test_a_table_without_rows_says_so(serve, page, tmp_path, accessible):
    shown = page()
    shown.goto(serve(SITE, {"trips.db": database(tmp_path / "trips.db", count=0)}).url + "/trips")
    assert count(shown) == "No rows" and shown.get_by_text("There are no rows here.").is_visible()
    accessible(shown)


MANY = """
    url:
      both:
        pattern: /both
        handler: FormHandler
        kwargs:
          trips: {url: "sqlite:///trips.db", table: trips, id: id}
          places: {url: places.csv}
"""
PLACES = "place,people\n" + "".join(f"place {number},{number * 10}\n" for number in range(80))


@pytest.fixture
def several_server(serve, tmp_path):
    return serve(MANY, {"trips.db": database(tmp_path / "trips.db"), "places.csv": PLACES})


@pytest.fixture
def several(several_server, page):
    shown = page()
    shown.goto(several_server.url + "/both")
    return shown


def test_several_tables_are_on_one_page(several, accessible):
    assert [heading.inner_text() for heading in several.get_by_role("heading", level=2).all()] == ["trips", "places"]
    accessible(several)
    several.get_by_role("link", name="places", exact=True).click()
    assert several.url.endswith("#t1")


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
def test_each_of_several_tables_has_its_own_state(several, page, scripts):
    shown = page(java_script_enabled=scripts)
    shown.goto(several.url)
    trips, places = shown.locator("#t0"), shown.locator("#t1")
    places.get_by_role("link", name="Next page").click()
    places.get_by_text("51 to 80 of 80 rows").wait_for()
    trips.get_by_role("link", name="price").click()
    trips.locator("th[aria-sort]").wait_for()
    assert "places%3A_offset=50" in shown.url and "trips%3A_sort=price" in shown.url
    assert count(trips) == "1 to 50 of 120 rows" and "51 to 80" in count(places)


def test_values_of_one_of_several_tables_are_listed(several):
    several.locator("#t0").get_by_role("button", name="Filter place").click()
    pop = several.locator(".pop:popover-open")
    pop.get_by_label("Oslo").check()
    pop.get_by_role("button", name="Filter", exact=True).click()
    says(several, "20 rows")
    assert count(several.locator("#t0")) == "20 rows"
    assert count(several.locator("#t1")) == "1 to 50 of 80 rows"


def test_one_of_several_tables_is_edited_unless_somebody_else_has(several, several_server):
    first = several.locator("#t0 tbody tr:nth-child(1) td:nth-child(3)")
    first.dblclick()
    several.locator("td.is-edited input").fill("Narvik")
    one(several_server.folder / "trips.db", "update trips set place = 'Hamar' where id = 1")
    several.keyboard.press("Enter")
    several.get_by_text("changed this to “Hamar”").wait_for()
    several.get_by_role("button", name="Keep mine").click()
    says(several, "Saved")
    assert first.inner_text() == "Narvik"


def test_a_row_of_one_of_several_tables_is_added_deleted_and_put_back(several):
    several.get_by_role("button", name="Add a row").click()
    several.get_by_role("dialog").get_by_label("place").fill("Narvik")
    several.get_by_role("dialog").get_by_role("button", name="Add").click()
    says(several, "1 row added")
    several.get_by_role("checkbox", name="Select row 1", exact=True).check()
    several.get_by_role("button", name="Delete 1 row").click()
    says(several, "1 row deleted")
    several.get_by_role("button", name="Undo").click()
    says(several, "1 row put back")
    assert count(several.locator("#t0")) == "1 to 50 of 121 rows"


SLOW = """
    create view trips as
    with recursive numbers(id) as (select 1 union all select id + 1 from numbers where id < 4000000)
    select id, 'place ' || (id % 7) as place from numbers
"""


def test_rows_that_take_long_to_count_are_counted_later(serve, page, tmp_path):
    with closing(sqlite3.connect(tmp_path / "trips.db")) as db:
        db.execute(SLOW)
    shown = page()
    shown.goto(serve(SITE, {"trips.db": (tmp_path / "trips.db").read_bytes()}).url + "/trips")
    assert column(shown, "id")[:2] == ["1", "2"]
    shown.get_by_text("1 to 50 of 4,000,000 rows").wait_for(timeout=20_000)
    assert shown.get_by_role("grid").get_attribute("aria-rowcount") == "4000001"
    shown.get_by_role("link", name="Next page").click()
    says(shown, "51 to 100 of")
