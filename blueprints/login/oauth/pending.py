"""Sign-ins that are under way: begun in this browser, and not yet come back from the provider.

They are kept in a signed cookie of the browser, so that an answer that was got in another browser is worth nothing in
this one, and so that nobody can fill our stores by beginning sign-ins. What is in it is the browser's own secret: the
verifier of PKCE (RFC 7636), the nonce, and where to go afterwards.
"""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from app.signing import BadSignature, Signer

LIFETIME = 600
"""Seconds that a person may take at the provider."""
AT_ONCE = 4
"""Sign-ins that a browser may have begun, as in several tabs; an older one is forgotten."""
LARGEST = 3800
"""Characters of the cookie: browsers drop one of more than 4096, with its name (RFC 6265bis §5.6)."""
_SIGNED_AS = "sign-in"

Kept = dict[str, Any]
"""What is remembered of one sign-in."""


class Pending:
    """The sign-ins under way in one browser, at one mount: by their `state`."""

    def __init__(self, signer: Signer, mount: str, cookie: str | None):
        self._signer, self._name = signer, f"{_SIGNED_AS} {mount}"
        self._begun = self._read(cookie)

    def _read(self, cookie: str | None) -> dict[str, Kept]:
        try:
            data = self._signer.unsign(self._name, cookie or "", LIFETIME)
        except BadSignature:
            return {}
        found: dict[str, Kept] = orjson.loads(data)
        return {state: kept for state, kept in found.items() if kept["at"] > time.time() - LIFETIME}

    def add(self, state: str, kept: Mapping[str, Any]) -> None:
        """Remember a sign-in that begins now."""
        self._begun[state] = {**kept, "at": int(time.time())}
        for oldest in list(self._begun)[:-AT_ONCE]:
            del self._begun[oldest]

    def take(self, state: str) -> Kept | None:
        """What was remembered of a sign-in, once; None if it did not begin in this browser, or too long ago."""
        return self._begun.pop(state, None)

    def cookie(self) -> str:
        """The value of the cookie, without what is too much for it; empty where none is needed."""
        while self._begun:
            value = self._signer.sign(self._name, orjson.dumps(self._begun))
            if len(value) <= LARGEST:
                return value
            del self._begun[next(iter(self._begun))]
        return ""
