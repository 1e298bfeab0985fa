"""Who makes the request, as functions see it: session, user, one-time passwords, API keys, signed cookies."""

from __future__ import annotations  # a session knows of tokens, which know of arguments, which are beside this

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from markupsafe import Markup

from app import ratelimit, redirects, session, signing, tokens, xsrf
from app.handler.answer import Answer
from app.handler.attrdict import AttrDict

DAY = 86400


class Person(Answer):
    """The names are those of the original and of Tornado (reference: gramex.md §5)."""

    @property
    def session(self) -> session.Session:
        """The session: a mapping that is kept for this visitor."""
        return session.current()

    @property
    def current_user(self) -> AttrDict | None:
        """Who is signed in, or whose token the request has; None for nobody."""
        return session.current_user()

    def create_signed_value(self, name: str, value: str | bytes) -> bytes:
        """The value with the site's signature, as Tornado writes it; it is good under this name only."""
        return signing.current().sign(name, value).encode()

    def set_signed_cookie(self, name: str, value: str | bytes, expires_days: float | None = 30, **options: Any) -> None:
        """Set a cookie that only this site can write, though its owner can read it."""
        self.set_cookie(name, self.create_signed_value(name, value), expires_days=expires_days, **options)

    def get_signed_cookie(self, name: str, value: str | None = None, max_age_days: float = 31) -> bytes | None:
        """The value of a signed cookie, or of signed text; None for one that is forged, too old or not there."""
        return signing.current().value(name, request.cookies.get(name) if value is None else value, max_age_days * DAY)

    set_secure_cookie, get_secure_cookie = set_signed_cookie, get_signed_cookie  # Tornado's older names

    def otp(
        self,
        expire: float = 60,
        user: str | Mapping[str, Any] | None = None,
        size: int | None = None,
        type: str = "OTP",
        reset: bool = False,
        **extra: Any,
    ) -> str:
        """A one-time password of the user, the current one unless given, that ends in `expire` seconds.

        `size` is its number of digits, `reset` ends the user's others of this type, `extra` are attributes for the
        user. Raises 401 without a user.
        """
        user = self.current_user if user is None else user
        return tokens.issue(user, expire, type=type, size=size, reset=reset, extra=extra)

    def apikey(
        self,
        expire: float = 1e9,
        user: str | Mapping[str, Any] | None = None,
        size: int | None = None,
        mounts: str | Sequence[str] = (),
        methods: str | Sequence[str] = (),
        **extra: Any,
    ) -> str:
        """An API key, as `otp`, which may be used as often as wanted.

        `mounts`, names with wildcards, and `methods` are where alone it may be used; empty for everywhere.
        """
        scope = tokens.scope(mounts, methods)
        user = self.current_user if user is None else user
        return tokens.issue(user, expire, type=tokens.KEY, size=size, scope=scope, extra=extra)

    def get_otp(self, key: str, revoke: bool = False) -> AttrDict | None:
        """What a one-time password or API key stands for: `user`, `type`, `expire`; None if it is not good."""
        return tokens.take(key) if revoke else tokens.find(key)

    def revoke_otp(self, key: str) -> AttrDict | None:
        """End a one-time password; returns what it stood for, or None if it was not good."""
        return tokens.take(key)

    def revoke_apikey(self, key: str) -> AttrDict | None:
        """End an API key; returns what it stood for, or None if it was not good."""
        return tokens.take(key)

    @property
    def xsrf_token(self) -> xsrf.Token:
        """The token that a form of this site sends along, masked; the browser gets its cookie."""
        return xsrf.token()

    def xsrf_form_html(self) -> Markup:
        """The token as a hidden field of a form."""
        return xsrf.form_html()

    def check_xsrf_cookie(self) -> None:
        """Refuse the request, 403, unless it carries the token."""
        xsrf.check()

    @property
    def gramex_root(self) -> str:
        """What a proxy puts before the site's paths, by its X-Gramex-Root; mostly nothing."""
        return redirects.root()

    def get_login_url(self) -> str:
        """Where people sign in."""
        return redirects.login_url()

    def get_ratelimit(self) -> AttrDict | None:
        """`limit`, `usage` before this request, `remaining` after it, and `expiry` in seconds, of the tightest limit.

        None where the mount has no limits.
        """
        return ratelimit.current()

    def reset_ratelimit(self, pool: str, keys: Sequence[Any], value: int = 0) -> bool:
        """Set the count of a pool for these values of its keys; False if nothing has been counted for them."""
        return ratelimit.reset(pool, keys, value)
