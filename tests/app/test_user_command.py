"""`flask user`: the users of a site from the command line."""

import re

import pytest

from app import passwords
from app.cli.user import user

SITE = """
    url:
      simple: {pattern: /simple, handler: SimpleAuth, kwargs: {delay: 0, credentials: {ana: secret, zoe: secret}}}
      table: {pattern: /table, handler: DBAuth, kwargs: {url: people.csv, delay: 0}}
      who: {pattern: /who, handler: Function, kwargs: {function: handler.current_user}}
"""
FILES = {"people.csv": "user,password,role\nben,hidden,ops\n"}


@pytest.fixture
def client(site):
    return site(SITE, FILES)


def run(client, *args, **options):
    return client.app.test_cli_runner().invoke(user, args, **options)


def sign_in(client, path, name, password):
    return client.app.test_client().post(path, data={"user": name, "password": password}).status_code


def test_hash_prints_what_the_yaml_takes(client, site):
    printed = run(client, "hash", input="secret\n").output.strip()
    other = site(SITE.replace("ana: secret", f"ana: {printed}"), FILES)
    assert re.fullmatch(r'"\$\$argon2id\$\$\S+"', printed)
    assert sign_in(other, "/simple", "ana", "secret") == 302


def test_hash_prints_what_a_table_takes(client):
    assert passwords.verify("secret", run(client, "hash", "--raw", input="secret\n").output.strip())


def test_hash_of_nothing_is_refused(client):
    assert run(client, "hash", input="").exit_code == 2


def test_list_has_the_users_of_all_mounts_and_their_state(client):
    sign_in(client, "/simple", "ana", "secret")
    run(client, "disable", "zoe")
    lines = [line.split() for line in run(client, "list").output.splitlines()]
    assert lines[1:] == [["ana", "active", "simple"], ["ben", "new", "table"], ["zoe", "disabled", "simple"]]


def test_add_puts_a_user_into_the_table(client):
    added = run(client, "add", "eve", "--set", "role=guest", input="secret\n")
    assert (added.exit_code, added.output) == (0, "added eve to table\n")
    assert sign_in(client, "/table", "eve", "secret") == 302
    assert "secret" not in (client.folder / "people.csv").read_text()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["ben"], "there is a user 'ben' already"),
        (["eve", "--set", "rule=x"], "no column 'rule'"),
        (["eve", "--set", "role"], "COLUMN=VALUE"),
        (["eve", "--mount", "tabel"], "did you mean 'table'"),
    ],
    ids=["there already", "no column", "no value", "no mount"],
)
def test_add_says_what_is_wrong(client, args, words):
    answer = run(client, "add", *args, input="secret\n")
    assert answer.exit_code and words in answer.output


def test_without_a_table_add_says_what_to_do(site):
    client = site("url: {}")
    assert "flask user hash" in run(client, "add", "eve", input="secret\n").output


def test_a_disabled_user_is_out_at_once_and_may_come_back(client):
    browser = client.app.test_client()
    browser.post("/simple", data={"user": "ana", "password": "secret"})
    assert run(client, "disable", "ana").output == "disabled ana: 1 sessions ended, 0 keys revoked\n"
    assert browser.get("/who").json is None
    assert sign_in(client, "/simple", "ana", "secret") == 401
    assert run(client, "enable", "ana").exit_code == 0
    assert sign_in(client, "/simple", "ana", "secret") == 302
    assert "is not disabled" in run(client, "enable", "ana").output
