"""OAuth2 with addresses in the YAML, as the original has it, and what happens when the provider does not work."""

import socket
import time

import pytest

from tests.blueprints.login.oauth.browser import JSON, answer, query, sign_in

SITE = """
    url:
      login:
        pattern: /login
        handler: OAuth2
        kwargs:
          client_id: site
          client_secret: s&cret
          authorize: {{url: "{url}/authorize"{authorize}}}
          access_token: {{url: "{url}/token"{access_token}}}
          user_info: {{url: "{url}/user{query}"{user_info}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""


@pytest.fixture
def client_of(site, provider):
    """`client_of(authorize=", more: settings")` -> a client of a site that signs in at the provider."""

    def client_of(authorize="", access_token="", user_info="", url=provider.url, query=""):
        parts = {"authorize": authorize, "access_token": access_token, "user_info": user_info, "query": query}
        return site(SITE.format(url=url, **parts))

    return client_of


def test_the_user_is_what_the_provider_tells(client_of, provider):
    client = client_of(", scope: [read, 'user:email']")
    assert query(client.get("/login").location)["scope"] == "read user:email"
    assert sign_in(client).json["user"] == {**provider.told, "id": "7"}


def test_more_may_be_sent_along(client_of, provider):
    extra = ", extra_params: {prompt: login, a: true, b: 2, scope: x, state: mine, response_type: token}"
    client = client_of(extra, ", headers: {X-A: a}, body: {resource: r, grant_type: code}")
    sent = query(client.get("/login").location)
    assert {"prompt": "login", "a": "true", "b": "2", "scope": "x", "response_type": "code"}.items() <= sent.items()
    sign_in(client)
    [asked] = provider.asked("/token")
    assert (asked.headers["X-A"], asked.form["resource"], asked.form["client_secret"]) == ("a", "r", "s&cret")
    assert sent["state"] != "mine" and asked.form["grant_type"] == "authorization_code"


def test_the_user_may_be_asked_for_with_parts_of_the_token(client_of, provider):
    provider.token = {"tenant": "t1"}
    info = ", method: POST, headers: {Authorization: 'Bearer {access_token}', X-T: '{tenant}'}, body: {t: '{tenant}'}"
    assert sign_in(client_of(user_info=info)).status_code == 200
    [asked] = provider.asked("/user")
    assert (asked.headers["X-T"], asked.form) == ("t1", {"t": "t1"})


def test_a_token_in_the_address_is_quoted_and_not_sent_twice(client_of, provider):
    provider.token = {"access_token": "a+b&c"}
    client = client_of(query="?key={access_token}")
    sign_in(client)
    [asked] = provider.asked("/user")
    assert (asked.args["key"], asked.headers.get("Authorization")) == ("a+b&c", None)


def test_the_id_may_be_inside(client_of, provider):
    provider.told = {"data": {"username": "ana"}}
    assert sign_in(client_of(user_info=", user_id: data.username")).json["user"]["id"] == "ana"


@pytest.mark.parametrize("told", [{}, {"id": ""}, {"id": None}, {"id": True}, {"id": ["a"]}, {"id": {}}])
def test_somebody_without_an_id_is_not_signed_in(client_of, provider, told):
    provider.told = told
    assert sign_in(client_of()).status_code == 401


def test_the_provider_says_no(client_of, provider, capfd):
    client = client_of()
    state = query(client.get("/login").location)["state"]
    refused = client.get(f"/login?error=access_denied&state={state}", headers={"Accept": "text/html"})
    assert (refused.status_code, "Try again" in refused.text) == (401, True)
    assert "access_denied" in capfd.readouterr().out


def test_a_program_is_told_in_json(client_of):
    refused = client_of().get("/login?error=access_denied&state=x", headers=JSON)
    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")


def test_a_client_that_the_provider_does_not_know_is_the_sites_mistake(client_of, provider, caplog):
    provider.app.view_functions["token"] = lambda: ({"error": "invalid_client"}, 401)
    assert sign_in(client_of()).status_code == 502
    assert "invalid_client" in caplog.text


def test_a_provider_that_is_not_there_is_a_503(client_of, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = client_of(access_token="", url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        begun = query(client.get("/login").location)
        answered = client.get(f"/login?code=c0de&state={begun['state']}", headers=JSON)
    assert (answered.status_code, answered.headers["Retry-After"]) == (503, "10")
    assert "Connection refused" in caplog.text and "c0de" not in caplog.text


def too_long(provider):
    provider.token = {"more": "x" * (1 << 20)}


def no_json(provider):
    provider.app.view_functions["token"] = lambda: "nonsense"


def elsewhere(provider):
    provider.app.view_functions["token"] = lambda: ("", 307, {"Location": f"{provider.url}/user"})


def fails(provider):
    provider.app.view_functions["token"] = lambda: ("", 500)


def no_token(provider):
    provider.token = {"access_token": None}


def a_list(provider):
    provider.told = []


@pytest.mark.parametrize("fault", [too_long, no_json, elsewhere, fails, no_token, a_list])
def test_a_provider_that_answers_nonsense_is_a_502(client_of, provider, fault, caplog):
    fault(provider)
    assert sign_in(client_of()).status_code == 502
    assert "url.login: http://127.0.0.1" in caplog.text


def test_an_answer_that_never_ends_is_given_up(client_of, provider, monkeypatch):
    def endless():
        for _ in range(1000):
            yield " "
            time.sleep(0.01)

    provider.app.view_functions["token"] = endless
    monkeypatch.setattr("blueprints.login.oauth.outgoing.WHOLE", 0.2)
    assert sign_in(client_of()).status_code == 503


def test_nothing_secret_reaches_the_log(client_of, capfd, caplog):
    caplog.set_level("DEBUG")
    client = client_of()
    back = answer(client.get("/login").location)
    code = query(back)["code"]
    client.get(back)
    client.get(back)
    logged = capfd.readouterr().out + "".join(r.getMessage() for r in caplog.records if r.name != "werkzeug")
    assert [secret for secret in (code, "at-1", "s&cret") if secret in logged] == []


@pytest.mark.parametrize("kwargs, mistake", [
    ("{client_id: a}", "give authorize.url, access_token.url, user_info.url, or `discovery` of an OpenID provider"),
    ("{client_id: a, discovery: 'http://p.example/x'}", "discovery: should be an https:// address"),
    ("{client_id: a, issuer: 'ftp://p.example'}", "issuer: should be an https:// address"),
    ("{issuer: 'https://p.example'}", "client_id: is required"),
])  # fmt: skip
def test_mistakes_are_told(site, kwargs, mistake):
    client = site(f"url: {{login: {{pattern: /login, handler: OAuth2, kwargs: {kwargs}}}}}")
    assert mistake in mistakes(client)


def test_a_missing_package_is_a_mistake_that_says_what_to_install(site, monkeypatch):
    monkeypatch.setattr("app.extras.find_spec", lambda name: None if name == "authlib" else name)
    client = site("url: {login: {pattern: /login, handler: OAuth2, kwargs: {issuer: 'https://a.example'}}}")
    assert "needs Authlib, not installed: pip install 'skerry[login]'" in mistakes(client)


def mistakes(client):
    return "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))
