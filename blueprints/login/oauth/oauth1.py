"""OAuth 1.0a (RFC 5849), as Twitter has it: every request is signed, and a request token comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth1Session

from blueprints.login.oauth import outgoing
from blueprints.login.oauth.outgoing import ProviderError, Rejected
from blueprints.login.oauth.pending import Kept
from blueprints.login.oauth.provider import Arguments, Begun, Person, identified


@dataclass(frozen=True)
class Addresses:
    """Where the steps are taken."""

    request_token: str
    authorize: str
    access_token: str
    user_info: str


@dataclass(frozen=True)
class OAuth1Provider:
    """A provider of OAuth 1.0a."""

    key: str
    secret: str = field(repr=False)
    addresses: Addresses
    user_id: str

    def begin(self, redirect_uri: str) -> Begun:
        """See Provider."""
        url = self.addresses.request_token
        with self._session(redirect_uri=redirect_uri) as session, outgoing.translated(url):
            try:
                token = _granted(session.fetch_request_token(url, allow_redirects=False))
            except OAuthError:
                raise ProviderError("the provider refuses this site: are key and secret right?") from None
        if token.get("oauth_callback_confirmed") != "true":  # RFC 5849 §2.1: or it could be anyone's callback
            raise ProviderError(f"{outgoing.shown(url)}: it does not confirm our callback")
        with self._session() as session:
            address = session.create_authorization_url(self.addresses.authorize, token["oauth_token"])
        return Begun(address, token["oauth_token"], {"secret": token["oauth_token_secret"]})

    def state_of(self, args: Arguments) -> str | None:
        """See Provider. The request token itself says which sign-in it is."""
        return args.get("oauth_token") or args.get("denied")

    def finish(self, args: Arguments, kept: Kept, redirect_uri: str) -> Person:
        """See Provider."""
        if "oauth_verifier" not in args:
            raise Rejected("the visitor did not agree")
        token = self._access_token(args["oauth_token"], kept["secret"], args["oauth_verifier"])
        found = self._user(token)
        # The name that the original's users know it by.
        named = {**found, "username": found["screen_name"]} if "screen_name" in found else found
        return Person(identified(named, self.user_id), token)

    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """See Provider."""
        raise Rejected("tokens of OAuth 1.0a do not end, and are not refreshed")

    def _access_token(self, token: str, secret: str, verifier: str) -> dict[str, str]:
        url = self.addresses.access_token
        with self._session(token=token, token_secret=secret) as session, outgoing.translated(url):
            try:
                return _granted(session.fetch_access_token(url, verifier, allow_redirects=False))
            except OAuthError:
                raise Rejected("the provider does not take the verifier") from None

    def _user(self, token: Mapping[str, str]) -> dict[str, Any]:
        with self._session(token=token["oauth_token"], token_secret=token["oauth_token_secret"]) as session:
            return outgoing.fetched(session, "GET", self.addresses.user_info)

    def _session(self, **credentials: str) -> OAuth1Session:
        return outgoing.bounded(OAuth1Session(self.key, self.secret, **credentials))


def _granted(answer: Mapping[str, str]) -> dict[str, str]:
    """The token in an answer; raises ProviderError."""
    if not answer.get("oauth_token") or not answer.get("oauth_token_secret"):
        raise ProviderError("the answer has no token")
    return dict(answer)
