"""`redirect:` sends the browser on after success; never to another site unless `external`.

::

    redirect:
      query: next        # to the page in ?next=, if there is one
      header: Referer    # else to the page in this header
      url: /thanks       # else here
"""

from typing import Any, Self

from flask import Blueprint, Request, Response, request
from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from app import settings as base
from app.mounts import Mount
from app.redirects import is_allowed


class Settings(base.Settings):
    """Text is the `url`. The keys are tried in the order of the YAML."""

    query: str | None = Field(None, description="Query argument that holds the target")
    header: str | None = Field(None, description="Request header that holds the target")
    url: str | None = Field(None, description="The target")
    external: bool = Field(False, description="Allow targets on other sites")

    _order: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _in_order(cls, value: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        value = {"url": value} if isinstance(value, str) else value
        made = make(value)
        made._order = tuple(key for key in value if key != "external") if isinstance(value, dict) else ()
        return made

    def target(self, request: Request) -> str | None:
        """The first target that is there and allowed; None if there is none."""
        found = {
            "query": request.args.get(self.query) if self.query else None,
            "header": request.headers.get(self.header) if self.header else None,
            "url": self.url,
        }
        targets = (found[key] for key in self._order)
        return next((to for to in targets if to and is_allowed(to, request, self.external)), None)


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Turn a success into a redirect, for features that redirect: a file or a table that is read is not sent away."""
    if not getattr(mount.feature, "REDIRECTS", False):
        return

    @bp.after_request
    def redirect_on_success(response: Response) -> Response:
        if response.status_code >= 300 or request.method == "OPTIONS" or response.is_streamed:
            return response  # what is streamed has yet to be done: a redirect would leave it undone
        target = settings.target(request)
        if target is not None:
            response.status_code, response.location = 302, target
            response.set_data(b"")
        return response
