"""`set_xsrf: true` gives every visitor the cookie `_xsrf`, also of pages without a form.

Scripts of a page that shows no form, and programs, may then send the token along.
"""

from flask import Blueprint
from pydantic import RootModel

from app import xsrf
from app.mounts import Mount


class Settings(RootModel[bool]):
    """A switch."""


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Give the cookie with each answer, unless the browser has it."""
    if settings.root:
        bp.before_request(xsrf.give_cookie)
