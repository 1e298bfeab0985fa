"""EmailAuth: a code that is sent by e-mail, through a real mail server."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

SITE = """
    app: {{url: "https://site.example"}}
    email: {{office: {{type: smtp, host: 127.0.0.1, port: {port}, email: office@site.example}}}}
    url:
      login: {{pattern: /login, handler: EmailAuth, kwargs: {{service: office, delay: 0, {more}}}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""
ANA = "Ana@post.example"
HTML = {"Accept": "text/html"}


@pytest.fixture
def client(site, mailbox):
    return site(SITE.format(port=mailbox.port, more=""))


def sent(client, mailbox, query="", number=1):
    """The code in the mail, and the path of its link."""
    assert client.post(f"/login{query}", data={"user": ANA}).status_code == 200
    text = mailbox.wait(number).get_content()
    return re.search(r"\b\d{6}\b", text)[0], re.search(r"https://site\.example(/login\?\S+)", text)[1]


def sign_in(client, code, **options):
    return client.post("/login", data={"user": ANA, "password": code}, **options)


def test_the_code_in_the_mail_signs_in_once(client, mailbox):
    code, _ = sent(client, mailbox)
    assert sign_in(client, code).status_code == 302
    assert client.get("/who").json == {"id": "ana@post.example", "email": "Ana@post.example"}
    assert sign_in(client.another(), code).status_code == 401


def test_of_many_at_the_same_time_one_code_signs_one_in(client, mailbox):
    code, _ = sent(client, mailbox)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sign_in(client.another(), code).status_code, range(8)))
    assert sorted(answers) == [302] + [401] * 7


def test_the_page_asks_for_the_code_and_phones_find_it(client, mailbox):
    page = client.post("/login", data={"user": ANA}, headers=HTML).text
    assert 'autocomplete="one-time-code"' in page and 'inputmode="numeric"' in page
    assert f'<input type="hidden" name="user" value="{ANA}">' in page


def test_a_wrong_code_is_401_and_after_five_the_right_one_is_worth_nothing(client, mailbox):
    code, _ = sent(client, mailbox)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    answers = [sign_in(client, wrong, headers=HTML) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {401}
    assert "This code is not right" in answers[0].text
    assert sign_in(client, code).status_code == 401


def test_the_link_shows_a_button_and_signs_nobody_in_by_itself(client, mailbox):
    _, path = sent(client, mailbox, "?next=/reports")
    page = client.get(path).text
    assert client.get("/who").json is None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    assert client.post(path, data=fields).location == "/reports"


def test_with_instantlogin_the_link_signs_in(site, mailbox):
    client = site(SITE.format(port=mailbox.port, more="instantlogin: true"))
    _, path = sent(client, mailbox)
    assert client.get(path).status_code == 302
    assert client.get("/who").json["email"] == ANA


def test_a_code_is_for_its_address_alone(client, mailbox):
    code, _ = sent(client, mailbox)
    answer = client.post("/login", data={"user": "ben@post.example", "password": code})
    assert answer.status_code == 401


def test_a_code_that_is_too_old_is_worth_nothing(site, mailbox):
    client = site(SITE.format(port=mailbox.port, more="minutes_to_expiry: 0.001"))
    code, _ = sent(client, mailbox)
    time.sleep(0.1)  # longer than the code is good for
    assert sign_in(client, code).status_code == 401


def test_who_asks_for_many_codes_gets_three(client, mailbox):
    for number in range(3):
        sent(client, mailbox, number=number + 1)
    assert client.post("/login", data={"user": ANA}).json["message"].startswith("We have sent a code")
    client.post("/login", data={"user": "ben@post.example"})
    mailbox.wait(4)
    assert [mail["To"] for mail in mailbox.mails].count(ANA) == 3


@pytest.mark.parametrize(
    "address", ["", "ana", "a@b.example\nBcc: c@d.example", "a@b.example,c@d.example", "a@" + "b" * 300], ids=repr
)
def test_what_is_no_address_gets_no_mail(client, mailbox, address):
    assert client.post("/login", data={"user": address}).status_code == 400
    assert not mailbox.mails


@pytest.mark.parametrize(
    ("more", "words"),
    [("service: other", "no mail server 'other'"), ("body: hello", "{otp}"), ("subject: '{code}'", "'code'")],
    ids=["service", "body", "subject"],
)
def test_mistakes_are_told(site, mailbox, more, words):
    client = site(SITE.replace("service: office, ", "").format(port=mailbox.port, more=more))
    assert words in "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))
