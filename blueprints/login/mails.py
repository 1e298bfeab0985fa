"""Mails of sign-in: which server sends them, and their texts."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from app.mail import Message, Service
from app.mounts import Mount

ADDRESS = re.compile(r"[^\s@<>,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\"\x00-\x1f\x7f]{1,189}")
"""An address as people have them, and nothing that could be two, or the next line of a header."""


def service(mount: Mount, name: str | None) -> Service:
    """The mail server of this name, or the only one. Raises ValueError if there is none, or no address for links."""
    if not mount.site_url:
        raise ValueError(
            "mails have links: set `app.url` to the site's address, as https://example.org"
            " (the Host of a request may be anybody's)"
        )
    names = ", ".join(mount.email) or "none"
    if name is None and len(mount.email) == 1:
        return next(iter(mount.email.values()))
    if name is None:
        raise ValueError(f"say which mail server of `email:` sends the mails; there are {names}")
    if name not in mount.email:
        raise ValueError(f"there is no mail server {name!r} in `email:`; there are {names}")
    return mount.email[name]


def check(text: str, names: Mapping[str, Any]) -> None:
    """Raise ValueError if a text has places that nothing fills."""
    _filled(text, names)


def message(to: str, subject: str, body: str, html: str | None, values: Mapping[str, Any]) -> Message:
    """The mail, with the values in its places; in HTML they are escaped."""
    escaped = {name: escape(str(value)) for name, value in values.items()}
    subject = " ".join(_filled(subject, values).split())  # a line break would begin another header
    return Message(to, subject, _filled(body, values), None if html is None else _filled(html, escaped))


def _filled(text: str, values: Mapping[str, Any]) -> str:
    try:
        return text.format_map(values)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"{error} is no value for a mail: there are {', '.join(values)}") from None
