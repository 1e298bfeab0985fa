"""OAuth2 at OpenID providers: a real one, and one that lies."""

import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.blueprints.login.oauth.browser import JSON, answer, query, sign_in
from tests.blueprints.login.oauth.provider import signed_by_hand

SITE = """
    url:
      login:
        pattern: /login
        handler: OAuth2
        kwargs: {{discovery: "{url}/.well-known/openid-configuration", {client}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
      session: {{pattern: /session, handler: Function, kwargs: {{function: dict(handler.session)}}}}
"""
CLIENT = "client_id: site, client_secret: s&cret"


@pytest.fixture
def client(site, provider):
    """A client of a site that signs in at the provider."""
    return site(SITE.format(url=provider.url, client=CLIENT))


def test_a_person_signs_in_at_a_real_provider(site, real_provider, registered):
    client = site(SITE.format(url=real_provider, client=registered("http://localhost/login")))
    back = answer(client.get("/login").location, sub="ana")
    assert client.get(back).location == "/"
    expected = {"id": "ana", "sub": "ana", "name": "Ana", "email": "ana@example.com", "email_verified": True}
    assert expected.items() <= client.get("/who").json.items()


def test_a_real_provider_knows_only_registered_addresses(site, real_provider, registered):
    client = site(SITE.format(url=real_provider, client=registered("https://other.example/login")))
    with pytest.raises(KeyError):  # a page instead of the way back
        answer(client.get("/login").location, sub="ana")


def test_a_person_who_does_not_agree_is_not_signed_in(site, real_provider, registered):
    client = site(SITE.format(url=real_provider, client=registered("http://localhost/login")))
    back = answer(client.get("/login").location, action="deny")
    refused = client.get(back + "&state=" + query(client.get("/login").location)["state"])
    assert (refused.status_code, client.get("/who").json) == (401, None)


def test_what_is_asked_is_bound_by_state_nonce_and_pkce(client, provider):
    asked = query(client.get("/login").location)
    assert (asked["scope"], asked["response_type"], asked["client_id"]) == ("openid profile email", "code", "site")
    assert asked["code_challenge_method"] == "S256" and asked["redirect_uri"] == "http://localhost/login"
    assert min(map(len, (asked["state"], asked["nonce"], asked["code_challenge"]))) >= 32


def test_the_user_is_what_token_and_user_info_say_together(client, provider):
    provider.claims = {"groups": ["a"], "name": "Old"}
    assert sign_in(client).json["user"] == {
        "id": "7", "sub": "7", "name": "Ana", "email": "ana@example.com", "email_verified": True, "groups": ["a"],
    }  # fmt: skip


@pytest.mark.parametrize("start, end", [
    ("/login", "/"),
    ("/login?next=/who?a=1", "/who?a=1"),
    ("/login?next=//evil.example", "/"),
    ("/login?next=/%5Cevil.example", "/"),
    ("/login?next=https:evil.example", "/"),
    ("/login?next=https://localhost@evil.example/", "/"),
    ("/login?next=/" + "x" * 5000, "/"),
])  # fmt: skip
def test_it_ends_at_the_next_page_and_never_at_another_site(client, start, end):
    assert sign_in(client, start).json["next"] == end


def test_the_id_token_alone_will_do(client, provider):
    provider.metadata = {"userinfo_endpoint": None}
    assert sign_in(client).json["user"] == {"id": "7", "sub": "7"}


def test_keys_of_a_kind_that_nobody_knows_are_passed_over(client, provider):
    keys = provider.app.view_functions["keys"]
    provider.app.view_functions["keys"] = lambda: {"keys": [{"kty": "new", "kid": "0"}, *keys()["keys"]]}
    assert sign_in(client).status_code == 200


def test_an_id_of_ones_own_choice(site, provider):
    client = site(SITE.format(url=provider.url, client=CLIENT + ", user_info: {user_id: email}"))
    assert sign_in(client).json["user"]["id"] == "ana@example.com"


@pytest.mark.parametrize("verified", [False, None, "no"])
def test_an_email_that_is_not_verified_is_nobodys_id(site, provider, verified):
    client = site(SITE.format(url=provider.url, client=CLIENT + ", user_info: {user_id: email}"))
    provider.told["email_verified"] = verified
    assert sign_in(client).status_code == 401


def test_tokens_are_kept_where_session_key_says(site, provider):
    client = site(SITE.format(url=provider.url, client=CLIENT + ", access_token: {session_key: tokens}"))
    sign_in(client)
    assert client.get("/session").json["tokens"]["access_token"] == "at-1"


def test_tokens_are_not_kept_otherwise(client):
    sign_in(client)
    assert "at-1" not in client.get("/session").text


def attackers_key(provider):
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})


def own_key_in_header(provider):
    provider.key = ECKey.generate_key("P-256", {"kid": "1"})
    provider.header |= {"alg": "ES256", "jwk": provider.key.as_dict(private=False)}


def public_key_as_secret(provider):
    secret = provider.published.as_pem(private=False)
    provider.sign = lambda claims: signed_by_hand({"alg": "HS256", "kid": "1"}, claims, secret)


def no_signature(provider):
    provider.sign = lambda claims: signed_by_hand({"alg": "none"}, claims, None)


def claims(**changed):
    return lambda provider: provider.claims.update(changed)


LIES = {
    "another nonce": claims(nonce="n0nce"),
    "no nonce": claims(nonce=None),
    "another audience": claims(aud="other"),
    "our audience, another party": claims(aud=["site", "other"], azp="other"),
    "another issuer": claims(iss="https://evil.example"),
    "no issuer": claims(iss=None),
    "expired": claims(exp=1_700_000_000),
    "never expires": claims(exp=None),
    "of tomorrow": claims(iat=4_000_000_000),
    "nobody": claims(sub=None),
    "user info of another": claims(sub="8"),
    "another access token": claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "not signed": no_signature,
    "signed by another": attackers_key,
    "signed by another, who brings a key": own_key_in_header,
    "signed with the public key": public_key_as_secret,
    "no token at all": lambda provider: setattr(provider, "sign", lambda claims: "x.y.z"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_id_token_that_is_not_right_signs_nobody_in(client, provider, lie):
    lie(provider)
    assert (sign_in(client).status_code, client.get("/who").json) == (401, None)


def test_a_provider_may_change_its_key(client, provider):
    sign_in(client)
    provider.rotate("2")
    assert sign_in(client).status_code == 200


def test_keys_and_metadata_are_asked_for_once(client, provider):
    sign_in(client)
    sign_in(client)
    assert (len(provider.asked("/keys")), len(provider.asked("/.well-known/openid-configuration"))) == (1, 1)


def test_another_providers_answer_is_refused(client, provider):
    provider.answer = {"iss": "https://evil.example"}
    assert sign_in(client).status_code == 401
    assert provider.asked("/token") == []


def test_a_provider_that_promises_to_name_itself_has_to(client, provider):
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert sign_in(client).status_code == 401
    provider.answer = {"iss": provider.url}
    assert sign_in(client).status_code == 200


@pytest.mark.parametrize("methods, header", [(["client_secret_basic"], True), (["client_secret_post"], False)])
def test_the_secret_is_sent_as_the_provider_likes_it(client, provider, methods, header):
    provider.metadata = {"token_endpoint_auth_methods_supported": methods}
    sign_in(client)
    [asked] = provider.asked("/token")
    assert ("Authorization" in asked.headers, "client_secret" in asked.form) == (header, not header)


NONSENSE = {
    "another issuer": {"issuer": "https://evil.example"},
    "no endpoint": {"token_endpoint": None},
    "a plain endpoint": {"token_endpoint": "http://provider.example/token"},
    "keys that are none": {"jwks_uri": "{url}/authorize"},
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_a_provider_that_does_not_describe_itself_well_is_not_used(client, provider, nonsense, caplog):
    provider.metadata = {name: value and value.format(url=provider.url) for name, value in nonsense.items()}
    begun = client.get("/login", headers=JSON)
    answered = client.get(answer(begun.location), headers=JSON) if begun.location else begun
    assert answered.status_code == 502
    assert "url.login" in caplog.text


def test_an_issuer_may_be_named_instead_of_the_discovery_address(site, provider):
    site_yaml = SITE.format(url=provider.url, client=CLIENT).replace("discovery:", "issuer:")
    client = site(site_yaml.replace("/.well-known/openid-configuration", ""))
    assert sign_in(client).status_code == 200
