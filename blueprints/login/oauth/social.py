"""Google and Facebook, as far as they differ from other providers."""

import hmac
from collections.abc import Mapping
from typing import Any

from blueprints.login.oauth.oauth2 import Client, OAuth2Provider, OpenIDProvider
from blueprints.login.oauth.openid import Issuer
from blueprints.login.oauth.outgoing import Rejected


class Google(OpenIDProvider):
    """Google, for the people of one organisation if it has a name."""

    def __init__(self, client: Client, issuer: Issuer, organisation: str | None):
        super().__init__(client, issuer)
        self.organisation = organisation

    def identified(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """See OpenIDProvider. The argument `hd` only chooses what Google offers: who came has to be checked."""
        if self.organisation and found.get("hd") != self.organisation:
            raise Rejected(f"the user is not of {self.organisation}")
        return super().identified(found)


class Facebook(OAuth2Provider):
    """Facebook, whose apps may demand a proof that a token is used by the app itself."""

    def told(self, token: Mapping[str, Any]) -> dict[str, Any]:
        """See OAuth2Provider; `{proof}` in the address is filled in too."""
        proof = hmac.digest((self.client.secret or "").encode(), token["access_token"].encode(), "sha256").hex()
        return super().told({**token, "proof": proof})
