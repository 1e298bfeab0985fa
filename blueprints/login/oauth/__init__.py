"""Sign in at any provider of OAuth 2, or of OpenID Connect.

::

    url:
      login/github:
        pattern: /login/github
        handler: OAuth2
        kwargs:
          client_id: ...
          client_secret: ...
          authorize: {url: https://github.com/login/oauth/authorize, scope: user:email}
          access_token: {url: https://github.com/login/oauth/access_token}
          user_info: {url: https://api.github.com/user, user_id: login}
      login/company:
        pattern: /login/company
        handler: OAuth2
        kwargs:
          discovery: https://login.example.com/.well-known/openid-configuration
          client_id: ...
          client_secret: ...
          user_info: {user_id: email}

The same address begins a sign-in and takes the provider's answer (reference: gramex.md §19).
"""

from typing import cast

from flask import Blueprint

from app.mounts import Mount
from blueprints.login.oauth.settings import Settings

__all__ = ["SIGNS_IN", "Settings", "blueprint"]


SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of a mount."""
    # Imported here, as they need packages that a site without these handlers may lack.
    from blueprints.login.oauth.oauth2 import Client, OAuth2Provider, OpenIDProvider
    from blueprints.login.oauth.openid import Issuer
    from blueprints.login.oauth.views import mounted

    given = cast(Settings, mount.settings)
    client = Client(given.client_id, given.client_secret, given.authorize, given.access_token, given.user_info)
    provider: OAuth2Provider = OAuth2Provider(client)
    if given.is_openid:
        provider = OpenIDProvider(client, Issuer(given.discovery, given.issuer))
    return mounted(mount, provider, given.access_token.session_key)
