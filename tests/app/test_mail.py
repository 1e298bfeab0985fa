"""Mails, through a real mail server."""

import threading

import pytest
from pydantic import ValidationError

from app import mail

HELLO = mail.Message("ana@post.example", "Grüße", "Hello\n", "<p>Hello</p>")


@pytest.fixture
def service(mailbox):
    """`service(**more)` -> the settings of the mail server on this machine."""
    return lambda **more: mail.Service(host="127.0.0.1", port=mailbox.port, **more)


def test_a_mail_arrives_with_both_its_texts(service, mailbox):
    mail.send(service(email="office@site.example"), HELLO)
    got = mailbox.wait()
    assert (got["Subject"], got["From"], got["Auto-Submitted"]) == ("Grüße", "office@site.example", "auto-generated")
    assert [part.get_content().strip() for part in got.iter_parts()] == ["Hello", "<p>Hello</p>"]


def test_a_password_is_never_sent_in_the_clear(service, mailbox):
    with pytest.raises(mail.Failed, match="STARTTLS"):
        mail.send(service(email="office@site.example", password="secret"), HELLO)
    assert not mailbox.mails


def test_with_tls_from_the_start_a_server_without_is_a_failure(service):
    with pytest.raises(mail.Failed, match="SSL"):
        mail.send(service(type="smtps"), HELLO)


@pytest.mark.parametrize(
    "wrong",
    [{"subject": "x\nBcc: eve@post.example"}, {"to": "a@b.example\nBcc: eve@post.example"}, {"sender": "x\r\ny: z"}],
    ids=["subject", "to", "sender"],
)
def test_no_text_begins_another_header(service, mailbox, wrong):
    with pytest.raises(mail.Failed):
        mail.send(service(), HELLO._replace(**wrong))
    assert not mailbox.mails


def test_a_server_that_is_not_there_is_a_failure_that_names_it():
    with pytest.raises(mail.Failed, match=r"127\.0\.0\.1: ConnectionRefusedError"):
        mail.send(mail.Service(host="127.0.0.1", port=9), HELLO)


def test_a_message_that_cannot_be_composed_is_for_the_log(service, caplog):
    mail.send_later(service(), lambda: 1 / 0)
    for thread in mailing():
        thread.join(10)
    assert "ZeroDivisionError" in caplog.text


def test_beyond_a_few_at_once_mails_are_dropped_and_the_log_says_so(service, mailbox, caplog):
    gate = threading.Event()
    for _ in range(mail._AT_ONCE + 1):
        mail.send_later(service(), lambda: gate.wait(10) and None or HELLO)
    gate.set()
    mailbox.wait(mail._AT_ONCE)
    for thread in mailing():
        thread.join(10)
    assert len(mailbox.mails) == mail._AT_ONCE and "one was dropped" in caplog.text


def mailing():
    return [thread for thread in threading.enumerate() if "_send_and_log" in thread.name]


@pytest.mark.parametrize(
    "settings", [{}, {"type": "pigeon", "host": "x"}, {"host": "x", "port": 0}, {"host": "x", "pasword": "y"}], ids=str
)
def test_a_server_that_cannot_be_is_a_mistake(settings):
    with pytest.raises(ValidationError):
        mail.Service.model_validate(settings)


def test_the_section_is_checked_with_the_site(site):
    client = site("email: {office: {type: smtp}}\nurl: {}\n")
    mistakes = client.app.extensions["skerry"].application.mistakes
    assert "email.office: `host` is required: the mail server" in str(mistakes[0])
