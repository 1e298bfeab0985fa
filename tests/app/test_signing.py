"""Signed values, which Tornado understands, and the secrets that sign them."""

import os
import threading
import time

import pytest
from tornado import web

from app.signing import BadSignature, Secrets, Signer

NOW = 1_700_000_000
SIGNED = "2|1:0|10:1700000000|4:user|4:Zm9v|"


@pytest.fixture
def signer(tmp_path):
    """`signer("new", "old")` -> one with these secrets; without any, with those of a file."""
    return lambda *secrets: Signer(Secrets(secrets, tmp_path / "var" / "cookie_secret"))


@pytest.mark.parametrize("value", ["", "foo", "é|:", b"\x00\xff", "x" * 10_000], ids=["", "text", "é", "bytes", "long"])
def test_a_signed_value_comes_back(signer, value):
    own = signer("secret")
    assert own.unsign("user", own.sign("user", value)) == (value.encode() if isinstance(value, str) else value)


def test_it_is_as_tornado_writes_it(signer):
    ours = signer("secret").sign("user", "foo", now=NOW)
    assert ours.encode() == web.create_signed_value("secret", "user", "foo", version=2, clock=lambda: NOW)


def test_tornado_verifies_ours(signer):
    ours = signer("secret").sign("ü", "bär")
    assert web.decode_signed_value("secret", "ü", ours) == "bär".encode()


@pytest.mark.parametrize("secret, version", [("new", None), ({3: "old", 5: "new"}, 5)], ids=["one", "by version"])
def test_tornado_s_are_verified(signer, secret, version):
    theirs = web.create_signed_value(secret, "user", "foo", version=2, key_version=version)
    assert signer("new").unsign("user", theirs.decode(), max_age=60) == b"foo"


def wrong(signer):
    """Texts that somebody might try, beside what is wrong with them."""
    good = signer.sign("user", "foo")
    body, _, signature = good.rpartition("|")
    return {
        "empty": "",
        "no signature": body,
        "empty signature": body + "|",
        "truncated": good[:-1],
        "longer": good + "0",
        "another value": good.replace("Zm9v", "YmFy"),
        "another signature": f"{body}|{'0' * len(signature)}",
        "capitals": f"{body}|{signature.upper()}",
        "bars": "|" * 100,
        "no ASCII": f"{body}|é",
        "half a character": f"{body}|\ud800",
        "a null": good + "\0",
        "a line": good + "\n",
        "version 1": "Zm9v|1700000000|0123456789abcdef",
        "Tornado's of another secret": web.create_signed_value("other", "user", "foo").decode(),
    }


@pytest.mark.parametrize("name", wrong(Signer(Secrets(["secret"], None))))
def test_whatever_is_not_signed_is_refused(signer, name):
    with pytest.raises(BadSignature):
        signer("secret").unsign("user", wrong(signer("secret"))[name])


def test_no_single_character_can_be_changed(signer):
    own = signer("secret")
    good = own.sign("user", "foo", now=NOW)
    for place in range(len(good)):
        changed = good[:place] + chr(ord(good[place]) ^ 1) + good[place + 1 :]
        assert own.value("user", changed) is None, changed


def test_a_value_is_good_under_its_own_name_only(signer):
    own = signer("secret")
    assert own.value("user", own.sign("sid", "foo")) is None


@pytest.mark.parametrize("age, found", [(50, b"foo"), (70, None), (-200, b"foo"), (-400, None)])
def test_a_value_ends_with_its_age(signer, age, found):
    own = signer("secret")
    assert own.value("user", own.sign("user", "foo", now=time.time() - age), max_age=60) == found


def test_the_newest_secret_signs_and_all_verify(signer):
    old, both, new = signer("old"), signer("new", "old"), signer("new")
    assert both.value("user", old.sign("user", "foo")) == b"foo"
    assert new.value("user", both.sign("user", "foo")) == b"foo"
    assert new.value("user", old.sign("user", "foo")) is None


def test_a_secret_is_made_at_first_use_and_only_its_owner_reads_it(signer, tmp_path):
    file = tmp_path / "var" / "cookie_secret"
    signed = signer().sign("user", "foo")
    assert signer().value("user", signed) == b"foo"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) == 64


def test_workers_that_start_at_once_agree_on_a_secret(signer):
    signed = []
    threads = [threading.Thread(target=lambda: signed.append(signer().sign("user", "foo"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [signer().value("user", text) for text in signed] == [b"foo"] * 8


def test_a_rotation_is_followed_within_a_second(signer, tmp_path, monkeypatch):
    worker = signer()
    before = worker.sign("user", "foo")
    assert Secrets((), tmp_path / "var" / "cookie_secret").rotate(keep=1) == 2
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.1)
    after = worker.sign("user", "foo", now=NOW)
    assert after != signer(*secrets(tmp_path)[1:]).sign("user", "foo", now=NOW)
    assert worker.value("user", before) == b"foo"


def test_what_another_worker_signs_with_a_new_secret_is_good_at_once(signer, tmp_path):
    worker = signer()
    worker.sign("user", "foo")
    Secrets((), tmp_path / "var" / "cookie_secret").rotate(keep=1)
    assert worker.value("user", signer().sign("user", "foo")) == b"foo"


def test_a_secret_that_was_dropped_verifies_no_more(signer, tmp_path):
    before = signer().sign("user", "foo")
    Secrets((), tmp_path / "var" / "cookie_secret").rotate(keep=0)
    assert signer().value("user", before) is None
    assert len(secrets(tmp_path)) == 1


def test_a_rotation_leaves_owner_and_mode_as_they_are(signer, tmp_path):
    file = tmp_path / "var" / "cookie_secret"
    signer().sign("user", "foo")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 1234)
    before = file.stat()
    Secrets((), file).rotate(keep=1)
    assert [getattr(file.stat(), name) for name in OWNED] == [getattr(before, name) for name in OWNED]


OWNED = ("st_uid", "st_gid", "st_mode")


def test_a_file_without_a_secret_signs_nothing(signer, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "cookie_secret").write_text("\n")
    with pytest.raises(RuntimeError, match="cookie_secret has no secret: remove it, and a new one is made"):
        signer().sign("user", "foo")


def secrets(folder):
    return (folder / "var" / "cookie_secret").read_text().split()


@pytest.fixture
def flask(site):
    """`flask(args, yaml)` -> the result of a `flask` command in a site."""
    return lambda args, yaml="": site(yaml).app.test_cli_runner().invoke(args=args.split())


def test_the_command_rotates_the_secret(flask, tmp_path):
    assert flask("secret rotate").output == "a new secret signs; 0 older ones verify\n"
    assert len(secrets(tmp_path / "site")) == 1


def test_the_command_keeps_as_many_as_it_is_told(site, tmp_path):
    run = site("").app.test_cli_runner().invoke
    said = [run(args=["secret", "rotate", "--keep=1"]).output for _ in range(3)]
    assert said[1:] == ["a new secret signs; 1 older one verifies\n"] * 2
    assert len(secrets(tmp_path / "site")) == 2


def test_secrets_in_the_yaml_are_changed_there(flask):
    result = flask("secret rotate", "app: {settings: {cookie_secret: [b, a]}}")
    assert result.exit_code == 1
    assert (
        result.output == "Error: the secrets are in app.settings.cookie_secret: put a new one first in the list there\n"
    )


def test_the_secret_that_everybody_knows_is_warned_of(site):
    client = site("app: {settings: {cookie_secret: secret-key}}", name="gramex.yaml")
    (warning,) = client.app.extensions["skerry"].application.site.warnings
    assert warning.message == "everybody knows 'secret-key': remove it, and a secret is made in var/cookie_secret"


@pytest.mark.parametrize("yaml", ["''", "[a, '']"])
def test_an_empty_secret_is_a_mistake(site, yaml):
    mistakes = site(f"app: {{settings: {{cookie_secret: {yaml}}}}}").app.extensions["skerry"].application.mistakes
    assert "leave cookie_secret out, and one is made" in mistakes[0].message
