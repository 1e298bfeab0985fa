"""Sign in with Google. The user's id is the e-mail address, once Google has verified it.

::

    url:
      login/google:
        pattern: /login/google
        handler: GoogleAuth
        kwargs:
          key: ...apps.googleusercontent.com
          secret: ...
          extra_params: {hd: example.com}    # only people of this organisation
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
    """Google's, under the original's names."""

    scope: Words = Field(("profile", "email"), description="What is asked for, besides who it is")
    extra_params: Fields = Field(
        default_factory=dict, description="More to send along; `hd` lets only people of this organisation pass"
    )
    discovery: Address = Field(
        "https://accounts.google.com/.well-known/openid-configuration", description="Where Google describes itself"
    )


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of a mount."""
    # Imported here, as they need packages that a site without these handlers may lack.
    from blueprints.login.oauth.oauth2 import Client
    from blueprints.login.oauth.openid import Issuer
    from blueprints.login.oauth.social import Google
    from blueprints.login.oauth.views import mounted

    given = cast(Settings, mount.settings)
    authorize = Authorize(scope=("email", *given.scope), extra_params=given.extra_params)
    client = Client(given.key, given.secret, authorize, AccessToken(), UserInfo(user_id="email"))
    organisation = given.extra_params.get("hd", "*")
    google = Google(client, Issuer(given.discovery, None), None if organisation == "*" else organisation)
    return mounted(mount, google, given.session_key)
