"""`EmailAuth`: a code that is sent by e-mail, good once.

::

    kwargs:
      service: office                    # of `email:`
      subject: Your code
      body: "The code is {otp}. Or follow {link}"
      size: 6
      minutes_to_expiry: 15

The user's id is the address. The link brings the visitor to a page with a button, as programs that look into mails
follow links too; with `instantlogin` it signs in at once.
"""

from collections.abc import Mapping
from typing import Any, Self, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from pydantic import Field, model_validator

from app import mail, userstore
from app.accept import prefers_page
from app.handler import Handler
from app.mounts import Mount
from blueprints.login import form, mails, views
from blueprints.login.codes import Codes
from blueprints.login.flow import NEXT, Args, Refused
from blueprints.login.form import Form
from blueprints.login.mails import ADDRESS
from blueprints.login.settings import Argument, Common

SIGNS_IN = True
"""Whoever is not signed in may come here: `auth:` has no effect."""

WRONG = "This code is not right, or too old"
_PLACES = ("otp", "link", "user", "minutes")


class Settings(Common):
    """The mail, and the code in it."""

    service: str | None = Field(None, description="Name of the mail server in `email:`; the only one unless set")
    subject: str = Field("Your code to sign in: {otp}", description="Subject of the mail")
    body: str = Field(
        "Your code to sign in is {otp}\n\nIt is good for {minutes} minutes. You can also follow this link:\n\n{link}\n",
        description="Text of the mail, with {otp}, {link}, {user} and {minutes}",
    )
    html: str | None = Field(None, description="The same as HTML")
    size: int = Field(6, ge=4, le=40, description="Digits of the code")
    minutes_to_expiry: float = Field(15, gt=0, le=1440, description="Minutes that the code is good for")
    instantlogin: bool = Field(False, description="Let the link in the mail sign in at once, without a button")
    user: Argument = Field(Argument(arg="user"), description="`arg`: the form's field for the address")
    password: Argument = Field(Argument(arg="password"), description="`arg`: the form's field for the code")

    @model_validator(mode="after")
    def _texts_have_places(self) -> Self:
        for text in (self.subject, self.body, self.html or ""):
            mails.check(text, dict.fromkeys(_PLACES, ""))
        if "{otp}" not in self.body and "{link}" not in self.body:
            raise ValueError("body: should have {otp}, the code, or {link}")
        return self


class EmailView(views.LoginView):
    """Asks for the address, sends the code, and asks for it."""

    def __init__(self, mount: Mount):
        super().__init__(mount)
        self.settings = cast(Settings, mount.settings)
        self.service = mails.service(mount, self.settings.service)
        self.codes = Codes(userstore.database, f"email {mount.name}")
        self._user, self._code = self.settings.user.arg, self.settings.password.arg

    def form(self, handler: Handler, args: Args) -> Form:
        """See LoginView."""
        address, code = self._given(args)
        if request.method != "POST":  # the link in the mail has both
            return self._confirm(address, code) if address and code else self._ask(handler, args)
        return self._enter(handler, args, address) if ADDRESS.fullmatch(address) else self._ask(handler, args)

    def _ask(self, handler: Handler, args: Args) -> Form:
        fields = (form.Field(self._user, "E-mail address", "email", "email"),)
        providers = self.providers(self.flow.next_page(handler, args))
        return Form("Sign in", "Send the code", fields, message="We will send you a code.", providers=providers)

    def _enter(self, handler: Handler, args: Args, address: str) -> Form:
        fields = (form.Field(self._code, "Code", "text", "one-time-code", inputmode="numeric"),)
        links = (("Send another code", self.link(request.path, self.flow.next_page(handler, args))),)
        hidden = {self._user: address}
        return Form(
            "Enter the code",
            "Sign in",
            (*fields, *self.expiries()),
            hidden=hidden,
            message=self._sent(address),
            links=links,
        )

    def _confirm(self, address: str, code: str) -> Form:
        message = f"You are about to sign in as {address}."
        return Form("Sign in", "Sign in", (), request.path, {self._user: address, self._code: code}, message)

    def _sent(self, address: str) -> str:
        minutes = self.settings.minutes_to_expiry
        return f"We have sent a code to {address}. It is good for {minutes:g} minutes."

    def get(self, handler: Handler, args: Args) -> Response:
        """See LoginView."""
        if self.settings.instantlogin and all(self._given(args)) and request.method == "GET":
            return super().post(handler, args)
        return super().get(handler, args)

    def post(self, handler: Handler, args: Args) -> Response:
        """See LoginView. Without a code one is sent."""
        address, _code = self._given(args)
        if not address:
            raise Refused("Please fill this in", field=self._user, reason="missing", status=400)
        if not ADDRESS.fullmatch(address):
            raise Refused("This is no e-mail address", field=self._user, reason="address", status=400)
        return super().post(handler, args) if self._code in args else self._send(handler, args, address)

    def sign_in(self, handler: Handler, args: Args) -> Mapping[str, Any]:
        """See LoginView."""
        address, code = self._given(args)
        with self.flow.failures.attempt(address, request.remote_addr or "") as attempt:
            if not self.codes.matches(_owner(address), code.replace(" ", "")):
                self.flow.note_failure(address)
                attempt.failed()
                raise Refused(WRONG, field=self._code)
            attempt.passed()
        self.codes.forget(_owner(address))
        return {"id": _owner(address), "email": address}

    def _given(self, args: Args) -> tuple[str, str]:
        return args.get(self._user, [""])[-1], args.get(self._code, [""])[-1]

    def _send(self, handler: Handler, args: Args, address: str) -> Response:
        with self.flow.failures.attempt(f"code {address}", request.remote_addr or "") as attempt:
            attempt.counted()
        seconds = self.settings.minutes_to_expiry * 60
        code = self.codes.code(_owner(address), seconds, self.settings.size)
        if code is not None:
            message = self._mail(address, code, self.flow.next_page(handler, args))
            mail.send_later(self.service, lambda: message)
        if not prefers_page():
            return jsonify(message=self._sent(address))
        return self.page(handler, args, self._enter(handler, args, address))

    def _mail(self, address: str, code: str, target: str) -> mail.Message:
        query = {self._user: address, self._code: code} | ({NEXT: target} if target != "/" else {})
        values = {
            "otp": code,
            "link": f"{self.mount.site_url}{request.path}?{urlencode(query)}",
            "user": address,
            "minutes": f"{self.settings.minutes_to_expiry:g}",
        }
        return mails.message(address, self.settings.subject, self.settings.body, self.settings.html, values)


def _owner(address: str) -> str:
    """The address as it names a user: mail systems do not tell capitals from small letters."""
    return address.lower()


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    return views.blueprint(mount, EmailView(mount))
