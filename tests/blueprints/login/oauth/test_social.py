"""GoogleAuth, FacebookAuth and TwitterAuth, at stand-ins that verify what the real ones do."""

import hmac

import pytest

from tests.blueprints.login.oauth.browser import JSON, answer, query, sign_in
from tests.blueprints.login.oauth.twitter import SECRET, Twitter

GOOGLE = """
    url:
      login:
        pattern: /login
        handler: GoogleAuth
        kwargs:
          {{key: site, secret: s&cret, discovery: "{url}/.well-known/openid-configuration", extra_params: {extra}}}
"""
FACEBOOK = """
    url:
      login:
        pattern: /login
        handler: FacebookAuth
        kwargs:
          {{key: site, secret: s&cret, authorize_url: "{url}/authorize", access_token_url: "{url}/token",
            user_info_url: "{url}/user", session_key: facebook}}
      session: {{pattern: /session, handler: Function, kwargs: {{function: dict(handler.session)}}}}
"""
TWITTER = """
    url:
      login:
        pattern: /login
        handler: TwitterAuth
        kwargs:
          {{key: consumer, secret: {secret}, request_token_url: "{url}/request_token",
            authorize_url: "{url}/authenticate", access_token_url: "{url}/access_token",
            user_info_url: "{url}/user"{more}}}
"""


@pytest.fixture
def twitter():
    with Twitter() as twitter:
        yield twitter


def test_google_users_are_their_email(site, provider):
    client = site(GOOGLE.format(url=provider.url, extra="{access_type: offline}"))
    asked = query(client.get("/login").location)
    assert (asked["scope"], asked["access_type"]) == ("openid email profile", "offline")
    assert sign_in(client).json["user"]["id"] == "ana@example.com"


@pytest.mark.parametrize("verified", [False, None])
def test_google_emails_have_to_be_verified(site, provider, verified):
    provider.told["email_verified"] = verified
    assert sign_in(site(GOOGLE.format(url=provider.url, extra="{}"))).status_code == 401


@pytest.mark.parametrize("hd, status", [("example.com", 200), ("evil.example", 401), (None, 401)])
def test_google_users_have_to_be_of_the_organisation(site, provider, hd, status):
    provider.claims["hd"] = hd
    assert sign_in(site(GOOGLE.format(url=provider.url, extra="{hd: example.com}"))).status_code == status


def test_a_site_exchanges_refresh_tokens_as_in_the_original(site, provider):
    code = """
import gramex

def refresh(handler):
    google = gramex.service.url["login"].handler_class
    google.exchange_refresh_token(handler.current_user, handler.args.get("token", [None])[0])
    return handler.current_user.access_token
"""
    mount = "  refresh: {pattern: /refresh, handler: FunctionHandler, kwargs: {function: ours.refresh}}"
    yaml = GOOGLE.format(url=provider.url, extra="{}") + "    " + mount
    client = site(yaml, {"ours.py": code}, name="gramex.yaml")
    sign_in(client)
    assert client.get("/refresh?token=rt-1").text == "at-2"
    assert [client.get(f"/refresh{query}").status_code for query in ("", "?token=old")] == [403, 403]


def test_facebook_gets_a_proof_that_it_is_us(site, provider):
    client = site(FACEBOOK.format(url=provider.url))
    assert sign_in(client).json["user"]["id"] == "7"
    [asked] = provider.asked("/user")
    assert asked.args["appsecret_proof"] == hmac.digest(b"s&cret", b"at-1", "sha256").hex()
    assert asked.args["fields"] == "id,name,first_name,last_name,email,picture"


def test_facebook_tokens_are_kept_under_the_session_key(site, provider):
    client = site(FACEBOOK.format(url=provider.url))
    sign_in(client)
    assert client.get("/session").json["facebook"]["access_token"] == "at-1"


def test_twitter_users_are_their_name(site, twitter):
    client = site(TWITTER.format(url=twitter.url, secret=SECRET, more=""))
    found = sign_in(client, "/login?next=/x")
    assert found.json == {"user": {**twitter.user, "username": "ana", "id": "ana"}, "next": "/x"}


def test_twitter_users_may_be_their_number(site, twitter):
    client = site(TWITTER.format(url=twitter.url, secret=SECRET, more=", user_id: id_str"))
    assert sign_in(client).json["user"]["id"] == "7"


def test_a_secret_that_twitter_does_not_know_is_a_502(site, twitter, caplog):
    client = site(TWITTER.format(url=twitter.url, secret="wrong", more=""))
    assert client.get("/login", headers=JSON).status_code == 502
    assert "are key and secret right?" in caplog.text


def test_twitter_has_to_confirm_our_address(site, twitter):
    twitter.confirmed = "false"
    client = site(TWITTER.format(url=twitter.url, secret=SECRET, more=""))
    assert client.get("/login", headers=JSON).status_code == 502


def test_somebody_who_does_not_agree_at_twitter_is_not_signed_in(site, twitter):
    twitter.agrees = False
    assert sign_in(site(TWITTER.format(url=twitter.url, secret=SECRET, more=""))).status_code == 401


def test_an_answer_of_twitter_counts_once_and_in_the_browser_that_asked(site, twitter):
    client = site(TWITTER.format(url=twitter.url, secret=SECRET, more=""))
    back = answer(client.get("/login").location)
    assert client.app.test_client().get(back, headers=JSON).status_code == 401
    assert [client.get(back, headers=JSON).status_code for _ in "12"] == [200, 401]


def test_another_verifier_is_refused_by_twitter(site, twitter):
    client = site(TWITTER.format(url=twitter.url, secret=SECRET, more=""))
    back = answer(client.get("/login").location)
    assert client.get(back + "x", headers=JSON).status_code == 401
