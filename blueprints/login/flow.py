"""The steps that all ways to sign in share: arguments, the next page, and what a sign-in does."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from werkzeug.exceptions import BadRequest, HTTPException

from app import extras, offload, session, userlog, userstore
from app.handler import Handler
from app.handler.attrdict import AttrDict
from app.mounts import Mount
from app.redirects import is_allowed
from blueprints.login import attributes
from blueprints.login.failures import Failures
from blueprints.login.settings import Common, Shared

Args = dict[str, list[str]]

NEXT = "_next"
"""Field of our forms that has the next page, and argument that keeps it on the way through several."""

_REMEMBERED = "_next_url"
"""The session's key for the next page, where a site's own form has no field for it."""


class Refused(HTTPException):
    """A sign-in that failed: what is said of it, and beside which field of the page it stands."""

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        reason: str = "auth",
        status: int = 401,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.message, self.field, self.reason, self.code = message, field, reason, status
        self.headers = headers or {}

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """The headers of the answer."""
        return [*super().get_headers(*args, **kwargs), *self.headers.items()]


class Flow:
    """What a mount does around its own work, to sign in and to sign out; made once for the mount."""

    def __init__(self, mount: Mount):
        self.mount, self.settings = mount, cast(Shared, mount.settings)

    def arguments(self, handler: Handler) -> Args:
        """The arguments of the query and the form, or of a JSON object, as `prepare` leaves them."""
        args = handler.args
        if handler.request.flask_request.is_json:
            args.update(_of_json(handler.request.flask_request.get_json()))
        if self.settings.prepare:
            prepared = offload.run(self.settings.prepare, handler=handler, args=args)
            if isinstance(prepared, Mapping):
                lists = {name: _texts(values) for name, values in prepared.items()}
                args.clear()
                args.update(lists)
        return args

    def next_page(self, handler: Handler, args: Mapping[str, list[str]]) -> str:
        """Where to go when it is done, always on this site unless the settings say `external`."""
        request = handler.request.flask_request
        found = (*args.get(NEXT, ())[-1:], self.remembered(), self.settings.redirect.target(request))
        allowed = (to for to in found if to and is_allowed(to, request, self.settings.redirect.external))
        return next((to for to in allowed if urlsplit(to).path != request.path), "/")

    def remembered(self) -> str | None:
        """The next page that the session has."""
        return None

    def leave(self, handler: Handler) -> None:
        """Sign the user out, after the actions."""
        user = session.current().get(self.settings.user_key)
        self._act(handler)
        if user is not None:
            userlog.write("logout", user)
        session.sign_out(self.settings.user_key)

    def _act(self, handler: Handler) -> None:
        for action in self.settings.action:
            action(handler=handler)


class SignIn(Flow):
    """What happens around the question who somebody is."""

    settings: Common

    def __init__(self, mount: Mount):
        super().__init__(mount)
        self.failures = Failures(userstore.database, mount.name, self.settings.delay)
        if self.settings.template and mount.gramex:
            extras.need({"tornado": "tornado"}, "tornado", "template: a template of Tornado")

    def remembered(self) -> str | None:
        """Only a site's own template makes us look into the session."""
        return session.current().get(_REMEMBERED) if self.settings.template else None

    def remember(self, target: str) -> None:
        """Keep the next page in the session, for a page that has no field for it."""
        if session.current().get(_REMEMBERED) != target:
            session.current()[_REMEMBERED] = target

    def complete(self, handler: Handler, user: Mapping[str, Any]) -> AttrDict:
        """Sign the user in, whose `id` names it; returns the user as the session has it.

        Raises Refused for one that is disabled. If an action fails, nobody is signed in.
        """
        settings = self.settings
        found = self._with_attributes(user)
        expiry = settings.expiry(handler.args)
        signed_in = session.sign_in(found, key=settings.user_key, expiry=expiry, inactive=settings.session_inactive)
        try:
            self._act(handler)
            userlog.write("login", signed_in)
        except BaseException:
            session.sign_out(settings.user_key)
            raise
        return signed_in

    def _with_attributes(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """The user with what else is known of it: its row, what earlier sign-ins left, what the rules say."""
        id = str(user["id"])
        stored = userstore.load(id)
        if stored.get(userstore.DISABLED):
            userlog.write("fail", id)
            raise Refused("This account is disabled", reason="disabled")
        if stored.get(userstore.ACTIVE) != "y":
            userstore.save(id, {userstore.ACTIVE: "y"})
        found = {name: value for name, value in stored.items() if name not in (userstore.ACTIVE, userstore.DISABLED)}
        found |= user
        if self.settings.lookup:
            found |= attributes.looked_up(self.settings.lookup, id)
        return attributes.ruled(self.settings.rules, found) if self.settings.rules else found

    def note_failure(self, name: str) -> None:
        """Write a failure into the log of sign-ins."""
        userlog.write("fail", name)


def _of_json(given: Any) -> Args:
    if not isinstance(given, dict):
        raise BadRequest('the JSON should be an object, as {"user": "...", "password": "..."}')
    return {name: _texts(value) for name, value in given.items() if isinstance(value, str | int)}


def _texts(values: Any) -> list[str]:
    """The values of an argument, stripped as those of forms are."""
    return [str(value).strip() for value in (values if isinstance(values, list | tuple) else [values])]
