"""Forgotten passwords and sign-up, through a real mail server."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

SITE = """
    app: {{url: "https://site.example"}}
    email: {{office: {{type: smtp, host: 127.0.0.1, port: {port}, email: office@site.example}}}}
    url:
      login:
        pattern: /login
        handler: DBAuth
        kwargs: {{url: people.csv, delay: 0, forgot: {{{forgot}}}, password: {{min_numbers: 1}}, {more}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""
CSV = "user,password,email,role\nana,secret,ana@post.example,analyst\nben,hidden,,ops\n"
NEW = {"password": "correct horse 7"}


@pytest.fixture
def forgetting(site, mailbox):
    """`forgetting(more="", forgot="")` -> a client of a site that sends links."""

    def forgetting(more="", forgot="", **files):
        yaml = SITE.format(port=mailbox.port, more=more, forgot=forgot)
        return site(yaml, {"people.csv": CSV, **files})

    return forgetting


def path_of(mail):
    """The path of the link in a mail."""
    return re.search(r"https://site\.example(/login\?\S+)", mail.get_content())[1]


def test_the_link_in_the_mail_sets_a_new_password(forgetting, mailbox):
    client = forgetting()
    assert client.post("/login?forgot", data={"email": "ana@post.example"}).status_code == 200
    mail = mailbox.wait()
    assert (mail["To"], mail["From"]) == ("ana@post.example", "office@site.example")
    assert 'autocomplete="new-password"' in client.get(path_of(mail)).text
    assert client.post(path_of(mail), data=NEW).status_code == 200
    assert client.post("/login", data={"user": "ana", **NEW}).status_code == 302


def test_a_link_is_good_once_even_for_requests_at_the_same_time(forgetting, mailbox):
    client = forgetting()
    client.post("/login?forgot", data={"email": "ana@post.example"})
    path = path_of(mailbox.wait())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.another().post(path, data=NEW).status_code, range(8)))
    assert sorted(answers) == [200] + [401] * 7
    assert client.get(path, headers={"Accept": "text/html"}).status_code == 401


def test_a_new_password_ends_the_sessions_of_who_knew_the_old_one(forgetting, mailbox):
    client = forgetting()
    thief = client.another()
    thief.post("/login", data={"user": "ana", "password": "secret"})
    client.post("/login?forgot", data={"user": "ana"})
    client.post(path_of(mailbox.wait()), data=NEW)
    assert thief.get("/who").json is None


@pytest.mark.parametrize(
    "form", [{"email": "nobody@post.example"}, {"user": "nobody"}, {"user": "ben"}], ids=["mail", "name", "no address"]
)
def test_who_has_no_account_is_answered_like_who_has_one(forgetting, mailbox, form):
    client = forgetting()
    unknown = client.post("/login?forgot", data=form, headers={"Accept": "text/html"})
    known = client.post("/login?forgot", data={"email": "ana@post.example"}, headers={"Accept": "text/html"})
    assert (unknown.status_code, unknown.data) == (known.status_code, known.data)
    assert mailbox.wait()["To"] == "ana@post.example" and len(mailbox.mails) == 1


def test_nobody_gets_more_than_three_links_at_a_time(forgetting, mailbox):
    client = forgetting()
    for number in range(5):
        client.post("/login?forgot", data={"email": "ana@post.example"})
        mailbox.wait(min(number + 1, 3))
    client.post("/login?forgot", data={"email": "nobody@post.example"})
    quiet()
    assert len(mailbox.mails) == 3


def quiet():
    """Return when no mail is being written any more."""
    deadline = time.monotonic() + 10
    while any("_send_and_log" in thread.name for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_slow_mail_server_does_not_keep_the_visitor_waiting(forgetting, mailbox):
    mailbox.delay = 2
    client = forgetting()
    started = time.monotonic()
    client.post("/login?forgot", data={"email": "ana@post.example"})
    assert time.monotonic() - started < 1
    assert mailbox.wait()["To"] == "ana@post.example"


def test_a_weak_password_is_400_and_leaves_the_link_good(forgetting, mailbox):
    client = forgetting()
    client.post("/login?forgot", data={"email": "ana@post.example"})
    path = path_of(mailbox.wait())
    weak = client.post(path, data={"password": "short"}, headers={"Accept": "text/html"})
    assert weak.status_code == 400
    assert "Please take at least 8 characters and 1 digit" in weak.text
    assert client.post(path, data=NEW).status_code == 200


@pytest.mark.parametrize("token", ["x", "' OR 1=1", "%00", "a" * 500], ids=["short", "sql", "null", "long"])
def test_a_link_that_nobody_sent_is_401_and_offers_another(forgetting, token):
    client = forgetting()
    shown = client.get(f"/login?forgot={token}", headers={"Accept": "text/html"})
    assert shown.status_code == 401 and "Please ask for another one" in shown.text
    assert client.post(f"/login?forgot={token}", data=NEW).status_code == 401


def test_a_link_that_is_too_old_is_401(forgetting, mailbox):
    client = forgetting(forgot="minutes_to_expiry: 0.001")
    client.post("/login?forgot", data={"email": "ana@post.example"})
    path = path_of(mailbox.wait())
    deadline = time.monotonic() + 5
    while client.get(path).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.post(path, data=NEW).status_code == 401


def test_the_host_of_the_request_does_not_get_into_the_link(forgetting, mailbox):
    client = forgetting()
    client.post("/login?forgot", data={"email": "ana@post.example"}, headers={"Host": "evil.example"})
    assert "evil" not in mailbox.wait().as_string()


def test_texts_have_columns_of_the_row_and_never_the_password(forgetting, mailbox):
    more = 'email_subject: "For {role}", email_body: "{user}: {reset_url}", email_html: "<a href=\'{reset_url}\'>x</a>"'
    client = forgetting(forgot=more)
    client.post("/login?forgot", data={"email": "ana@post.example"})
    mail = mailbox.wait()
    assert (mail["Subject"], mail.get_content_type()) == ("For analyst", "multipart/alternative")
    assert "secret" not in mail.as_string()


@pytest.mark.parametrize("place", ["{password}", "{nothing}", "{user.__class__}"], ids=str)
def test_a_text_with_another_place_is_a_mistake(forgetting, place):
    client = forgetting(forgot=f'email_body: "{{reset_url}} {place}"')
    mistakes = "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))
    assert ("is no value for a mail" in mistakes) is (place != "{user.__class__}")


def test_a_mail_server_that_is_down_is_for_the_log_alone(forgetting, mailbox, caplog):
    client = forgetting()
    mailbox.stop()
    assert client.post("/login?forgot", data={"email": "ana@post.example"}).status_code == 200
    deadline = time.monotonic() + 10
    while "mail: not sent" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "mail: not sent: 127.0.0.1" in caplog.text


# --- sign-up


def sign_up(client, **form):
    given = {"user": "eve", "email": "eve@post.example", "full_name": "Eve", **form}
    return client.post("/login?signup", data=given, headers={"Accept": "text/html"})


def test_who_signs_up_sets_a_password_by_the_link_in_the_mail(forgetting, mailbox):
    client = forgetting("signup: {columns: {full_name: role}}")
    assert sign_up(client).status_code == 200
    mail = mailbox.wait()
    assert mail["To"] == "eve@post.example"
    client.post(path_of(mail), data=NEW)
    assert client.post("/login", data={"user": "eve", **NEW}).status_code == 302
    user = client.get("/who").json
    assert user == {"user": "eve", "email": "eve@post.example", "role": "Eve", "id": "eve"}


@pytest.mark.parametrize(
    "form",
    [{"user": ""}, {"user": "ana"}, {"email": ""}, {"email": "no address"}, {"email": "a@b.example, c@d.example"}],
    ids=["no name", "taken", "no address", "not one", "two"],
)
def test_a_sign_up_that_cannot_be_is_400(forgetting, mailbox, form):
    client = forgetting("signup: true")
    assert sign_up(client, **form).status_code == 400
    assert not mailbox.mails


def test_that_an_address_is_known_is_told_to_its_owner_alone(forgetting, mailbox):
    client = forgetting("signup: true")
    known, unknown = sign_up(client, email="ana@post.example"), sign_up(client)
    assert known.status_code == unknown.status_code and known.data == unknown.data
    mailbox.wait(2)
    assert "eve" not in (client.folder / "people.csv").read_text().split("ana")[0]


def test_the_sites_own_check_may_refuse_a_sign_up(forgetting):
    code = "def check(handler, args):\n    return 'only our own people' if 'post' in args['email'][0] else None\n"
    client = forgetting("signup: {validate: own.check}", **{"own.py": code})
    answer = sign_up(client)
    assert answer.status_code == 400 and "only our own people" in answer.text


def test_the_pages_link_to_each_other(forgetting):
    client = forgetting("signup: true")
    page = client.get("/login?next=/reports").text
    assert "/login?forgot=&amp;_next=%2Freports" in page and "/login?signup=&amp;_next=%2Freports" in page
    for query in ("?forgot", "?signup"):
        assert "Back to sign in" in client.get("/login" + query).text
