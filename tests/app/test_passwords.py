"""Passwords as they are kept."""

import threading

import pytest

from app import passwords


def test_a_hash_is_argon2id_at_the_cost_of_owasp_and_differs_each_time():
    first, second = passwords.hashed("secret"), passwords.hashed("secret")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and first != second
    assert passwords.verify("secret", first) and not passwords.verify("Secret", first)


@pytest.mark.parametrize(
    ("kept", "outdated"),
    [
        ("secret", True),
        ("scrypt:32768:8:1$salt$00", True),
        ("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", True),
        ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$" + "A" * 43, False),
    ],
    ids=["plain text", "werkzeug's", "cheap", "ours"],
)
def test_what_is_kept_otherwise_is_outdated(kept, outdated):
    assert passwords.outdated(kept) is outdated


@pytest.mark.parametrize(
    "kept", ["$argon2id$broken", "scrypt:3:8:1$salt$00", "pbkdf2:no:1$a$00", "$2b$12$x", "$y$j9T$x"]
)
def test_a_hash_that_cannot_be_checked_is_nobodys(kept):
    assert not passwords.verify(kept, kept) and not passwords.verify("", kept)


@pytest.mark.parametrize("text", ["\ud800", "x" * (passwords.LONGEST + 1)], ids=["half a character", "long"])
def test_what_cannot_be_a_password_is_nobodys(text):
    assert not passwords.verify(text, text)


def test_plain_text_may_be_in_any_language_and_hold_dollars():
    assert passwords.verify("pä$$wört", "pä$$wört") and not passwords.verify("pä$$wört", "pä$$wort")


def test_two_are_hashed_at_once_and_the_others_wait(monkeypatch):
    running, most, gate = [], [], threading.Semaphore(0)

    def slow(text, kept):
        running.append(text)
        most.append(len(running))
        gate.acquire()
        running.pop()

    monkeypatch.setattr(passwords, "_verify", slow)
    threads = [threading.Thread(target=passwords.verify, args=(str(number), None)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in threads:
        gate.release()
    for thread in threads:
        thread.join(10)
    assert len(most) == 6 and max(most) <= 2
