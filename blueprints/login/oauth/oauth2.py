"""OAuth 2: the code that a visitor brings back is exchanged for a token, and that for who it is.

PKCE (RFC 7636) always: a code that somebody else got hold of is worth nothing. Providers that do not know it ignore it.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from blueprints.login.oauth import outgoing
from blueprints.login.oauth.openid import Issuer, Metadata
from blueprints.login.oauth.outgoing import ProviderError, Rejected
from blueprints.login.oauth.pending import Kept
from blueprints.login.oauth.provider import Arguments, Begun, Person, identified
from blueprints.login.oauth.settings import AccessToken, Authorize, UserInfo

TOKEN = "{access_token}"
"""Where the access token stands in a text of the YAML."""
_PLACE = re.compile(r"\{(\w+)\}")
_ABOUT_TOKEN = frozenset(("iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "sid"))
"""Claims of an ID token that say nothing of the user."""
_OURS = frozenset(
    "url uri state nonce response_type redirect_uri code_verifier code_challenge code_challenge_method"
    " client_id client_secret grant_type code refresh_token".split()
)
"""What the YAML cannot change: sites may have written `response_type: code` there, and nothing may be sent twice."""
_VISITORS = frozenset(("invalid_grant", "access_denied", "bad_verification_code", "invalid_code"))
"""Errors of a token endpoint that are about the code, not about this site."""


@dataclass(frozen=True)
class Client:
    """What a provider knows this site as, and how it is asked."""

    id: str
    secret: str | None = field(repr=False)
    authorize: Authorize
    access_token: AccessToken
    user_info: UserInfo


class OAuth2Provider:
    """A provider with addresses that the YAML gives."""

    def __init__(self, client: Client):
        self.client = client

    def begin(self, redirect_uri: str) -> Begun:
        """See Provider."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        nonce = secrets.token_urlsafe(24)
        with self._session(redirect_uri) as session:
            more = _without_ours(self.client.authorize.extra_params)
            asked = {"scope": " ".join(self.scope) or None, **more, **self._asked(nonce)}
            url, _ = session.create_authorization_url(self.authorize_url, state, verifier, **asked)
        return Begun(url, state, {"verifier": verifier, "nonce": nonce})

    def state_of(self, args: Arguments) -> str | None:
        """See Provider."""
        return args.get("state", "") if "code" in args or "error" in args else None

    def finish(self, args: Arguments, kept: Kept, redirect_uri: str) -> Person:
        """See Provider."""
        self.check(args)
        if "error" in args:
            raise Rejected(f"the provider answered {args['error'][:100]!r}")
        code = {"code": args["code"], "code_verifier": kept["verifier"]}
        token = self._token("authorization_code", redirect_uri, **code)
        return Person(self.user(token, kept), token)

    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """See Provider."""
        return self._token("refresh_token", None, refresh_token=refresh_token)

    @property
    def authorize_url(self) -> str:
        """Where visitors are sent."""
        return self.client.authorize.url or ""

    @property
    def token_url(self) -> str:
        """Where codes become tokens."""
        return self.client.access_token.url or ""

    @property
    def user_info_url(self) -> str | None:
        """Where a token tells who it is."""
        return self.client.user_info.url

    @property
    def client_auth(self) -> str:
        """How this site proves itself; in the body, as the original did."""
        return "client_secret_post"

    @property
    def scope(self) -> tuple[str, ...]:
        """What is asked for."""
        return self.client.authorize.scope

    def check(self, args: Arguments) -> None:
        """Check whose answer it is, as far as it tells; raises Rejected."""

    def user(self, token: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
        """Who a token is for; raises Rejected and ProviderError."""
        found = self.told(token)
        if self.client.user_info.user_id == "email" and found.get("email_verified") is False:
            raise Rejected("the provider has not verified the user's e-mail address")
        return identified(found, self.client.user_info.user_id or "id")

    def told(self, token: Mapping[str, Any]) -> dict[str, Any]:
        """What the provider tells of the user of a token."""
        info = self.client.user_info
        if self.user_info_url is None:
            return {}
        headers = {"Accept": "application/json", **_filled(info.headers, token)}
        if not any(TOKEN in text for text in (self.user_info_url, *info.headers.values(), *info.body.values())):
            headers["Authorization"] = f"Bearer {token['access_token']}"  # in one way only: RFC 6750 §2
        quoted = {name: quote(str(value), safe="") for name, value in token.items()}
        with outgoing.session() as session:
            url, body = _fill(self.user_info_url, quoted), _filled(info.body, token)
            return outgoing.fetched(session, info.method, url, headers=headers, data=body or None)

    def _asked(self, nonce: str) -> dict[str, str]:
        """More to send along to the authorization endpoint."""
        return {}

    def _session(self, redirect_uri: str | None) -> OAuth2Session:
        client = self.client
        session = OAuth2Session(
            client.id,
            client.secret,
            token_endpoint_auth_method=self.client_auth if client.secret else "none",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        return outgoing.bounded(session)

    def _token(self, grant_type: str, redirect_uri: str | None, **fields: str) -> dict[str, Any]:
        url, given = self.token_url, self.client.access_token
        with outgoing.translated(url), self._session(redirect_uri) as session:
            try:
                token = session.fetch_token(
                    url,
                    grant_type=grant_type,
                    headers={"Accept": "application/json", **given.headers},
                    body=urlencode(_without_ours(given.body)),
                    allow_redirects=False,
                    **fields,
                )
            except OAuthError as error:
                raise _token_error(str(error.error)) from None
        if not isinstance(token.get("access_token"), str):
            raise ProviderError(f"{outgoing.shown(url)}: the answer has no access token")
        return dict(token)


class OpenIDProvider(OAuth2Provider):
    """A provider that describes itself."""

    def __init__(self, client: Client, issuer: Issuer):
        super().__init__(client)
        self.issuer = issuer

    @property
    def _metadata(self) -> Metadata:
        return self.issuer.metadata()

    @property
    def authorize_url(self) -> str:
        """See OAuth2Provider."""
        return super().authorize_url or self._metadata.authorization_endpoint

    @property
    def token_url(self) -> str:
        """See OAuth2Provider."""
        return super().token_url or self._metadata.token_endpoint

    @property
    def user_info_url(self) -> str | None:
        """See OAuth2Provider."""
        return super().user_info_url or self._metadata.userinfo_endpoint

    @property
    def client_auth(self) -> str:
        """As the provider likes it; the body where it has no other wish, as secrets are spelled in one way there."""
        supported = self._metadata.token_endpoint_auth_methods_supported
        return "client_secret_post" if "client_secret_post" in supported else "client_secret_basic"

    @property
    def scope(self) -> tuple[str, ...]:
        """What is asked for: who it is, at least."""
        return tuple(dict.fromkeys(("openid", *(super().scope or ("profile", "email")))))

    def _asked(self, nonce: str) -> dict[str, str]:
        return {"nonce": nonce}

    def check(self, args: Arguments) -> None:
        """See OAuth2Provider."""
        self.issuer.check_answer(args.get("iss"))

    def user(self, token: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
        """Who it is, by the ID token and what the provider tells besides; raises Rejected and ProviderError."""
        if not isinstance(token.get("id_token"), str):
            raise ProviderError("the provider gave no ID token: does it know the scope `openid`?")
        claims = self.issuer.claims(token["id_token"], self.client.id, kept["nonce"], token["access_token"])
        told = self.told(token)
        if told and told.get("sub") != claims["sub"]:
            raise Rejected("what the provider tells is of another user than the ID token")
        found = {name: value for name, value in claims.items() if name not in _ABOUT_TOKEN} | told
        return self.identified(found)

    def identified(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The user; an e-mail address is an id only where the provider has verified it, raises Rejected."""
        path = self.client.user_info.user_id or "sub"
        if path == "email" and found.get("email_verified") not in (True, "true"):
            raise Rejected("the provider has not verified the user's e-mail address")
        return identified(found, path)


def _without_ours(given: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in given.items() if name not in _OURS}


def _token_error(error: str) -> Exception:
    if error in _VISITORS:
        return Rejected(f"the provider does not take the code: {error!r}")
    return ProviderError(f"the provider refuses this site: {error[:100]!r}")


def _filled(fields: Mapping[str, str], token: Mapping[str, Any]) -> dict[str, str]:
    return {name: _fill(text, token) for name, text in fields.items()}


def _fill(text: str, token: Mapping[str, Any]) -> str:
    """The text with `{access_token}` and other fields of the token in place of their names."""
    return _PLACE.sub(lambda place: str(token[place[1]]) if place[1] in token else place[0], text)
