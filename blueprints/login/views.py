"""A request -> a try to sign in -> a redirect, a page, or an answer for programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, render_template, request

from app import templating
from app.accept import prefers_page
from app.handler import Handler
from app.mounts import Mount
from blueprints.login.flow import NEXT, Args, Flow, Refused, SignIn
from blueprints.login.form import Field, Form
from blueprints.login.settings import Expiry

LARGEST = 64 * 1024
"""Bytes of a form: names and passwords need fewer."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}
"""A page for passwords is not kept, not framed by others, and tells no other site the address that it had."""


def blueprint(mount: Mount, view: "LoginView | LogoutView", methods: tuple[str, ...] = ("GET", "POST")) -> Blueprint:
    """The blueprint of a way to sign in. The limit of its forms counts for the guards too, which read them first."""
    bp = mount.blueprint(template_folder=str(Path(__file__).parent / "templates"))
    bp.before_request(_limit)
    mount.route(bp, view, methods)
    return bp


def _limit() -> None:
    request.max_content_length = LARGEST
    request.max_form_parts = 100


class LoginView:
    """Answers GET with a page and POST with a try; made once for a mount.

    Subclasses say what the page is, and who the visitor is.
    """

    def __init__(self, mount: Mount):
        self.mount, self.flow = mount, SignIn(mount)

    def __call__(self, /, **groups: Any) -> Response:
        """The page, or the answer to what was sent."""
        handler = Handler(self.mount, groups)
        args = self.flow.arguments(handler)
        try:
            response = self.get(handler, args) if request.method in ("GET", "HEAD") else self.post(handler, args)
        except Refused as refusal:
            response = self.refused(handler, args, refusal)
        response.headers.extend(_HEADERS)
        return handler.apply_to(response)

    def form(self, handler: Handler, args: Args) -> Form:
        """The page that the request is about."""
        raise NotImplementedError

    def sign_in(self, handler: Handler, args: Args) -> Mapping[str, Any]:
        """The user, whose `id` is its name. Raises Refused."""
        raise NotImplementedError

    def get(self, handler: Handler, args: Args) -> Response:
        """The page."""
        return self.page(handler, args, self.form(handler, args))

    def post(self, handler: Handler, args: Args) -> Response:
        """Sign in, and go to the next page."""
        return self.signed_in(handler, args, self.sign_in(handler, args))

    def signed_in(self, handler: Handler, args: Args, user: Mapping[str, Any]) -> Response:
        """Sign this user in; 302 to the next page, or 200 for programs that ask for JSON by name."""
        target = self.flow.next_page(handler, args)
        user = self.flow.complete(handler, user)
        if asks_for_json():
            return jsonify(user=user, next=target)
        return Response(status=302, headers={"Location": target})

    def refused(self, handler: Handler, args: Args, refusal: Refused) -> Response:
        """The page with the error beside its field; a problem (RFC 9457) for programs."""
        if not prefers_page():
            raise refusal
        form = self.form(handler, args).filled(_last(args)).with_error(refusal.message, refusal.field)
        error = {"code": refusal.reason, "error": refusal.message}
        response = self.page(handler, args, form, refusal.code or 401, error)
        response.headers.extend(refusal.headers)
        return response

    def page(
        self, handler: Handler, args: Args, form: Form, status: int = 200, error: Mapping[str, str] | None = None
    ) -> Response:
        """A page with the form: the site's own template, or ours."""
        target, own = self.flow.next_page(handler, args), self.template(handler)
        if own is None:
            body = render_template("login.html", form=form, handler=handler, next=target, next_name=NEXT)
        else:
            self.flow.remember(target)
            variables = {"error": error, "handler": handler, "form": form, "xsrf_token": handler.xsrf_token}
            body = templating.render(own, variables, tornado=self.mount.gramex)
        return Response(body, status, content_type="text/html; charset=utf-8")

    def said(
        self, handler: Handler, args: Args, title: str, message: str, links: tuple[tuple[str, str], ...]
    ) -> Response:
        """A page that only says something; JSON for programs."""
        if not prefers_page():
            return jsonify(message=message)
        return self.page(handler, args, Form(title, "", message=message, links=links))

    def template(self, handler: Handler) -> Path | None:
        """The site's own template for the page."""
        return self.flow.settings.template

    def link(self, path: str, target: str, **query: str) -> str:
        """An address that brings the visitor on to the same next page."""
        query |= {NEXT: target} if target != "/" else {}
        return f"{path}?{urlencode(query)}" if query else path

    def expiries(self) -> tuple[Field, ...]:
        """The field with which the visitor chooses how long the session lasts, if there is a choice."""
        expiry = self.flow.settings.session_expiry
        if not isinstance(expiry, Expiry) or not expiry.values:
            return ()
        return (Field(expiry.key, "Stay signed in", choices=tuple(expiry.values)),)

    def providers(self, target: str) -> tuple[tuple[str, str], ...]:
        """The other ways to sign in."""
        given = self.flow.settings.providers.items()
        following = urlencode({"next": target}) if target != "/" else ""
        return tuple((text, f"{url}{'&' if '?' in url else '?'}{following}".rstrip("?&")) for text, url in given)


class PasswordView(LoginView):
    """A way to sign in by name and password. Subclasses say whose they are."""

    user_arg = "user"
    password_arg = "password"

    def find(self, handler: Handler, name: str, password: str) -> Mapping[str, Any] | None:
        """The user with this name and password; None if there is none. Takes as long for users who are not there."""
        raise NotImplementedError

    def form(self, handler: Handler, args: Args) -> Form:
        """The page with name and password."""
        target = self.flow.next_page(handler, args)
        name = Field(self.user_arg, "Name", autocomplete="username")
        password = Field(self.password_arg, "Password", "password", "current-password")
        return Form("Sign in", "Sign in", (name, password, *self.expiries()), providers=self.providers(target))

    def sign_in(self, handler: Handler, args: Args) -> Mapping[str, Any]:
        """See LoginView. A failure is answered after its delay."""
        name, password = self.required(args, self.user_arg), self.password(args)
        with self.flow.failures.attempt(name, request.remote_addr or "") as attempt:
            user = self.find(handler, name, password)
            if user is None:
                self.flow.note_failure(name)
                attempt.failed()
                raise Refused("This name and password do not match", field=self.password_arg)
            attempt.passed()
            return user

    def password(self, args: Args) -> str:
        """The password, which must be in the body: addresses are written into logs, here and on the way."""
        if self.password_arg in request.args:
            message = "Please send the password in the form, not in the address"
            raise Refused(message, field=self.password_arg, reason="address", status=400)
        return self.required(args, self.password_arg)

    def required(self, args: Args, name: str) -> str:
        """The value of an argument that must not be empty; 400 beside its field otherwise."""
        value = args.get(name, [""])[-1]
        if not value:
            raise Refused("Please fill this in", field=name, reason="missing", status=400)
        return value


class LogoutView:
    """Signs out; made once for a mount."""

    def __init__(self, mount: Mount):
        self.mount, self.flow = mount, Flow(mount)

    def __call__(self, /, **groups: Any) -> Response:
        """Run the actions, end the session, and go on."""
        handler = Handler(self.mount, groups)
        args = self.flow.arguments(handler)
        target = self.flow.next_page(handler, args)
        self.flow.leave(handler)
        response = jsonify(next=target) if asks_for_json() else Response(status=302, headers={"Location": target})
        response.headers["Cache-Control"] = "no-store"
        return handler.apply_to(response)


def asks_for_json() -> bool:
    """Whether the client names JSON, and does not like pages better. curl's `*/*` gets what browsers get."""
    return "application/json" in request.accept_mimetypes.values() and not prefers_page()


def _last(args: Args) -> dict[str, str]:
    return {name: values[-1] for name, values in args.items() if values}
