"""`headers:` sets headers on every answer of a mount; false removes one.

::

    headers:
      Cache-Control: max-age=60
      X-Frame-Options: DENY
      X-Powered-By: false
"""

from flask import Blueprint, Response
from pydantic import RootModel

from app import settings as base
from app.mounts import Mount


class Settings(RootModel[base.Headers]):
    """Header name -> value; false removes the header."""


def attach(bp: Blueprint, settings: Settings, _mount: Mount) -> None:
    """Set the headers on the way out."""
    removed = [name for name, value in settings.root.items() if value is False]
    fixed = [(name, str(value)) for name, value in settings.root.items() if name not in removed]

    @bp.after_request
    def set_headers(response: Response) -> Response:
        for name in removed:
            response.headers.remove(name)
        for name, value in fixed:
            response.headers[name] = value
        return response
