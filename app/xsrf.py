"""The token that says that a form or a script comes from a page of this site.

A browser keeps it in the cookie `_xsrf`; a page sends it besides, as the field `_xsrf` or as a header. Another site's
page can have the browser send the cookie, but cannot read what to write into the field. In a page the token is masked
anew each time, so that compression tells nothing of it (BREACH). The form is Tornado's, version 2::

    2|<mask, 4 bytes>|<token, masked>|<when the token was made>        # all but the first and the last in hex
"""

import hmac
import secrets
import time
from binascii import unhexlify
from collections.abc import Iterator
from typing import NamedTuple

from flask import Request, Response, after_this_request, g, request
from markupsafe import Markup
from werkzeug.exceptions import Forbidden

COOKIE = FIELD = "_xsrf"
HEADERS = ("X-Xsrftoken", "X-CSRFToken")
"""Headers that may carry the token; the case of their letters does not matter."""

_SIZE = 16
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Token(str):
    """A masked token: text, and with `decode`, as in Tornado, where it is bytes."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The text."""
        return str(self)


class _Secret(NamedTuple):
    value: bytes
    made: int


def token() -> Token:
    """This visitor's token, masked; gives the browser its cookie, if it has none.

    The answer is this visitor's alone, and no cache may give it to another.
    """
    secret = _secret()
    after_this_request(_keep_private)
    return _masked(secret)


def form_html() -> Markup:
    """The token as a hidden field of a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def give_cookie() -> None:
    """Give the browser its cookie, if it has none."""
    _secret()


def check() -> None:
    """Raise Forbidden unless the request carries its token in the field or a header."""
    if not carries_token(request):
        how = f"send it as a field of the form, or as {HEADERS[0]}"
        raise Forbidden(f"the token {FIELD} is missing, or not that of the cookie: {how}")


def carries_token(request: Request) -> bool:
    """Whether the request has the same token in its cookie and, which only our own pages know, in field or header."""
    own = _parsed(request.cookies.get(COOKIE, ""))
    if own is None:
        return False
    return any(given and hmac.compare_digest(given.value, own.value) for given in map(_parsed, _sent(request)))


def _sent(request: Request) -> Iterator[str]:
    """The tokens sent beside the cookie. The body is read last, and only of a form: another is its view's to read."""
    yield from (request.headers.get(name, "") for name in HEADERS)
    yield from request.args.getlist(FIELD)
    if request.mimetype in _FORMS:
        if request.mimetype == _FORMS[0]:
            request.get_data()  # which keeps the body for those who read it as it was sent, after us
        yield from request.form.getlist(FIELD)


def _secret() -> _Secret:
    """What the token hides, from the cookie, or made for the rest of this request and for those to come."""
    if "xsrf" not in g:
        g.xsrf = _parsed(request.cookies.get(COOKIE, ""))
    if g.xsrf is None:
        g.xsrf = _Secret(secrets.token_bytes(_SIZE), int(time.time()))
        after_this_request(_set_cookie)
    return g.xsrf  # type: ignore[no-any-return]  # set above


def _set_cookie(response: Response) -> Response:
    response.set_cookie(COOKIE, _masked(g.xsrf), httponly=True, samesite="Lax", secure=request.is_secure)
    return response


def _keep_private(response: Response) -> Response:
    response.vary.add("Cookie")
    if not response.cache_control.no_store:
        response.cache_control.private = True
    return response


def _masked(secret: _Secret) -> Token:
    mask = secrets.token_bytes(4)
    return Token(f"2|{mask.hex()}|{_xor(mask, secret.value).hex()}|{secret.made}")


def _parsed(text: str) -> _Secret | None:
    """What a masked token hides; version 1 is the hex of it. None for any other text."""
    try:
        match text.split("|"):
            case ["2", mask, masked, made]:
                found = _Secret(_xor(_bytes(mask), _bytes(masked)), int(made))
            case [plain]:
                found = _Secret(_bytes(plain), int(time.time()))
            case _:
                return None
    except ValueError:
        return None
    return found if len(found.value) >= _SIZE else None


def _bytes(text: str) -> bytes:
    return unhexlify(text.encode("ascii"))


def _xor(mask: bytes, data: bytes) -> bytes:
    if len(mask) != 4:
        raise ValueError("a mask has 4 bytes")
    return bytes(byte ^ mask[position % 4] for position, byte in enumerate(data))
