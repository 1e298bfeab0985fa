"""Sign in with Facebook. The user's id is the one that Facebook gives to people of this app.

::

    url:
      login/facebook:
        pattern: /login/facebook
        handler: FacebookAuth
        kwargs: {key: ..., secret: ..., scope: email}
"""

from typing import cast

from flask import Blueprint
from pydantic import Field

from app.mounts import Mount
from app.settings import Words
from blueprints.login.oauth.settings import AccessToken, Address, Authorize, Fields, Keys, UserInfo

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


class Settings(Keys):
    """Facebook's, under the original's names."""

    scope: Words = Field(("email",), description="The permissions that are asked for")
    fields: Words = Field(
        ("id", "name", "first_name", "last_name", "email", "picture"), description="What Facebook shall tell"
    )
    extra_params: Fields = Field(default_factory=dict, description="More to send along")
    authorize_url: Address = Field("https://www.facebook.com/dialog/oauth", description="Where the visitor is sent")
    access_token_url: Address = Field(
        "https://graph.facebook.com/oauth/access_token", description="Where the code becomes a token"
    )
    user_info_url: Address = Field("https://graph.facebook.com/me", description="Where Facebook tells who it is")


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of a mount."""
    # Imported here, as they need packages that a site without these handlers may lack.
    from blueprints.login.oauth.oauth2 import Client
    from blueprints.login.oauth.social import Facebook
    from blueprints.login.oauth.views import mounted

    given = cast(Settings, mount.settings)
    authorize = Authorize(url=given.authorize_url, scope=given.scope, extra_params=given.extra_params)
    user_info = UserInfo(url=f"{given.user_info_url}?fields={','.join(given.fields)}&appsecret_proof={{proof}}")
    client = Client(given.key, given.secret, authorize, AccessToken(url=given.access_token_url), user_info)
    return mounted(mount, Facebook(client), given.session_key)
