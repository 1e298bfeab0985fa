"""`flask token`: the API keys of a site at the command line."""

import re
import time
from datetime import UTC, datetime

import pytest

from app import tokens, userstore

SITE = """
url:
  who: {pattern: /who, handler: Function, kwargs: {function: handler.current_user}}
  sales.list: {pattern: /sales, handler: Function, kwargs: {function: handler.current_user}}
"""


@pytest.fixture
def client(site):
    return site(SITE)


@pytest.fixture
def token(client):
    """`token("list")` -> the result of `flask token list`."""
    return lambda *args: client.app.test_cli_runner().invoke(args=["token", *args])


@pytest.fixture
def inside(client):
    return client.app.extensions["skerry"].application.app_context()


def who(client, key, path="/who"):
    return client.get(path, headers={"Authorization": f"Bearer {key.strip()}"})


def listed(token):
    """The lines of the list without the heading, as words."""
    return [line.split() for line in token("list").output.splitlines()[1:]]


def test_create_prints_a_key_that_is_good_at_once(client, token):
    result = token("create", "ann")
    assert re.fullmatch("[0-9a-f]{32}\n", result.output)
    assert who(client, result.output).json == {"id": "ann", "type": "Key"}


def test_a_key_has_what_is_known_of_the_user(client, token, inside):
    with inside:
        userstore.save("ann", {"active": "y", "role": "boss"})
    assert who(client, token("create", "ann").output).json == {"id": "ann", "role": "boss", "type": "Key"}


def test_a_key_has_what_the_credentials_say_of_the_user(site):
    login = "  login: {pattern: /l, handler: SimpleAuth, kwargs: {credentials: {ann: {password: x, role: boss}}}}\n"
    client = site(SITE + login)
    key = client.app.test_cli_runner().invoke(args=["token", "create", "ann"]).output
    assert who(client, key).json == {"id": "ann", "role": "boss", "type": "Key"}


def test_a_key_may_be_bound_to_mounts_and_methods(client, token):
    key = token("create", "ann", "--mount", "sales.*", "--method", "get", "--method", "PUT").output
    assert who(client, key, "/sales").status_code == 200
    assert who(client, key, "/who").status_code == 403
    assert client.post("/sales", headers={"X-Gramex-Key": key.strip()}).status_code == 403


def test_a_user_who_is_disabled_gets_no_key(token, inside):
    with inside:
        userstore.save("ann", {"disabled": True})
    result = token("create", "ann")
    assert (result.exit_code, result.output) == (1, "Error: ann is disabled: a key would let them in again\n")


def test_list_shows_everything_but_the_key(client, token):
    token("create", "bob")
    key = token("create", "ann", "--mount", "who", "--method", "GET", "--days", "1", "--note", "for R").output
    who(client, key)
    result = token("list")
    assert result.output.split("\n")[0].split() == "ID USER SCOPE CREATED EXPIRES LAST USED NOTE".split()
    bob, ann = listed(token)
    assert bob[1:3] == ["bob", "-"] and bob[-1] == "-"
    assert ann[1:4] == ["ann", "GET", "who"] and ann[-2:] == ["for", "R"]
    today, tomorrow = (f"{datetime.fromtimestamp(time.time() + after, UTC):%Y-%m-%d}" for after in (0, 86400))
    assert ann[4:10:2] == [today, tomorrow, today]
    assert key.strip() not in result.output


def test_a_key_without_an_end_that_a_calendar_knows_is_listed(token, inside):
    with inside:
        tokens.issue("ann", 1e12, type=tokens.KEY)
    assert listed(token)[0][-2:] == ["-", "-"]


def test_list_shows_no_one_time_passwords(token, inside):
    with inside:
        tokens.issue("ann", 60)
    assert listed(token) == []


def test_revoke_takes_an_id_as_the_list_shows_it(client, token):
    keys = [token("create", name).output for name in ("ann", "bob")]
    assert token("revoke", listed(token)[0][0]).output == "1 revoked\n"
    assert [who(client, key).status_code for key in keys] == [401, 200]


def test_revoke_may_be_for_all_tokens_of_a_user(client, token, inside):
    keys = [token("create", name).output for name in ("ann", "bob", "ann")]
    with inside:
        tokens.issue("ann", 60)
    assert token("revoke", "--user", "ann").output == "3 revoked\n"
    assert [who(client, key).status_code for key in keys] == [401, 200, 401]


WRONG = {
    "no user": (["create"], "Missing argument 'USER'"),
    "an empty user": (["create", ""], "a key needs a user"),
    "no such mount": (["create", "ann", "--mount", "whoo"], "there is no mount 'whoo', did you mean 'who'?"),
    "no such method": (["create", "ann", "--method", "FETCH"], "'FETCH' is not one of"),
    "no time": (["create", "ann", "--days", "0"], "0"),
    "nothing to revoke": (["revoke"], "give an ID, or --user"),
    "both": (["revoke", "a", "--user", "ann"], "give an ID, or --user"),
    "no such id": (["revoke", "zz"], "no API keys have an id like 'zz': see flask token list"),
    "all ids": (["revoke", ""], "no API keys have an id like ''"),
}


@pytest.mark.parametrize(("args", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_is_said_and_nothing_is_changed(token, args, message):
    token("create", "ann")
    result = token(*args)
    assert result.exit_code != 0 and message in result.output
    assert len(listed(token)) == 1


def test_an_id_that_several_keys_have_is_refused(token):
    for _ in range(17):
        token("create", "ann")
    first = sorted(line[0][0] for line in listed(token))
    twice = next(digit for digit in first if first.count(digit) > 1)
    assert f"{first.count(twice)} API keys have an id like" in token("revoke", twice).output
    assert len(listed(token)) == 17


def test_a_database_that_is_down_is_said_without_its_password(site):
    client = site("storelocations: {otp: {url: 'postgresql://me:pw@127.0.0.1:9/none'}}")
    result = client.app.test_cli_runner().invoke(args=["token", "list"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: postgresql") and "pw" not in result.output
