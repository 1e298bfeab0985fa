"""What attackers try with a sign-in page, each as a test."""

import re
import sqlite3
import statistics
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from app import passwords
from blueprints.login import failures

SITE = """
    app: {settings: {cookie_secret: "one"}}
    url:
      login: {pattern: /login, handler: SimpleAuth, kwargs: {delay: 0, credentials: {ana: secret}}}
      who: {pattern: /who, handler: Function, kwargs: {function: handler.current_user}}
      visits: {pattern: /visits, handler: Function, kwargs: {function: "handler.session.setdefault('visits', 1)"}}
"""
ANA = {"user": "ana", "password": "secret"}
GUESS = {"user": "ana", "password": "guess"}
HTML = {"Accept": "text/html"}


def test_an_id_from_before_the_sign_in_is_worth_nothing_after_it(site):
    client = site(SITE)
    client.get("/visits")
    thief = client.another()
    thief.set_cookie("sid", client.get_cookie("sid").value)
    client.post("/login", data=ANA)
    assert client.get("/who").json["id"] == "ana"
    assert thief.get("/who").json is None


@pytest.mark.parametrize("where", ["query", "hidden field", "Referer"])
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https:evil.example",
        "https://evil.example/",
        "http://localhost@evil.example/",
        "http://localhost.evil.example/",
        "javascript:alert(1)",
        "/%09/evil.example",
        "\t//evil.example",
        "/.//evil.example",
        "http://localhost:81/",
    ],
)
def test_the_next_page_is_never_on_another_site(site, where, target):
    client = site(SITE)
    query = {"next": target} if where == "query" else {}
    form = ANA | ({"_next": target} if where == "hidden field" else {})
    headers = {"Referer": target} if where == "Referer" and target.isprintable() else {}
    answer = client.post("/login", query_string=query, data=form, headers=headers)
    assert answer.location == ("/%09/evil.example" if target == "/%09/evil.example" else "/")


def test_the_page_gives_back_what_was_typed_as_text(site):
    nasty = '"><script>alert(1)</script>'
    page = site(SITE).post("/login", data={"user": nasty, "password": "x", "_next": f"/{nasty}"}, headers=HTML).text
    assert "<script>" not in page


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(site):
    client = site(SITE)
    wrong = client.post("/login", data=GUESS, headers=HTML)
    unknown = client.post("/login", data=GUESS | {"user": "eva"}, headers=HTML)
    assert re.sub(r'name="_xsrf" value="[^"]*"', "", wrong.text) == re.sub(
        r'name="_xsrf" value="[^"]*"', "", unknown.text.replace('"eva"', '"ana"')
    )


@pytest.mark.parametrize("kept", ["hash", "plain text", "werkzeug's", "nobody's"])
def test_a_hash_is_computed_whoever_it_is(monkeypatch, kept):
    computed = []
    monkeypatch.setattr(passwords, "_by_argon2", lambda text, kept: computed.append(kept) or False)
    monkeypatch.setattr(passwords, "_by_werkzeug", lambda text, kept: computed.append(kept) or False)
    values = {"hash": "$argon2id$x", "plain text": "secret", "werkzeug's": "scrypt:2:8:1$a$00", "nobody's": None}
    assert passwords.verify("guess", values[kept]) is False
    assert len(computed) == 1


def test_who_has_an_account_does_not_show_in_the_time(site, monkeypatch):
    monkeypatch.setattr(passwords, "_MEMORY", 1024)
    passwords._hasher.cache_clear()
    client = site(SITE)
    known, unknown = ([taken(client, name) for _ in range(15)] for name in ("ana", "eva"))
    assert abs(statistics.median(known) - statistics.median(unknown)) < statistics.median(known)


def taken(client, name):
    started = time.perf_counter()
    client.post("/login", data={"user": name, "password": "guess"})
    return time.perf_counter() - started


def test_an_address_that_guesses_is_refused_for_a_while_whatever_the_names(site, monkeypatch):
    monkeypatch.setattr(failures, "OF_ADDRESS", 5)
    client = site(SITE)
    answers = [client.post("/login", data=GUESS | {"user": f"user{number}"}) for number in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.post("/login", data=ANA).status_code == 429
    assert client.post("/login", data=ANA, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 302


def test_a_burst_of_guesses_from_one_address_gets_no_more_of_them(site, monkeypatch):
    monkeypatch.setattr(failures, "OF_ADDRESS", 5)
    client = site(SITE)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.another().post("/login", data=GUESS).status_code, range(16)))
    assert answers.count(401) <= 5 and set(answers) == {401, 429}


def test_only_so_many_guesses_wait_at_once(site, monkeypatch):
    monkeypatch.setattr(failures, "WAITING", 2)
    client = site(SITE.replace("delay: 0", "delay: 0.5"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.another().post("/login", data=GUESS).status_code, range(8)))
    assert 429 in answers and 401 in answers


def test_the_next_try_at_a_user_waits_wherever_it_comes_from(site):
    client = site(SITE.replace("delay: 0", "delay: 1"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(client.another().post, "/login", data=GUESS)
        until_counted(client.folder / "var" / "state.db")
        started = time.monotonic()
        answer = client.post("/login", data=ANA, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert answer.status_code == 302 and time.monotonic() - started > 0.3


def until_counted(path):
    """Return when a failure is in the table."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as database:
            if database.execute("SELECT COUNT(*) FROM sign_in_failure").fetchone()[0]:
                return
        time.sleep(0.01)


@pytest.mark.parametrize(
    "body", ["user=ana&password=" + "x" * 70_000, "&".join(f"a{n}=1" for n in range(70_000))], ids=["long", "many"]
)
def test_a_form_that_is_too_large_is_413(site, body):
    answer = site(SITE).post("/login", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413


def test_a_password_of_a_thousand_letters_is_nobodys(site):
    assert site(SITE).post("/login", data=ANA | {"password": "x" * 2000}).status_code == 401


@pytest.mark.parametrize(
    "body",
    ["[]", '"ana"', "{", "null", '{"user": ["ana"], "password": {"a": 1}}', '{"user": "ana", "password": null}'],
    ids=str,
)
def test_json_that_is_no_form_signs_nobody_in(site, body):
    answer = site(SITE).post("/login", data=body, content_type="application/json")
    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
    ids=lambda headers: "; ".join(headers.values()),
)
@pytest.mark.parametrize("cookies", [True, False], ids=["with cookies", "without"])
def test_another_sites_page_cannot_sign_its_visitor_in(site, headers, cookies):
    client = site(SITE)
    if cookies:
        client.get("/visits")
    if "Origin" in headers:
        del client.environ_base["HTTP_SEC_FETCH_SITE"]
    assert client.post("/login", data=ANA, headers=headers).status_code == 403
    assert client.get("/who").json is None


def test_the_token_of_the_page_lets_an_old_browser_in(site):
    client = site(SITE)
    del client.environ_base["HTTP_SEC_FETCH_SITE"]
    token = re.search(r'name="_xsrf" value="([^"]+)"', client.get("/login").text)[1]
    assert client.post("/login", data=ANA).status_code == 403
    assert client.post("/login", data=ANA | {"_xsrf": token}).status_code == 302


def test_a_password_in_the_address_is_refused_as_addresses_are_logged(site):
    assert site(SITE).post("/login?user=ana&password=secret").status_code == 400


def test_without_its_store_nobody_signs_in_and_the_rest_goes_on(site):
    down = 'storelocations: {user: {url: "postgresql://nobody@127.0.0.1:9/none"}}\n'
    client = site(down + textwrap.dedent(SITE))
    answer = client.post("/login", data=ANA)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get("/visits").status_code == 200


def test_the_password_is_in_no_log_and_in_no_session(site, capfd, caplog):
    client = site(SITE.replace("ana: secret", "ana: very-secret"))
    client.post("/login", data=ANA | {"password": "very-secret"})
    client.post("/login", data=ANA | {"password": "very-secret-guess"})
    state = b"".join(path.read_bytes() for path in (client.folder / "var").iterdir())
    assert "very-secret" not in capfd.readouterr().out + caplog.text
    assert b"very-secret" not in state
