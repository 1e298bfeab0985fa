"""A sign-in ends in the browser that it began in, and once: forged, stolen and old answers are worth nothing."""

import time

import pytest

from tests.blueprints.login.oauth.browser import JSON, answer, query, sign_in

SITE = """
    url:
      login:
        pattern: /login
        handler: OAuth2
        kwargs: &kwargs {{discovery: "{url}/.well-known/openid-configuration", client_id: site, client_secret: s&cret}}
      other: {{pattern: /other, handler: OAuth2, kwargs: *kwargs}}
      fixed: {{pattern: /fixed, handler: OAuth2, kwargs: {{<<: *kwargs, redirect_uri: "https://site.example/fixed"}}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""


@pytest.fixture
def client(site, provider):
    """A client of a site that signs in at the provider."""
    return site(SITE.format(url=provider.url))


def is_refused(client, back):
    answered = client.get(back, headers=JSON)
    return (answered.status_code, client.get("/who").json) == (401, None)


@pytest.mark.parametrize("state", ["", "&state=", "&state=forged", "&state=%00", "&state=" + "x" * 5000])
def test_an_answer_with_a_forged_state_is_refused(client, provider, state):
    client.get("/login")
    assert is_refused(client, f"/login?code=1{state}")
    assert provider.asked("/token") == []


def test_an_answer_is_of_use_only_in_the_browser_that_asked(client, provider):
    back = answer(client.get("/login").location)
    assert is_refused(client.app.test_client(), back)
    assert provider.asked("/token") == []


def test_another_browsers_code_is_refused_by_the_provider(client):
    stolen = query(answer(client.get("/login").location))["code"]
    victim = client.app.test_client()
    own = query(victim.get("/login").location)["state"]
    assert is_refused(victim, f"/login?code={stolen}&state={own}")


def test_an_answer_counts_once(client, provider):
    back = answer(client.get("/login").location)
    assert client.get(back).location == "/"
    assert client.get(back, headers=JSON).status_code == 401
    assert len(provider.asked("/token")) == 1


def test_a_copied_cookie_does_not_make_an_answer_count_twice(client):
    back = answer(client.get("/login").location)
    [cookie] = [cookie for cookie in client._cookies.values() if cookie.key.startswith("signin_")]
    assert client.get(back).location == "/"
    thief = client.app.test_client()
    thief.set_cookie(cookie.key, cookie.value, path="/login")
    assert is_refused(thief, back)


def test_an_answer_may_take_ten_minutes(client, monkeypatch):
    back = answer(client.get("/login").location)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 700)
    assert is_refused(client, back)


def test_an_answer_is_of_use_only_at_the_mount_that_asked(client):
    back = answer(client.get("/login").location).replace("/login", "/other")
    client.get("/other")
    assert is_refused(client, back)


def test_a_forged_cookie_is_none(client):
    back = answer(client.get("/login").location)
    [cookie] = [cookie for cookie in client._cookies.values() if cookie.key.startswith("signin_")]
    client.set_cookie(cookie.key, cookie.value[:-1] + ("0" if cookie.value[-1] != "0" else "1"), path="/login")
    assert is_refused(client, back)


def test_two_tabs_may_sign_in_at_once(client):
    first, second = (answer(client.get(f"/login?next=/{tab}").location) for tab in ("a", "b"))
    assert client.get(first).location == "/a"
    assert client.get(second).location == "/b"


def test_the_cookie_is_small_however_often_a_sign_in_begins(client):
    for number in range(12):
        back = answer(client.get(f"/login?next=/{'x' * 1800}{number}").location)
    [cookie] = [cookie for cookie in client._cookies.values() if cookie.key.startswith("signin_")]
    assert len(cookie.key + cookie.value) < 4096
    assert client.get(back).location.endswith("x11")


def test_the_cookie_is_for_this_address_alone_and_not_for_scripts(client):
    header = client.get("/login", base_url="https://localhost").headers["Set-Cookie"]
    for attribute in ("HttpOnly", "Path=/login", "SameSite=Lax", "Secure", "Max-Age=600"):
        assert attribute in header


def test_the_sign_in_gives_a_new_session(client):
    client.get("/who")
    sign_in(client)
    first = client.get_cookie("sid").value
    sign_in(client)
    assert client.get_cookie("sid").value != first


def test_a_host_that_the_client_invents_does_not_change_a_fixed_address(client):
    asked = query(client.get("/fixed", headers={"Host": "evil.example"}).location)
    assert asked["redirect_uri"] == "https://site.example/fixed"


def test_the_address_of_the_site_comes_before_the_host_of_the_request(site, provider):
    client = site(SITE.format(url=provider.url) + '    app: {url: "https://site.example"}')
    asked = query(client.get("/login", headers={"Host": "evil.example"}).location)
    assert asked["redirect_uri"] == "https://site.example/login"


def test_the_host_that_a_proxy_reports_counts_only_behind_one(site, provider):
    headers = {"X-Forwarded-Host": "site.example", "X-Forwarded-Proto": "https"}
    direct, behind = (
        site(SITE.format(url=provider.url)),
        site(SITE.format(url=provider.url) + "    app: {listen: {xheaders: true}}"),
    )
    found = [query(client.get("/login", headers=headers).location)["redirect_uri"] for client in (direct, behind)]
    assert found == ["http://localhost/login", "https://site.example/login"]
