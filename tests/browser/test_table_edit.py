"""Editing in place, and whole rows: by mouse and keyboard, with what the server says about it."""

import json

import pytest

from tests.browser.tables import SITE, cell, column, count, database, one, says


@pytest.fixture
def server(serve, tmp_path):
    return serve(SITE, {"trips.db": database(tmp_path / "trips.db")})


@pytest.fixture
def trips(server):
    return server.folder / "trips.db"


@pytest.fixture
def shown(server, page):
    shown = page()
    shown.goto(server.url + "/trips")
    return shown


def edit(shown, name, row=1):
    """The field of a cell that is edited."""
    cell(shown, name, row).dblclick()
    field = shown.locator("td.is-edited :is(input, select, textarea):not([disabled])")
    field.wait_for()
    return field


def test_a_cell_is_edited_by_a_double_click(shown, trips):
    edit(shown, "place").fill("Ålesund")
    shown.keyboard.press("Enter")
    says(shown, "Saved")
    assert cell(shown, "place").inner_text() == "Ålesund"
    assert one(trips, "select place from trips where id = 1") == "Ålesund"


@pytest.mark.parametrize("key", ["Enter", "F2"])
def test_the_keyboard_edits_a_cell_and_stays_there(shown, trips, key):
    cell(shown, "seats", 2).focus()
    shown.keyboard.press(key)
    shown.locator("td.is-edited input").wait_for()
    shown.keyboard.type("7")
    shown.keyboard.press("Enter")
    says(shown, "Saved: seats is 7")
    assert one(trips, "select seats from trips where id = 2") == 7
    assert cell(shown, "seats", 2).evaluate("cell => cell === document.activeElement")


def test_escape_leaves_a_cell_as_it_was(shown, trips):
    edit(shown, "place").fill("Narvik")
    shown.keyboard.press("Escape")
    assert cell(shown, "place").inner_text() == "Bergen"
    assert one(trips, "select place from trips where id = 1") == "Bergen"
    assert cell(shown, "place").evaluate("cell => cell === document.activeElement")


def test_leaving_a_cell_saves_it(shown, trips):
    edit(shown, "price").fill("2.25")
    shown.get_by_role("heading", level=1).click()
    says(shown, "Saved: price is 2.25")
    assert one(trips, "select price from trips where id = 1") == 2.25


@pytest.mark.parametrize(
    ("name", "kind", "before", "value", "stored"),
    [
        ("day", "date", "2026-02-02", "2026-12-24", "2026-12-24"),
        ("depart", "datetime-local", "2026-02-02T01:30", "2026-12-24T18:00:05", "2026-12-24 18:00:05"),
        ("seats", "number", "1", "12", 12),
        ("note", "text", "", "late", "late"),
    ],
    ids=["date", "datetime", "number", "text"],
)
def test_the_field_is_of_the_columns_type(shown, trips, name, kind, before, value, stored):
    field = edit(shown, name)
    assert (field.get_attribute("type"), field.input_value()[:16]) == (kind, before)
    field.fill(value)
    shown.keyboard.press("Enter")
    says(shown, "Saved")
    assert str(one(trips, f"select {name} from trips where id = 1")).removesuffix(".000000") == str(stored)


def test_a_boolean_is_chosen(shown, trips):
    edit(shown, "paid").select_option("true")
    shown.keyboard.press("Enter")
    says(shown, "Saved: paid is true")
    assert one(trips, "select paid from trips where id = 1") == 1


def test_an_empty_field_means_no_value(shown, trips):
    edit(shown, "seats").fill("")
    shown.keyboard.press("Enter")
    says(shown, "Saved: seats is empty")
    assert one(trips, "select seats from trips where id = 1") is None


def test_what_the_server_refuses_is_shown_at_the_cell(shown, trips, page, accessible):
    edit(shown, "seats").fill("99999999999999999999999")
    shown.keyboard.press("Enter")
    alert = shown.get_by_role("alert").locator("visible=true")
    alert.wait_for()
    assert "seats" in alert.inner_text()
    field = shown.locator("td.is-edited input")
    assert field.get_attribute("aria-invalid") == "true" and field.evaluate("it => it === document.activeElement")
    accessible(shown)
    shown.keyboard.press("Escape")
    assert cell(shown, "seats").inner_text() == "1" and one(trips, "select seats from trips where id = 1") == 1
    page.problems.clear()  # the browser notes the 400


@pytest.mark.parametrize(("button", "kept"), [("Keep mine", "Narvik"), ("Take theirs", "Hamar")])
def test_who_was_slower_sees_the_other_value_and_chooses(shown, trips, page, button, kept):
    edit(shown, "place").fill("Narvik")
    one(trips, "update trips set place = 'Hamar' where id = 1")
    shown.keyboard.press("Enter")
    shown.get_by_text("changed this to “Hamar”").wait_for()
    assert one(trips, "select place from trips where id = 1") == "Hamar"
    shown.get_by_role("button", name=button).click()
    cell(shown, "place").get_by_text(kept).wait_for()
    shown.locator(".is-edited").wait_for(state="detached")
    assert one(trips, "select place from trips where id = 1") == kept
    page.problems.clear()  # the browser notes the 412


def test_a_change_of_another_column_is_no_conflict(shown, trips, page):
    edit(shown, "place").fill("Narvik")
    one(trips, "update trips set price = 7 where id = 1")
    shown.keyboard.press("Enter")
    says(shown, "Saved")
    assert (cell(shown, "place").inner_text(), cell(shown, "price").inner_text()) == ("Narvik", "7")
    page.problems.clear()  # the browser notes the 412


def test_tab_saves_and_goes_to_the_next_cell(shown, trips):
    edit(shown, "place").fill("Narvik")
    shown.keyboard.press("Tab")
    says(shown, "Saved")
    assert cell(shown, "day").evaluate("cell => cell === document.activeElement")


def test_a_number_keeps_all_its_digits(shown, trips):
    one(trips, "update trips set seats = 9007199254740993 where id = 1")
    shown.reload()
    assert edit(shown, "seats").input_value() == "9007199254740993"


def test_a_row_is_found_although_its_key_is_not_shown(shown, trips):
    shown.goto(shown.url + "?_c=place&_c=note")
    edit(shown, "note", 3).fill("found")
    shown.keyboard.press("Enter")
    says(shown, "Saved")
    assert one(trips, "select note from trips where id = 3") == "found"


def test_groups_cannot_be_edited(shown):
    shown.goto(shown.url + "?_by=place")
    assert shown.get_by_role("button", name="Add a row").count() == 0
    cell(shown, "place").dblclick()
    assert shown.locator(".is-edited").count() == 0


def test_a_row_is_added(shown, trips, accessible):
    shown.get_by_role("button", name="Add a row").click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_label("place").fill("Narvik")
    dialog.get_by_label("day").fill("2026-12-24")
    accessible(shown)
    dialog.get_by_role("button", name="Add").click()
    says(shown, "1 row added")
    assert count(shown) == "1 to 50 of 121 rows"
    assert one(trips, "select day from trips where place = 'Narvik'") == "2026-12-24"


def test_a_row_that_is_refused_can_be_corrected(shown, trips, page):
    shown.get_by_role("button", name="Add a row").click()
    dialog = shown.get_by_role("dialog")
    dialog.get_by_label("place").fill("Narvik")
    dialog.get_by_label("seats").fill("99999999999999999999999")
    dialog.get_by_role("button", name="Add").click()
    dialog.locator(".wrong", has_text="seats").wait_for()
    assert dialog.get_by_label("seats").get_attribute("aria-invalid") == "true"
    dialog.get_by_label("seats").fill("5")
    dialog.get_by_role("button", name="Add").click()
    says(shown, "1 row added")
    assert one(trips, "select seats from trips where place = 'Narvik'") == 5
    page.problems.clear()  # the browser notes the 400


def test_rows_are_deleted_and_put_back(shown, trips):
    before = [
        one(trips, f"select {name} from trips where id = 4") for name in ("place", "day", "price", "paid", "note")
    ]
    for row in (2, 4):
        shown.get_by_role("checkbox", name=f"Select row {row}", exact=True).check()
    shown.get_by_role("button", name="Delete 2 rows").click()
    says(shown, "2 rows deleted")
    assert column(shown, "id")[:3] == ["1", "3", "5"] and one(trips, "select count(*) from trips") == 118
    shown.get_by_role("button", name="Undo").click()
    says(shown, "2 rows put back")
    after = [one(trips, f"select {name} from trips where id = 4") for name in ("place", "day", "price", "paid", "note")]
    assert (after, column(shown, "id")[:4]) == (before, ["1", "2", "3", "4"])


def test_shift_selects_the_rows_between(shown):
    shown.get_by_role("checkbox", name="Select row 2", exact=True).check()
    shown.get_by_role("checkbox", name="Select row 6", exact=True).click(modifiers=["Shift"])
    assert shown.get_by_role("button", name="Delete 5 rows").is_visible()
    shown.get_by_role("checkbox", name="Select all rows of this page").check()
    assert shown.get_by_role("button", name="Delete 50 rows").is_visible()


FILES = {
    "rows.csv": 'place,seats,note\nNarvik,5,"one, ""two""\nthree"\nHamar,,\n',
    "rows.json": json.dumps([{"place": "Narvik", "seats": 5, "note": 'one, "two"\nthree'}, {"place": "Hamar"}]),
    "rows.ndjson": '{"place": "Narvik", "seats": 5, "note": "one, \\"two\\"\\nthree"}\n{"place": "Hamar"}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_rows_are_added_from_a_file(shown, trips, tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    with shown.expect_file_chooser() as chooser:
        shown.get_by_role("button", name="Add from a file").click()
    chooser.value.set_files(tmp_path / name)
    says(shown, "2 rows added")
    assert one(trips, "select note from trips where place = 'Narvik' and seats = 5") == 'one, "two"\nthree'
    assert one(trips, "select count(*) from trips where place = 'Hamar' and seats is null and note is null") == 1


def test_a_file_with_a_bad_row_changes_nothing(shown, trips, tmp_path, page):
    (tmp_path / "rows.csv").write_text("place,seats\nNarvik,5\nHamar,many\n")
    with shown.expect_file_chooser() as chooser:
        shown.get_by_role("button", name="Add from a file").click()
    chooser.value.set_files(tmp_path / "rows.csv")
    shown.get_by_role("alert").filter(has_text="rows.csv: row 2: seats").wait_for()
    assert one(trips, "select count(*) from trips") == 120
    page.problems.clear()  # the browser notes the 400


def test_a_row_that_is_gone_cannot_be_edited(shown, trips):
    one(trips, "delete from trips where id = 2")
    cell(shown, "place", 2).dblclick()
    shown.get_by_role("alert").filter(has_text="no longer there").wait_for()
    assert shown.locator(".is-edited").count() == 0


def test_the_key_of_a_row_cannot_be_edited(shown):
    cell(shown, "id", 2).dblclick()
    shown.get_by_role("alert").filter(has_text="says which row it is").wait_for()
    assert shown.locator(".is-edited").count() == 0 and cell(shown, "id", 2).inner_text() == "2"


def test_without_javascript_nothing_offers_to_edit(server, page):
    shown = page(java_script_enabled=False)
    shown.goto(server.url + "/trips")
    assert shown.get_by_role("button", name="Add a row").count() == 0
    assert shown.get_by_role("checkbox", name="Select row 1", exact=True).count() == 0


def test_a_double_tap_edits_a_cell(server, page, trips):
    shown = page(width=390, has_touch=True, is_mobile=True)
    shown.goto(server.url + "/trips")
    for _ in range(2):
        cell(shown, "place").tap()
    shown.locator("td.is-edited input").fill("Narvik")
    shown.keyboard.press("Enter")
    says(shown, "Saved")
    assert one(trips, "select place from trips where id = 1") == "Narvik"


def test_an_upload_shows_how_far_it_is(shown, trips, tmp_path):
    (tmp_path / "rows.csv").write_text("place,note\n" + "Narvik,a long note\n" * 20_000)
    shown.evaluate(
        """() => { window.seen = []; const text = document.querySelector('[data-progress-text]');
        new MutationObserver(() => seen.push(text.textContent)).observe(text, {childList: true}); }"""
    )
    with shown.expect_file_chooser() as chooser:
        shown.get_by_role("button", name="Add from a file").click()
    chooser.value.set_files(tmp_path / "rows.csv")
    says(shown, "20,000 rows added")
    assert any("100 % sent" in text for text in shown.evaluate("seen"))
    assert one(trips, "select count(*) from trips") == 20_120


def test_a_file_is_edited_as_a_database_is(serve, page):
    site = "url: {places: {pattern: /places, handler: FormHandler, kwargs: {url: places.csv, id: place}}}"
    server = serve(site, {"places.csv": "place,people,since\nOslo,700,1048-01-01\nBergen,290,1070-01-01\n"})
    shown = page()
    shown.goto(server.url + "/places")
    edit(shown, "people", 2).fill("291")
    shown.keyboard.press("Enter")
    says(shown, "Saved: people is 291")
    shown.get_by_role("checkbox", name="Select row 1").check()
    shown.get_by_role("button", name="Delete 1 row").click()
    says(shown, "1 row deleted")
    assert (server.folder / "places.csv").read_text().splitlines()[1:] == ["Bergen,291,1070-01-01"]
