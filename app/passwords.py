"""Passwords as they are kept: argon2id hashes, and what older sites have.

::

    kept = passwords.hashed("correct horse")
    passwords.verify("correct horse", kept)     # True

A hash takes about 40 ms of a processor on purpose. It is computed beside the worker's other requests, two at a time, so
that a crowd that signs in does not slow down the rest of the site.
"""

import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from werkzeug.security import check_password_hash

from app import extras, offload

if TYPE_CHECKING:
    from argon2 import PasswordHasher

log = logging.getLogger("skerry")
T = TypeVar("T")

LONGEST = 1024
"""Characters of a password; longer ones are nobody's."""

_AT_ONCE = 2
_MEMORY, _PASSES, _LANES = 19 * 1024, 2, 1
"""OWASP's first choice for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane."""

_WERKZEUG = re.compile(r"(scrypt|pbkdf2):[\w:]+\$[^$]+\$[0-9a-f]+")
_OTHERS = re.compile(r"\$(1|2[abxy]?|5|6|7|y|gy|apr1|md5|sha1|scrypt|pbkdf2[\w-]*|bcrypt[\w-]*|argon2\w*)\$")
"""Hashes by others' programs. Compared as text, a stolen one would do as the password."""


def needed(what: str) -> None:
    """Raise ValueError, with how to install it, if what hashes for this feature is missing."""
    extras.need({"argon2": "argon2-cffi"}, "login", what)


def hashed(text: str) -> str:
    """The password as it should be kept: an argon2id hash with its salt and its costs."""
    return _beside(lambda: _hasher().hash(text))


def verify(text: str, kept: str | None) -> bool:
    """Whether this is the password that is kept: a hash by argon2 or by Werkzeug (scrypt, pbkdf2), or plain text.

    None stands for a user who is not there. That takes as long as a wrong password, and so does plain text.
    """
    if len(text) > LONGEST or not _is_unicode(text):
        return False
    return _beside(lambda: _verify(text, kept))


def outdated(kept: str) -> bool:
    """Whether what is kept should be replaced by a new hash, now that the password is known."""
    return not kept.startswith("$argon2id$") or _hasher().check_needs_rehash(kept)


def _verify(text: str, kept: str | None) -> bool:
    if kept is None:
        _by_argon2(text, _of_nobody())
        return False
    if kept.startswith("$argon2"):
        return _by_argon2(text, kept)
    if _WERKZEUG.fullmatch(kept):
        return _by_werkzeug(text, kept)
    _by_argon2(text, _of_nobody())
    if _OTHERS.match(kept):
        log.error("a password is kept as a hash that is not known here (%s...): set a new one", kept[:4])
        return False
    return hmac.compare_digest(_digest(text), _digest(kept))


def _by_argon2(text: str, kept: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, text)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES)


def _by_werkzeug(text: str, kept: str) -> bool:
    try:
        return check_password_hash(kept, text)
    except ValueError:  # costs that are none
        return False


def _is_unicode(text: str) -> bool:
    """JSON can hold halves of characters, which no encoding has."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _digest(text: str) -> bytes:
    """As many bytes for every text, so that the time of a comparison does not tell its length."""
    return hashlib.sha256(text.encode()).digest()


@cache
def _of_nobody() -> str:
    return _hasher().hash("")


def _beside(work: Callable[[], T]) -> T:
    with _turns():
        return offload.run(work)


@cache
def _turns() -> threading.BoundedSemaphore:
    """Made at first use: by then gevent has patched the class, if it is going to."""
    return threading.BoundedSemaphore(_AT_ONCE)
