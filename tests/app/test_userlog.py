"""The audit log, and what is kept of users between sign-ins."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from app import userlog, userstore

SITE = """
url:
  log/in:
    pattern: /log
    handler: Function
    kwargs: {function: "events.happen(handler)", xsrf_cookies: false}
"""
EVENTS = """
from app import userlog

def happen(handler):
    userlog.write("login", {"id": "ann", "email": "ann@example.org", "level": 3})
"""
FILES = {"events.py": EVENTS}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request):
    """The URL of an empty database."""
    return "sqlite:///users.db" if request.param == "sqlite" else request.getfixturevalue(request.param)


@pytest.fixture
def inside(site):
    """`inside(yaml)` -> the context in which commands run: that of the site's application."""
    return lambda yaml: site(yaml).app.extensions["skerry"].application.app_context()


def rows(client, table="userlog"):
    connection = sqlite3.connect(client.folder / "var" / "state.db")
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return found


def test_an_event_is_a_row_with_the_columns_of_the_original(site):
    client = site(SITE, FILES)
    client.get("/log?a=b", headers={"User-Agent": "me"})
    (row,) = rows(client)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(row.pop("datetime"))).total_seconds()) < 60
    assert row == {
        "event": "login",
        "port": "80",
        "uri": "/log?a=b",
        "name": "log/in",
        "class": "Function",
        "user": "ann",
        "ip": "127.0.0.1",
        "browser": "me",
    }


def test_columns_are_keys_of_the_log(site):
    names = "user.email: TEXT, user.level: {type: INTEGER}, headers.Referer: TEXT, args.q: TEXT, request_id: TEXT"
    client = site(f"storelocations: {{userlog: {{table: audit, columns: {{{names}}}}}}}\n{SITE}", FILES)
    answer = client.get("/log?q=1", headers={"Referer": "http://a/"})
    (row,) = rows(client, "audit")
    assert (row["user.email"], row["user.level"]) == ("ann@example.org", 3)
    assert (row["headers.Referer"], row["args.q"]) == ("http://a/", "1")
    assert row["request_id"] == answer.headers["X-Request-ID"]


def test_no_secret_of_the_query_is_written(site):
    client = site(SITE, FILES)
    client.get("/log?gramex-key=0123&Password=0123&reset_token=0123&q=1")
    assert rows(client)[0]["uri"] == "/log?gramex-key=***&Password=***&reset_token=***&q=1"


def test_a_form_is_not_written(site):
    client = site(SITE, FILES)
    client.post("/log", data={"user": "ann", "password": "0123"})
    assert "0123" not in str(rows(client))


@pytest.mark.parametrize("user", ["bob", {"id": "bob"}], ids=["id", "mapping"])
def test_an_event_may_be_written_by_a_command(inside, url, user):
    with inside(f"storelocations: {{userlog: {{url: '{url}', columns: user.email}}}}"):
        userlog.write("disable", user, ip="console")
        table = userlog.table()
        (row,) = table.database.read(f"SELECT * FROM {table.name}")
    assert (row["event"], row["user"], row["ip"], row["browser"], row["user.email"]) == (
        "disable",
        "bob",
        "console",
        None,
        None,
    )


def test_an_event_of_nobody_has_no_user(inside):
    with inside("{}"):
        userlog.write("fail")
        table = userlog.table()
        assert table.database.read(f"SELECT * FROM {table.name}")[0]["user"] is None


def test_values_that_a_client_made_up_are_written_all_the_same(inside, url):
    with inside(f"storelocations: {{userlog: {{url: '{url}'}}}}"):
        userlog.write("fail", "a\0b\ud800'\"; DROP TABLE userlog --🦀" + "x" * 100_000)
        table = userlog.table()
        (row,) = table.database.read(f"SELECT * FROM {table.name}")
    assert row["user"].startswith("a\ufffdb?'\"; DROP TABLE userlog --🦀xxx")
    assert len(row["user"]) == 2000


def test_a_database_that_is_down_is_503(site):
    client = site("storelocations: {userlog: {url: 'mysql://nobody@127.0.0.1:9/none'}}\n" + SITE, FILES)
    assert client.get("/log").status_code == 503


def test_what_is_not_known_of_a_user_is_nothing(inside, url):
    with inside(f"storelocations: {{user: {{url: '{url}'}}}}"):
        assert userstore.load("ann") == {}
        assert userstore.everyone() == {}


def test_attributes_of_users_are_kept_beside_each_other(inside, url):
    with inside(f"storelocations: {{user: {{url: '{url}'}}}}"):
        userstore.save("ann", {"active": "y", "name": "Ann Ø 🦀"})
        userstore.save("Ann", {"active": ""})
        userstore.save("ann", {"active": "", "roles": ["a", "b"]})
        assert userstore.load("ann") == {"active": "", "name": "Ann Ø 🦀", "roles": ["a", "b"]}
        assert userstore.everyone() == {"Ann": {"active": ""}, "ann": userstore.load("ann")}


def test_a_user_may_have_any_id(inside, url):
    ids = ["", "a\0b", "'\"; --", "\ud800", "x" * 300]
    with inside(f"storelocations: {{user: {{url: '{url}'}}}}"):
        for id in ids:
            userstore.save(id, {"length": len(id)})
        assert [userstore.load(id) for id in ids] == [{"length": len(id)} for id in ids]


def test_what_is_saved_at_once_is_all_there(inside, url):
    context = inside(f"storelocations: {{user: {{url: '{url}'}}}}")

    def save(number):
        with context.app.app_context():
            userstore.save("ann", {str(number): number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(save, range(16)))
    with context:
        assert userstore.load("ann") == {str(number): number for number in range(16)}


def test_attributes_are_in_a_table_of_keys_and_values(site):
    client = site(SITE, FILES)
    with client.app.extensions["skerry"].application.app_context():
        userstore.save("ann", {"active": "y"})
    assert rows(client, "user") == [{"key": "ann", "value": '{"active":"y"}'}]
