"""Small answers are given again while nothing has changed, and to nobody what was another one's."""

import os
import sqlite3

import pytest

SITE = """
url:
  t: {pattern: /t, handler: FormHandler, kwargs: {url: 'sqlite:///own.db', table: t}}
  any: {pattern: '/any.*', handler: FormHandler, kwargs: {url: 'sqlite:///own.db', table: t}}
  mine:
    pattern: /mine
    handler: FormHandler
    kwargs: {url: a.csv, function: "own.only(data, handler)", auth: true}
  key: {pattern: /key, handler: Function, kwargs: {function: "handler.apikey(user={'id': handler.get_arg('who')})"}}
"""
CODE = "def only(data, handler):\n    return data[data['who'] == handler.current_user['id']]\n"
CSV = "who,n\nann,1\nbob,2\n"


@pytest.fixture
def client(site):
    client = site(SITE, {"own.py": CODE, "a.csv": CSV})
    rows = "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)"
    change(client, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", rows)
    os.utime(client.folder / "own.db", (10**9, 10**9))  # what was changed just now may change again unseen
    return client


def change(client, *statements):
    with sqlite3.connect(client.folder / "own.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "query", ["_limit=1", "_limit=1&_format=csv&_download=x.csv", "n>=15&_meta=y", "_by=n&_c=n|count"]
)
def test_an_answer_is_the_same_when_it_is_given_again(client, query):
    first, again = client.get(f"/t?{query}"), client.get(f"/t?{query}")
    assert (again.data, headers(again)) == (first.data, headers(first))


def headers(answer):
    return [(name, value) for name, value in answer.headers if name != "X-Request-ID"]


def test_a_change_is_seen_at_once(client):
    for number in range(20, 30):
        change(client, f"UPDATE t SET n = {number} WHERE id = 2")
        assert client.get("/t?id=2").json == [{"id": 2, "n": number}]


def test_links_are_those_of_the_path(client):
    paths = ["/any", "/anything"]
    assert [client.get(f"{path}?_limit=1").headers["Link"] for path in paths] == [
        f'<{path}?_limit=1&_offset=1>; rel="next"' for path in paths
    ]


def test_nobody_gets_the_key_of_another_one(client):
    key = client.get("/key?who=ann").text
    first = client.get(f"/t?_limit=1&gramex-key={key}&Gramex-OTP=x")
    assert first.status_code == 200 and key not in str(first.headers)
    assert client.get("/t?_limit=1").headers["Link"] == '</t?_limit=1&_offset=1>; rel="next"'


def test_what_a_function_makes_for_one_user_is_for_that_one(client):
    keys = {who: client.get(f"/key?who={who}").text for who in ("ann", "bob")}
    found = [client.get("/mine?_limit=5", headers={"X-Gramex-Key": keys[who]}).json for who in ("ann", "bob", "ann")]
    assert found == [[{"who": "ann", "n": 1}], [{"who": "bob", "n": 2}], [{"who": "ann", "n": 1}]]


def test_only_so_much_is_kept(client, monkeypatch):
    monkeypatch.setattr("blueprints.forms.kept.TOTAL", 100)
    for number in range(30):
        assert client.get(f"/t?id=1&_limit={number + 1}").json == [{"id": 1, "n": 10}]
    view = client.app.extensions["skerry"].application.view_functions
    (answers,) = {find(each)._answers for name, each in view.items() if name.startswith("t.")}
    assert 0 < answers._size <= 100


def find(view):
    return getattr(view, "__wrapped__", view)
