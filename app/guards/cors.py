"""`cors:` lets pages of other sites read a mount's answers.

::

    cors: true                                # any origin, without cookies
    cors:
      origins: [https://app.example.org, "https://*.example.com"]
      methods: [GET, POST]
      headers: [X-Requested-With, Content-Type]
      auth: true                              # pages may send cookies

flask-cors writes the answers' headers; this guard decides. Origins are compared whole, scheme included, with `*` as
the only wildcard. Cookies are allowed to the origins that the YAML names; to patterns that anyone matches, as `*` and
`https://*`, only when `auth` is true. (The original allowed them to any origin: gramex.md §4.)
"""

import re
from fnmatch import translate
from typing import Any

from flask import Blueprint, Response, abort, request
from flask_cors import CORS
from pydantic import Field, model_validator

from app import settings as base
from app.mounts import ALL_METHODS, Mount

_STRANGERS = ("https://stranger.invalid", "http://stranger.invalid")
"""Origins that nobody names: a pattern that matches one of them lets anyone in."""


class Settings(base.Settings):
    """`true` is every origin, method and header."""

    origins: base.Words = Field(("*",), description="Origins that may read, with `*` as wildcard")
    methods: base.Upper = Field(("*",), description="Methods they may use")
    headers: base.Words = Field(("*",), description="Request headers they may send")
    auth: bool | None = Field(None, description="Allow cookies; unset: to origins that are named, not to anyone")

    @model_validator(mode="before")
    @classmethod
    def _true_is_all(cls, value: Any) -> Any:
        return {} if value is True else value


class Origins:
    """The origins that a mount lets in; `credentials` is whether their requests may carry cookies."""

    def __init__(self, settings: Settings):
        self.patterns = [_pattern(origin) for origin in settings.origins]
        anyone = any(stranger in self for stranger in _STRANGERS)
        self.credentials = settings.auth if settings.auth is not None else not anyone

    def __contains__(self, origin: str) -> bool:
        return _matches(self.patterns, origin)


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Refuse preflights that do not match, and set the headers of the answers."""
    methods = mount.methods or ALL_METHODS if "*" in settings.methods else settings.methods
    origins = Origins(settings)
    headers = [_pattern(header) for header in settings.headers]
    wildcard = "*" in settings.origins and not origins.credentials
    if not wildcard:
        _vary(bp)
    CORS(
        bp,
        origins="*" if wildcard else origins.patterns,
        methods=list(methods),
        allow_headers=headers,
        supports_credentials=origins.credentials,
        send_wildcard=wildcard,
        vary_header=False,
    )

    @bp.before_request
    def check_preflight() -> Any:
        wanted = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or wanted is None:
            return None
        if request.headers.get("Origin", "") not in origins:
            abort(400, "this origin may not use this address")
        if wanted.upper() not in methods:
            abort(400, f"other sites may not use {wanted} here")
        for header in _words(request.headers.get("Access-Control-Request-Headers", "")):
            if not _matches(headers, header):
                abort(400, f"other sites may not send the header {header} here")
        return "", 200


def _vary(bp: Blueprint) -> None:
    """Tell caches that answers are one origin's, those too that allow nothing: flask-cors leaves it out there."""

    @bp.after_request
    def vary(response: Response) -> Response:
        response.vary.add("Origin")
        return response


def _pattern(text: str) -> re.Pattern[str]:
    """A wildcard pattern for the whole text, in any case; `?` and `[` stand for themselves."""
    return re.compile("(?i)" + translate(re.sub(r"([\[?])", r"[\1]", text)))


def _matches(patterns: list[re.Pattern[str]], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
