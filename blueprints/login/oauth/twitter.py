"""Sign in with Twitter (X), by OAuth 1.0a. The user's id is the name after the @.

::

    url:
      login/twitter:
        pattern: /login/twitter
        handler: TwitterAuth
        kwargs: {key: ..., secret: ...}

A name may change hands; `user_id: id_str` is the number that does not.
"""

from typing import cast

from flask import Blueprint
from pydantic import Field

from app.mounts import Mount
from blueprints.login.oauth.settings import Address, Keys

_API = "https://api.twitter.com"


SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


class Settings(Keys):
    """Twitter's, under the original's names."""

    user_id: str = Field("username", min_length=1, description="The field that is the user's id")
    request_token_url: Address = Field(f"{_API}/oauth/request_token", description="Where a sign-in is announced")
    authorize_url: Address = Field(f"{_API}/oauth/authenticate", description="Where the visitor is sent")
    access_token_url: Address = Field(f"{_API}/oauth/access_token", description="Where the answer becomes a token")
    user_info_url: Address = Field(
        f"{_API}/1.1/account/verify_credentials.json", description="Where Twitter tells who it is"
    )


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of a mount."""
    # Imported here, as they need packages that a site without these handlers may lack.
    from blueprints.login.oauth.oauth1 import Addresses, OAuth1Provider
    from blueprints.login.oauth.views import mounted

    given = cast(Settings, mount.settings)
    addresses = Addresses(given.request_token_url, given.authorize_url, given.access_token_url, given.user_info_url)
    provider = OAuth1Provider(given.key, given.secret, addresses, given.user_id)
    return mounted(mount, provider, given.session_key)
