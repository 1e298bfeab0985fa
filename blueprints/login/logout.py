"""`LogoutHandler`: a GET signs the visitor out.

::

    kwargs:
      redirect: {query: next, url: /}
      action: mymodule.said_goodbye(handler)
"""

from flask import Blueprint
from pydantic import Field

from app.guards.redirect import Settings as Redirect
from app.mounts import Mount
from blueprints.login import views
from blueprints.login.settings import Shared

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""


class Settings(Shared):
    """Where to go, and what to do before."""

    redirect: Redirect = Field(
        default_factory=lambda: Redirect.model_validate({"query": "next"}),
        description="Where to go after it: ?next=, else the front page",
    )


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    return views.blueprint(mount, views.LogoutView(mount), ("GET",))
