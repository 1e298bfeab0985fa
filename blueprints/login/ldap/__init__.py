"""Sign in with a name and password of an LDAP directory, Active Directory among them.

::

    url:
      login:
        pattern: /login/
        handler: LDAPAuth
        kwargs:
          host: ldap.example.com
          user: uid={user},ou=people,dc=example,dc=com     # the name in the directory
      login/mail:
        pattern: /login/mail
        handler: LDAPAuth
        kwargs:
          host: ldap.example.com
          bind: {user: "cn=reader,dc=example,dc=com", password: $LDAP_PASSWORD}
          search: {base: "ou=people,dc=example,dc=com", filter: "(mail={user})"}

The directory's attributes become the user's (reference: gramex.md §19). The password goes over TLS, to a server that
has proved to be `host`.
"""

from flask import Blueprint

from app.mounts import Mount
from blueprints.login.ldap.settings import Settings

__all__ = ["SIGNS_IN", "Settings", "blueprint"]

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of a mount."""
    # Imported here, as it needs a package that a site without this handler may lack.
    from blueprints.login import views
    from blueprints.login.ldap.views import LDAPView

    return views.blueprint(mount, LDAPView(mount))
