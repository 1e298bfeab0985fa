"""The pages of DBAuth: sign in, forgotten password, new password, sign up."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from flask import Response, request

from app import mail, passwords, session, userlog, userstore
from app.handler import Handler
from app.mounts import Mount
from app.state import Conflict, Unavailable
from blueprints.login import mails, views
from blueprints.login.codes import Codes
from blueprints.login.database.settings import Forgot, Settings, Signup
from blueprints.login.database.users import Users
from blueprints.login.flow import Args, Refused
from blueprints.login.form import Field, Form
from blueprints.login.sources import Row

SENT = "If there is an account with this address, a mail with a link is on its way to it."
EXPIRED = "This link has been used, or is too old. Please ask for another one."
_PLACES = ("user", "reset_url", "minutes")
_SHORTEST = 22
"""Characters of a token that nobody guesses: 132 bits."""


class DatabaseView(views.PasswordView):
    """Signs in users of a table; `?forgot` and `?signup` ask for the other pages."""

    def __init__(self, mount: Mount):
        super().__init__(mount)
        self.settings = cast(Settings, mount.settings)
        self.user_arg, self.password_arg = self.settings.user.arg, self.settings.password.arg
        self.users = Users(self.settings)
        self.codes = Codes(userstore.database, f"forgot {mount.name}")
        if self.settings.forgot:
            self.service = mails.service(mount, self.settings.forgot.email_from)
        self._check()

    def _check(self) -> None:
        """Find mistakes at start; a database that is down then may be back at the first request."""
        try:
            columns = self.users.check_columns()
        except Unavailable:
            return
        forgot = self.settings.forgot
        places = [column for column in columns if column != self.settings.password.column]
        for text in (forgot.email_subject, forgot.email_body, forgot.email_html or "") if forgot else ():
            mails.check(text, dict.fromkeys([*places, *_PLACES], ""))

    def get(self, handler: Handler, args: Args) -> Response:
        """See LoginView."""
        token = self._token(args)
        if token and self.codes.owner(token) is None:
            raise Refused(EXPIRED, reason="token")
        return super().get(handler, args)

    def find(self, handler: Handler, name: str, password: str) -> Mapping[str, Any] | None:
        """See PasswordView."""
        return self.users.check(handler, name, password)

    def form(self, handler: Handler, args: Args) -> Form:
        """See LoginView."""
        forgot, signup = self._forgot(args), self._signup(args)
        token = self._token(args)
        if token and self.codes.owner(token) is not None:
            fields = (Field(self.password_arg, "New password", "password", "new-password"),)
            return Form("Set your password", "Set the password", fields)
        if forgot:
            return self._ask_for_link(handler, args, forgot)
        if signup:
            return self._sign_up(handler, args, signup)
        return replace(super().form(handler, args), links=self._links(handler, args))

    def post(self, handler: Handler, args: Args) -> Response:
        """See LoginView."""
        forgot, signup = self._forgot(args), self._signup(args)
        token = self._token(args)
        if token:
            return self._set_password(handler, args, token)
        if forgot:
            return self._send_link(handler, args, forgot)
        if signup:
            return self._add_user(handler, args, signup)
        return super().post(handler, args)

    def template(self, handler: Handler) -> Path | None:
        """See LoginView."""
        forgot, signup = self._forgot(handler.args), self._signup(handler.args)
        return (forgot or signup or self.settings).template

    def _forgot(self, args: Args) -> Forgot | None:
        settings = self.settings.forgot
        return settings if settings and settings.key in args else None

    def _token(self, args: Args) -> str:
        """The token of the link that brought the visitor here."""
        forgot = self._forgot(args)
        return args[forgot.key][-1] if forgot else ""

    def _signup(self, args: Args) -> Signup | None:
        settings = self.settings.signup
        return settings if settings and settings.key in args else None

    def _links(self, handler: Handler, args: Args) -> tuple[tuple[str, str], ...]:
        target, settings = self.flow.next_page(handler, args), self.settings
        links = [("Forgot your password?", settings.forgot.key)] if settings.forgot else []
        links += [("Sign up", settings.signup.key)] if settings.signup else []
        return tuple((text, self.link(request.path, target, **{key: ""})) for text, key in links)

    def _back(self, handler: Handler, args: Args) -> tuple[tuple[str, str], ...]:
        return (("Back to sign in", self.link(request.path, self.flow.next_page(handler, args))),)

    # --- a forgotten password

    def _ask_for_link(self, handler: Handler, args: Args, forgot: Forgot) -> Form:
        fields = (Field(forgot.arg, "E-mail address", "email", "email"),)
        message = "We will send you a link with which you can set a new password."
        action = self.link(request.path, self.flow.next_page(handler, args), **{forgot.key: ""})
        links = self._back(handler, args)
        return Form("Forgot your password?", "Send the link", fields, action, message=message, links=links)

    def _send_link(self, handler: Handler, args: Args, forgot: Forgot) -> Response:
        """Answer alike, and as fast, whether there is such a user or not: what differs happens beside the request."""
        address, name = args.get(forgot.arg, [""])[-1], args.get(self.user_arg, [""])[-1]
        if not address and not name:
            raise Refused("Please fill this in", field=forgot.arg, reason="missing", status=400)
        with self.flow.failures.attempt(f"link {address or name}", request.remote_addr or "") as attempt:
            attempt.counted()
        self._mail_later(handler, forgot, address, name)
        return self._sent(handler, args)

    def _mail_later(self, handler: Handler, forgot: Forgot, address: str, name: str) -> None:
        path, _ = request.path, self.codes.database  # when the mail is written there is no request any more
        mail.send_later(self.service, lambda: self._mail(self._row(address, name), forgot, path))

    def _row(self, address: str, name: str) -> Row | None:
        return self.users.with_address(address) if address else self.users.named(name)

    def _mail(self, row: Row | None, forgot: Forgot, path: str) -> mail.Message | None:
        """The mail with a link for the user in this row; None for nobody, and for one who has links enough."""
        if row is None or not row.get(forgot.email_column):
            return None
        name, size = self.users.name_of(row), max(forgot.size, _SHORTEST)
        token = self.codes.link(name, forgot.minutes_to_expiry * 60, size)
        if token is None:
            return None
        url = f"{self.mount.site_url}{path}?{urlencode({forgot.key: token})}"
        values = {**row, "user": name, "reset_url": url, "minutes": f"{forgot.minutes_to_expiry:g}"}
        values.pop(self.settings.password.column, None)
        address = str(row[forgot.email_column])
        return mails.message(address, forgot.email_subject, forgot.email_body, forgot.email_html, values)

    def _sent(self, handler: Handler, args: Args) -> Response:
        return self.said(handler, args, "Look into your mail", SENT, self._back(handler, args))

    def _set_password(self, handler: Handler, args: Args, token: str) -> Response:
        """A link is used up only by a password that is good enough."""
        password = self.password(args)
        lack = self.settings.password.lacks(password)
        if lack:
            raise Refused(lack, field=self.password_arg, reason="weak", status=400)
        name = self.codes.use(token)
        if name is None:
            raise Refused(EXPIRED, reason="token")
        self.users.set_password(handler, name, password)
        self.codes.forget(name)
        userlog.write("reset", name)
        session.sign_out_everywhere(name)  # who knew the old password must not stay
        return self.said(
            handler, args, "Your password is set", "You can sign in with it now.", self._back(handler, args)
        )

    # --- sign-up

    def _sign_up(self, handler: Handler, args: Args, signup: Signup) -> Form:
        fields = [Field(self.user_arg, "Name", autocomplete="username")] if self._has_names else []
        fields.append(Field(self._address_arg, "E-mail address", "email", "email"))
        fields += [Field(arg, arg.replace("_", " ").capitalize(), autocomplete="on") for arg in signup.columns]
        message = "We will send you a link with which you set your password."
        return Form("Sign up", "Sign up", tuple(fields), message=message, links=self._back(handler, args))

    @property
    def _has_names(self) -> bool:
        """Whether users have a name that is not their address."""
        forgot = self.settings.forgot
        return forgot is not None and forgot.email_column != self.settings.user.column

    @property
    def _address_arg(self) -> str:
        forgot = self.settings.forgot
        return forgot.arg if forgot and self._has_names else self.user_arg

    def _add_user(self, handler: Handler, args: Args, signup: Signup) -> Response:
        """Add a user. That an address is there already is told to its owner alone, by mail."""
        forgot = self.settings.forgot
        assert forgot is not None  # the settings have seen to it
        name, address = self.required(args, self.user_arg), self.required(args, self._address_arg)
        if not mails.ADDRESS.fullmatch(address):
            raise Refused("This is no e-mail address", field=self._address_arg, reason="address", status=400)
        self._validate(handler, args, signup)
        with self.flow.failures.attempt(f"sign up {name}", request.remote_addr or "") as attempt:
            attempt.counted()
        if self._has_names and self.users.named(name):
            raise Refused("This name is taken", field=self.user_arg, reason="signup-exists", status=400)
        row = {column: args.get(arg, [""])[-1] for arg, column in signup.columns.items()}
        self._add_unless_there(handler, name, {**row, forgot.email_column: address})
        self._mail_later(handler, forgot, address, name)
        return self._sent(handler, args)

    def _add_unless_there(self, handler: Handler, name: str, row: Row) -> None:
        forgot = self.settings.forgot
        assert forgot is not None
        password = secrets.token_urlsafe(32)
        if self.users.with_address(row[forgot.email_column]):
            passwords.verify(password, None)  # as long as it takes for a new one
            return
        try:
            self.users.add(handler, name, password, row)
        except Conflict:  # somebody was faster
            raise Refused("This name is taken", field=self.user_arg, reason="signup-exists", status=400) from None
        userlog.write("signup", name)

    def _validate(self, handler: Handler, args: Args, signup: Signup) -> None:
        wrong = signup.validation(handler=handler, args=args) if signup.validation else None
        if wrong:
            message = wrong if isinstance(wrong, str) else "This cannot be taken"
            raise Refused(message, field=self.user_arg, reason="signup-validate", status=400)
