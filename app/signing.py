"""Signed values: what the server gives out, and believes when it comes back.

The form is that of Tornado's signed values, version 2 (reference: seeds, `create_signed_value`), so that what existing
programs sign with the same secret is understood::

    2|1:0|10:1700000000|4:user|4:Zm9v|<HMAC-SHA256 of all before, in hex>

The newest of several secrets signs, all of them verify. They are `app.settings.cookie_secret`, or lines of the file
`var/cookie_secret`, newest first, which is made at first use; `flask secret rotate` adds one.
"""

import base64
import hmac
import os
import re
import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from flask import current_app

from app.state import files

FILE = "cookie_secret"
_TRUSTED = 1.0
"""Seconds after which a worker looks whether the file of secrets has changed."""

_SIGNATURE = 64
"""Hexadecimal digits of SHA-256."""

_FUTURE = 300
"""Seconds that the clock of another server may be ahead."""


class BadSignature(ValueError):
    """The value was not signed by us, or too long ago."""


class Secrets:
    """The secrets of a site, newest first: those given, or else the lines of a file."""

    def __init__(self, given: Sequence[str], file: Path):
        self._given, self._file = tuple(text.encode() for text in given), file
        self._path = str(file)  # os.stat takes twice as long for a Path
        self._stamp: tuple[int, int] | None = None
        self._read: tuple[bytes, ...] = ()
        self._until = 0.0

    def __call__(self, anew: bool = False) -> tuple[bytes, ...]:
        """The secrets. A file that has changed is read again: within a second, or at once when asked `anew`."""
        now = time.monotonic()
        if self._given or now < self._until and not anew:
            return self._given or self._read
        found, self._until = self._look(), now + _TRUSTED
        return found

    def _look(self) -> tuple[bytes, ...]:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            files.create(self._file, _new() + b"\n")
            found = os.stat(self._path)
        stamp = found.st_ino, found.st_mtime_ns
        if stamp != self._stamp:
            self._read, self._stamp = self._parsed(), stamp
        return self._read

    def _parsed(self) -> tuple[bytes, ...]:
        found = tuple(self._file.read_bytes().split())
        if not found:
            raise RuntimeError(f"{self._file} has no secret: remove it, and a new one is made")
        return found

    def rotate(self, keep: int) -> int:
        """Put a new secret before the others of the file, of which the newest `keep` stay; returns how many there are.

        Raises ValueError where the secrets are in the YAML.
        """
        if self._given:
            raise ValueError("the secrets are in app.settings.cookie_secret: put a new one first in the list there")
        lines = [_new(), *self(anew=True)[:keep]] if self._file.exists() else [_new()]
        files.replace(self._file, b"\n".join(lines) + b"\n")
        return len(lines)


class Signer:
    """Signs and verifies under the secrets."""

    def __init__(self, secrets: Secrets):
        self._secrets = secrets

    def sign(self, name: str, value: str | bytes, now: float | None = None) -> str:
        """The value as signed text. One that was signed under another name is not accepted for this one."""
        data = base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
        stamp = str(int(time.time() if now is None else now))
        fields = ("1:0", f"{len(stamp)}:{stamp}", f"{len(name.encode())}:{name}", f"{len(data)}:{data}", "")
        signed = "|".join(("2", *fields))
        return signed + _signature(self._secrets()[0], signed.encode()).decode()

    def unsign(self, name: str, text: str, max_age: float | None = None) -> bytes:
        """The value of signed text; raises BadSignature. `max_age` is in seconds, None for no limit."""
        try:
            stamp, found, data = self._verified(text)
        except ValueError as error:  # also of characters that are none
            raise BadSignature(str(error)) from None
        now = time.time()
        if found != name or stamp > now + _FUTURE or max_age is not None and stamp < now - max_age:
            raise BadSignature("it was signed for something else, or too long ago")
        return data

    def _verified(self, text: str) -> tuple[int, str, bytes]:
        secrets = self._secrets()
        try:
            return _verified(secrets, text)
        except ValueError:
            newer = self._secrets(anew=True)  # another worker may know a newer one already
            if newer == secrets:
                raise
            return _verified(newer, text)

    def value(self, name: str, text: str | None, max_age: float | None = None) -> bytes | None:
        """As `unsign`, but None for what is not signed."""
        try:
            return self.unsign(name, text, max_age) if text else None
        except BadSignature:
            return None


def current() -> Signer:
    """The signer of the site that is being served."""
    found: Signer = current_app.signer  # type: ignore[attr-defined]  # it is our Application, which imports this
    return found


def _signature(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, "sha256").hex().encode()


@lru_cache(1024)
def _verified(secrets: tuple[bytes, ...], text: str) -> tuple[int, str, bytes]:
    """Time, name and value of signed text; raises ValueError. The same few cookies come again and again."""
    data = text.encode()
    signed, signature = data[:-_SIGNATURE], data[-_SIGNATURE:]
    # All secrets are tried, so that the time does not tell which one it was.
    good = [hmac.compare_digest(_signature(key, signed), signature) for key in secrets]
    if True not in good:
        raise ValueError("it was not signed here")
    return _fields(signed)


_FORM = re.compile(rb"2\|\d+:\d+\|\d+:(\d+)\|(\d+):(.*)\|\d+:([\w+/=]*)\|", re.DOTALL)


def _fields(signed: bytes) -> tuple[int, str, bytes]:
    """Of text whose signature is right; raises ValueError for another form."""
    found = _FORM.fullmatch(signed)
    if found is None or int(found[2]) != len(found[3]):
        raise ValueError("it is not of the form that is signed here")
    return int(found[1]), found[3].decode(), base64.b64decode(found[4])


def _new() -> bytes:
    return secrets.token_urlsafe(48).encode()
