"""An OpenID provider: what it says of itself, its keys, and whether an ID token is true.

Rules are those of OpenID Connect Core 1.0 §3.1.3.7 and Discovery 1.0 §4.3.
"""

import hmac
from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from blueprints.login.oauth import outgoing
from blueprints.login.oauth.outgoing import ProviderError, Rejected
from blueprints.login.oauth.settings import WELL_KNOWN, Address

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How an ID token may be signed: with a key that only the provider has."""
FRESH = 3600
"""Seconds that what a provider says of itself is believed."""
LEEWAY = 60
"""Seconds that its clock may differ from ours."""

T = TypeVar("T")


class Metadata(BaseModel):
    """What a provider says of itself, as far as it is used (Discovery 1.0 §3, RFC 9207 §3)."""

    issuer: str
    authorization_endpoint: Address
    token_endpoint: Address
    jwks_uri: Address
    userinfo_endpoint: Address | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Remembered(Generic[T]):
    """What a function returns, remembered for a while. Two greenlets may both ask: the same is found twice."""

    def __init__(self, find: Callable[[], T]):
        self._find = find
        self._found: tuple[float, T] | None = None

    def __call__(self, again: bool = False) -> T:
        if self._found is None or again or monotonic() - self._found[0] > FRESH:
            self._found = monotonic(), self._find()
        return self._found[1]


class Issuer:
    """An OpenID provider. Nothing is asked of it before somebody signs in."""

    def __init__(self, discovery: str | None, issuer: str | None):
        self._discovery = discovery or f"{(issuer or '').rstrip('/')}{WELL_KNOWN}"
        self._named = {issuer} if issuer else _possible_names(self._discovery)
        self.metadata = _Remembered(self._find_metadata)
        self._keys = _Remembered(self._find_keys)

    def _find_metadata(self) -> Metadata:
        found = outgoing.get(self._discovery)
        try:
            metadata = Metadata.model_validate(found)
        except ValidationError as error:
            wrong = ", ".join(str(details["loc"][0]) for details in error.errors())
            raise ProviderError(f"{outgoing.shown(self._discovery)}: {wrong} is missing or not usable") from None
        if metadata.issuer not in self._named:
            raise ProviderError(
                f"{outgoing.shown(self._discovery)} speaks for the issuer {metadata.issuer!r}: set `issuer` if it may"
            )
        return metadata

    def _find_keys(self) -> KeySet:
        url = self.metadata().jwks_uri
        found = outgoing.get(url)
        try:
            return KeySet.import_key_set({"keys": [key for key in found["keys"] if key.get("use", "sig") == "sig"]})
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            raise ProviderError(f"{outgoing.shown(url)}: the answer is no set of keys") from None

    def check_answer(self, iss: str | None) -> None:
        """Check the `iss` of an answer to this mount; raises Rejected for another provider's (RFC 9207 §2.4)."""
        metadata = self.metadata()
        if iss is None and metadata.authorization_response_iss_parameter_supported:
            raise Rejected("the answer does not say whose it is, though this provider always does")
        if iss is not None and iss != metadata.issuer:
            raise Rejected(f"the answer is of another issuer, {iss!r}")

    def claims(self, token: str, client_id: str, nonce: str, access_token: str) -> dict[str, Any]:
        """What an ID token says, checked; raises Rejected for one that is not true, or not for us, or not for now."""
        found = self._decoded(token)
        options: Any = {
            "iss": {"essential": True, "value": self.metadata().issuer},
            "aud": {"essential": True, "value": client_id},
        }
        claims = CodeIDToken(
            found.claims, found.header, options, {"client_id": client_id, "access_token": access_token}
        )
        try:
            claims.validate(leeway=LEEWAY)
        except JoseError as error:
            raise Rejected(f"the ID token is not valid: {error}") from None
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Rejected("the ID token is not of this sign-in: its nonce is another")
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        """The token, once its signature is known to be right; keys that may have been changed are asked for again."""
        try:
            try:
                return jwt.decode(token, self._keys(), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                return jwt.decode(token, self._keys(again=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise Rejected(f"the signature of the ID token is not right: {type(error).__name__}") from None


def _possible_names(discovery: str) -> set[str]:
    """The issuers that may describe themselves at this URL: their name is how it begins."""
    name = discovery.removesuffix(WELL_KNOWN)
    return {name, name.rstrip("/"), f"{name.rstrip('/')}/"}
