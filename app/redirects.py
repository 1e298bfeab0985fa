"""Which addresses a browser may be sent to: those of this site, unless the site's author allows others."""

import re
from urllib.parse import urlsplit

from flask import Request, current_app, request

_PLAIN = re.compile(r"(/[\w.~%-]+)*/?", re.ASCII)


def is_allowed(target: str, request: Request, external: bool = False) -> bool:
    """Whether a browser that follows the target stays on this site, or goes to another web page with `external`.

    Browsers drop control characters and spaces around, read a backslash as a slash, and take `//host` and `https:host`
    for other hosts.
    """
    if target != target.strip() or any(char < " " or char in "\x7f\\" for char in target):
        return False
    try:
        parts = urlsplit(target)
    except ValueError:  # brackets that do not close, or letters that would become others
        return False
    if not parts.scheme and not parts.netloc:
        return not target.startswith("//") and not _hides_a_host(parts.path)
    if external and parts.netloc and parts.scheme in ("http", "https", ""):
        return True
    return (parts.scheme, parts.netloc) == (request.scheme, request.host)


def _hides_a_host(path: str) -> bool:
    """Whether the path, once someone on the way resolves its dots, is `//host`, as `/.//host` would be."""
    kept: list[str] = []
    for segment in path.removeprefix("/").lower().replace("%2e", ".").split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return len(kept) > 1 and not kept[0]


def here() -> str:
    """The full address of this request; its path and query as the proxy that sends X-Request-URI was asked for them."""
    told = request.headers.get("X-Request-URI", ""), request.environ.get("RAW_URI", "")
    uri = next((uri for uri in told if uri.startswith("/")), request.full_path.rstrip("?"))
    return f"{request.scheme}://{request.host}{uri}"


def root() -> str:
    """What a proxy puts before our paths, by its X-Gramex-Root; empty unless it is a plain path, as `/app`."""
    given = request.headers.get("X-Gramex-Root", "")
    return given.rstrip("/") if _PLAIN.fullmatch(given) and ".." not in given.split("/") else ""


def login_url() -> str:
    """Where people sign in: `app.settings.login_url`, below the proxy's root."""
    url: str = current_app.site.app.settings.login_url  # type: ignore[attr-defined]  # our Application has it
    return root() + url if url.startswith("/") and not url.startswith("//") else url
