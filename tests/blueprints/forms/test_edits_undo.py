"""`flask undo`: changes of tables taken back at the command line."""

import pytest

from app.cli.undo import undo as command

YAML = """
url:
  orders: {pattern: /orders, handler: FormHandler, kwargs: {url: a.csv, id: id, journal: true, xsrf_cookies: false}}
  others: {pattern: /others, handler: FormHandler, kwargs: {url: b.csv, id: id, journal: b.db, xsrf_cookies: false}}
  years:
    pattern: /years/<year>
    handler: FormHandler
    kwargs: {url: '{year}.csv', id: id, journal: true, xsrf_cookies: false}
  plain: {pattern: /plain, handler: FormHandler, kwargs: {url: a.csv, id: id, xsrf_cookies: false}}
"""
CSV = "id,t\n1,a\n2,b\n"


@pytest.fixture
def client(site):
    return site(YAML, {"a.csv": CSV, "b.csv": CSV, "2026.csv": CSV})


@pytest.fixture
def undo(client):
    """`undo("--list")` -> the result of `flask undo --list`."""
    return lambda *args: client.app.test_cli_runner().invoke(command, args)


def test_the_last_change_of_all_is_undone_and_then_the_one_before(client, undo):
    client.put("/orders?id=1&t=x")
    client.delete("/others?id=2")
    assert undo().output == "others: undid change 1, delete of 1 row\n"
    assert undo().output == "orders: undid change 1, update of 1 row\n"
    assert undo().output == "Error: there is nothing to undo\n"
    assert [(client.folder / name).read_text() for name in ("a.csv", "b.csv")] == [CSV, CSV]


def test_a_given_change_and_those_of_a_mount(client, undo):
    for text in "xyz":
        client.post("/orders", data={"t": text})
    client.put("/others?id=1&t=x")
    assert undo("--mount", "orders", "2").output == "orders: undid change 2, insert of 1 row\n"
    assert undo("--mount", "orders", "2").output == "Error: change 2 was undone by 4\n"
    assert undo("--mount", "orders", "4").exit_code == 0  # brings it back
    assert undo("--mount", "orders").output.startswith("orders: undid change 3")
    assert "t\n1,x" in (client.folder / "b.csv").read_text()


def test_what_others_have_built_on_is_refused(client, undo):
    client.put("/orders?id=1&t=x")
    client.put("/plain?id=1&t=y")
    result = undo()
    assert (result.exit_code, result.output) == (
        1,
        "Error: the row id=1 has been changed since, so that this cannot be undone\n",
    )
    assert "1,y" in (client.folder / "a.csv").read_text()


def test_the_list_shows_who_changed_what(client, undo):
    client.put("/orders?id=1&id=2&t=x")
    client.post("/orders", data={"t": "y"})
    undo()
    lines = [line.split() for line in undo("--list").output.splitlines()]
    assert lines[0] == "ID TIME WHO MOUNT CHANGE ROWS KEYS UNDONE".split()
    assert [[line[0], *line[3:]] for line in lines[1:]] == [
        ["3", "flask", "undo", "orders", "undo", "1", "3", "-"],
        ["2", "-", "orders", "insert", "1", "3", "by", "3"],
        ["1", "-", "orders", "update", "2", "1", "2", "-"],
    ]


def test_a_change_of_a_table_that_the_request_named_finds_it_again(client, undo):
    client.put("/years/2026?id=1&t=x")
    assert "1,x" in (client.folder / "2026.csv").read_text()
    assert undo().output == "years: undid change 1, update of 1 row\n"
    assert (client.folder / "2026.csv").read_text() == CSV


def test_a_change_that_fails_leaves_no_entry(client, undo):
    assert client.put("/orders?id=1&t=x").status_code == 200 and undo().exit_code == 0
    assert client.put("/orders?id=1&t=x", headers={"If-Match": '"old"'}).status_code == 412
    assert undo().output == "Error: there is nothing to undo\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "there is no journal: set `journal: true`"),
        (("--mount", "order"), "there is no mount 'order', did you mean 'orders'?"),
        (("--mount", "plain"), "there is no journal of plain"),
    ],
)
def test_what_cannot_be_undone_is_said(undo, args, says):
    result = undo(*args)
    assert result.exit_code == 1 and says in result.output
