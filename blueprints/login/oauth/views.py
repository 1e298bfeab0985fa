"""A request without an answer of the provider -> the visitor is sent there; one with an answer -> signed in."""

import logging
from collections.abc import MutableMapping
from hashlib import sha256
from importlib import import_module
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, after_this_request, current_app, request
from werkzeug.exceptions import Forbidden

from app import compat, request_id, session
from app.application import Application
from app.handler import AttrDict, Handler
from app.mounts import Mount
from blueprints.login import views
from blueprints.login.flow import NEXT, Args, Refused
from blueprints.login.form import Form
from blueprints.login.oauth.outgoing import ProviderError, Rejected, Unreachable
from blueprints.login.oauth.pending import LIFETIME, Kept, Pending
from blueprints.login.oauth.provider import Person, Provider
from blueprints.login.oauth.settings import AtProvider

log = logging.getLogger("skerry")

LONGEST_NEXT = 2000
"""Bytes of a next page that is remembered: cookies are small."""
RETRY = 10
"""Seconds after which a visitor may try again when the provider does not answer."""


def mounted(mount: Mount, provider: Provider, session_key: str | None) -> Blueprint:
    """The blueprint of a mount that signs in at this provider, and keeps its tokens under a key of the session."""
    view = ProviderView(mount, provider, session_key)
    if mount.gramex:  # code of existing sites looks for it there
        urls = import_module(f"{compat.PACKAGE}.services").info.setdefault("url", AttrDict())
        urls[mount.name] = AttrDict(handler_class=view)
    return views.blueprint(mount, view, ("GET",))


class ProviderView(views.LoginView):
    """Sends visitors to a provider, and signs in who comes back; made once for a mount."""

    def __init__(self, mount: Mount, provider: Provider, session_key: str | None):
        super().__init__(mount)
        self.provider, self.session_key = provider, session_key
        self.redirect_uri = cast(AtProvider, mount.settings).redirect_uri
        self.cookie = f"signin_{sha256(mount.name.encode()).hexdigest()[:8]}"

    def get(self, handler: Handler, args: Args) -> Response:
        """Begin, or finish: the provider sends the visitor back to the same address."""
        signer = cast(Application, current_app).signer
        pending = Pending(signer, self.mount.name, request.cookies.get(self.cookie))
        state = self.provider.state_of(request.args)
        after_this_request(lambda response: self._with_cookie(response, pending))
        try:
            if state is None:
                return self._begun(pending, self.flow.next_page(handler, args))
            return self._finished(handler, args, pending, state)
        except ProviderError as error:
            raise self._no_provider(error) from error

    def exchange_refresh_token(self, user: MutableMapping[str, Any], refresh_token: str | None = None) -> None:
        """Put new tokens into the user, for its refresh token or this one; 403 if there is none, or if it is refused.

        Reference: seeds, `GoogleAuth`.
        """
        refresh_token = refresh_token or user.get("refresh_token")
        if not refresh_token:
            raise Forbidden("there is no refresh_token")
        try:
            user.update(self.provider.refreshed(refresh_token))
        except ProviderError as error:
            raise self._no_provider(error) from error
        except Rejected as error:
            raise Forbidden("the refresh_token is refused") from error

    def form(self, handler: Handler, args: Args) -> Form:
        """The page that says what went wrong, with the way to try again."""
        again = self.link(_here(), self.flow.next_page(handler, args))
        return Form("Sign in", "", links=(("Try again", again),))

    def _begun(self, pending: Pending, target: str) -> Response:
        begun = self.provider.begin(self._address())
        pending.add(begun.state, begun.kept | {"next": target if len(target.encode()) <= LONGEST_NEXT else "/"})
        return Response(status=302, headers={"Location": begun.url})

    def _finished(self, handler: Handler, args: Args, pending: Pending, state: str) -> Response:
        request.environ["RAW_URI"] = request.path  # the log need not have the code
        kept = pending.take(state)
        args[NEXT] = [str(kept["next"])] if kept else []
        person = self._person(kept)
        response = self.signed_in(handler, args, person.user)
        if self.session_key:
            session.current()[self.session_key] = person.token
        return response

    def _person(self, kept: Kept | None) -> Person:
        if kept is None:
            raise self._refused("no sign-in with this state was begun in this browser in the last minutes")
        try:
            return self.provider.finish(request.args, kept, self._address())
        except Rejected as error:
            self.flow.note_failure("")
            raise self._refused(str(error)) from error

    def _address(self) -> str:
        """Where the provider shall send the visitor: this address, by `app.url` or as a trusted proxy reports it."""
        if self.redirect_uri:
            return self.redirect_uri
        site = self.mount.site_url
        return f"{site}{urlsplit(request.base_url).path}" if site else request.base_url

    def _refused(self, reason: str) -> Refused:
        request.environ.setdefault(request_id.ERROR, reason)
        return Refused("The sign-in did not succeed, or took too long: please try again")

    def _no_provider(self, error: ProviderError) -> Refused:
        log.warning("%s: url.%s: %s", request_id.of(request.environ), self.mount.name, error)
        request.environ.setdefault(request_id.ERROR, str(error))
        if isinstance(error, Unreachable):
            retry = {"Retry-After": str(RETRY)}
            return Refused("The sign-in service does not answer: please try later", status=503, headers=retry)
        return Refused("The sign-in service does not work: please try later", status=502)

    def _with_cookie(self, response: Response, pending: Pending) -> Response:
        """The response, with which the browser remembers what is under way. Lax: the answer comes from elsewhere."""
        scope: dict[str, Any] = {
            "path": _here(),
            "secure": request.is_secure,
            "httponly": True,
            "samesite": "Lax",
        }
        value = pending.cookie()
        if value:
            response.set_cookie(self.cookie, value, LIFETIME, **scope)
        elif self.cookie in request.cookies:
            response.delete_cookie(self.cookie, **scope)
        return response


def _here() -> str:
    """The path of this address, as browsers see it."""
    return request.root_path + request.path
