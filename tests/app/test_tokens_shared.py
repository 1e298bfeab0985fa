"""Tokens between workers, and in the databases that several hosts share."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.state.database import Unavailable
from app.state.tables import Table
from app.state.tokens import COLUMNS, OURS, Scope, Token, Tokens

ANN = {"id": "ann", "name": "Ann Ø 🦀"}
SITE = """
url:
  otp: {pattern: /otp, handler: Function, kwargs: {function: "handler.otp(user={'id': 'ann'})"}}
  key: {pattern: /key, handler: Function, kwargs: {function: "handler.apikey(user={'id': 'ann'})"}}
  revoke: {pattern: /revoke, handler: Function, kwargs: {function: "handler.revoke_apikey(handler.get_arg('key'))"}}
  who: {pattern: /who, handler: Function, kwargs: {function: handler.current_user, auth: {login_url: false}}}
  open: {pattern: /open, handler: Function, kwargs: {function: str('open')}}
"""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request):
    """The URL of an empty database."""
    return "sqlite:///tokens.db" if request.param == "sqlite" else request.getfixturevalue(request.param)


@pytest.fixture
def table(url, tmp_path):
    return Table(url, tmp_path, "otp", {**COLUMNS, **OURS, "user.email": "VARCHAR(80)"})


@pytest.fixture
def tokens(table):
    return Tokens(table)


def a_token(user=ANN, seconds=60, **values):
    return Token(user, values.pop("type", "Key"), time.time() + seconds, **values)


def at_once(count, work):
    """What `count` threads get that do the same at the same moment."""
    barrier = Barrier(count)

    def run(_):
        barrier.wait(20)
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_one_of_many_who_use_a_one_time_password_at_once_gets_in(serve, url):
    server = serve(f"storelocations: {{otp: {{url: '{url}'}}}}\n{SITE}", workers=4)
    for _ in range(3):
        otp = server.get("/otp").text
        statuses = at_once(8, lambda otp=otp: server.get(f"/who?gramex-otp={otp}").status)
        assert Counter(statuses) == {200: 1, 400: 7}


def test_the_winner_is_signed_in_at_every_worker(serve):
    server = serve(SITE, workers=4)
    otp = server.get("/otp").text
    answers = at_once(8, lambda: server.get("/who", {"X-Gramex-OTP": otp}))
    (cookie,) = [answer.headers["Set-Cookie"].partition(";")[0] for answer in answers if answer.status == 200]
    statuses = at_once(8, lambda: server.get("/who", {"Cookie": cookie}).status)
    assert set(statuses) == {200}


def test_a_key_that_one_worker_revokes_is_bad_at_all_of_them(serve):
    server = serve(SITE, workers=4)
    key = server.get("/key").text
    assert {answer.status for answer in at_once(8, lambda: server.get("/who", {"X-Gramex-Key": key}))} == {200}
    server.get(f"/revoke?key={key}")
    assert {answer.status for answer in at_once(8, lambda: server.get("/who", {"X-Gramex-Key": key}))} == {400}


def test_no_form_of_a_log_shows_a_token(serve):
    server = serve(SITE, workers=2)
    otp, key = server.get("/otp").text, server.get("/key").text
    server.get(f"/who?gramex-otp={otp}")
    server.get(f"/who?gramex-key={key}")
    server.get(f"/who?gramex-otp={otp}")
    assert server.log().count("***") == 3
    assert otp not in server.log() and key not in server.log()


def test_a_database_that_is_down_is_503_where_a_token_comes_and_nowhere_else(site):
    client = site("storelocations: {otp: {url: 'postgresql://nobody@127.0.0.1:9/none'}}\n" + SITE)
    answer = client.get("/who", headers={"X-Gramex-Key": "0" * 32})
    assert (answer.status_code, answer.headers["Retry-After"], "127.0.0.1" in answer.text) == (503, "5", False)
    assert client.get("/who").status_code == 401
    assert client.get("/open").status_code == 200


def test_a_table_keeps_all_that_a_token_has(tokens):
    text = tokens.add(a_token(scope=Scope(["a*"], ["GET"]), note="für R", extra={"user.email": "a@x.org"}))
    found = tokens.find(text)
    assert found.attributes() == {**ANN, "user.email": "a@x.org", "type": "Key"}
    assert (found.scope, found.note, found.owner) == (Scope(["a*"], ["GET"]), "für R", "ann")
    assert tokens.find(text.upper()) is None


def test_a_table_that_lacks_columns_gets_them(table, tokens, url, tmp_path):
    Table(url, tmp_path, "otp", COLUMNS).make()
    text = tokens.add(a_token(extra={"user.email": "a@x.org"}))
    assert tokens.find(text).extra == {"user.email": "a@x.org"}


def test_tokens_of_the_original_in_its_table_are_not_good(table, tokens, url, tmp_path):
    original = Table(url, tmp_path, "otp", COLUMNS)
    original.make()
    row = {"token": "0123456789abcdef", "user": None, "type": "Key", "expire": time.time() + 60}
    original.database.write(lambda execute: original.insert(execute, row))
    tokens.add(a_token())
    assert tokens.find("0123456789abcdef") is None
    assert [key.owner for key in tokens.keys()] == ["ann"]


def test_several_may_make_a_table_at_once(url, tmp_path):
    columns = {**COLUMNS, **OURS}
    at_once(8, lambda: Table(url, tmp_path, "otp", columns).make())
    assert Tokens(Table(url, tmp_path, "otp", columns)).keys() == []


def test_one_of_many_takes_a_token(tokens):
    text = tokens.add(a_token(type="OTP"))
    taken = at_once(8, lambda: tokens.take(text))
    assert [token.owner for token in taken if token] == ["ann"]


def test_tokens_of_a_user_are_removed_together(tokens):
    texts = [tokens.add(a_token({"id": id})) for id in ("ann", "Ann", "ann")]
    assert tokens.remove_of("ann") == 2
    assert [tokens.find(text) is not None for text in texts] == [False, True, False]


def test_a_user_may_have_any_name(tokens):
    name = "a\0b'\"; DROP TABLE otp --" + "x" * 300
    found = tokens.find(tokens.add(a_token({"id": name}, note="\ud800")))
    assert found.user == {"id": name}
    assert tokens.remove_of(name) == 1


def test_expired_tokens_are_removed_at_first_use(table, tokens):
    tokens.add(a_token(seconds=-1))
    assert len(table.database.read("SELECT * FROM otp")) == 1
    assert Tokens(table).keys() == []
    assert table.database.read("SELECT * FROM otp") == []


def test_the_use_of_a_token_is_noted(tokens):
    text = tokens.add(a_token())
    tokens.touch(tokens.find(text), 60)
    used = tokens.find(text).used
    tokens.touch(tokens.find(text), 60)
    assert time.time() - 10 < used == tokens.find(text).used


def test_a_database_that_is_down_says_so(tmp_path):
    (tmp_path / "otp.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable):
        Tokens(Table("sqlite:///otp.db", tmp_path, "otp", COLUMNS)).find("x")


def test_json_of_the_scope_is_readable_for_others(table, tokens):
    tokens.add(a_token(scope=Scope(["a"], [])))
    (row,) = table.database.read("SELECT scope FROM otp")
    assert json.loads(row["scope"]) == {"mounts": ["a"], "methods": []}


def test_tokens_too_short_for_all_of_them_are_refused(tokens):
    with pytest.raises(ValueError, match="tokens of 1 digits are used up: make them longer"):
        for _ in range(17):
            tokens.add(a_token(), size=1)
