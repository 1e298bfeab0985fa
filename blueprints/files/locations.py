"""The request's own URL: what of it is the path of a file, and its redirect to the same folder with a slash."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from app.patterns import parse

_PATH = "/%:@!$&'()*+,;=-._~"
_QUERY = _PATH + "?[]"


def first_group(groups: Mapping[str, Any]) -> str:
    """The first group of a URL's pattern: the path below the root. Empty without one."""
    value = next(iter(groups.values()), None)
    return "" if value is None else str(value)


def undamaged(group: str, pattern: str, environ: Mapping[str, Any]) -> str:
    """The first group with the bytes that are not UTF-8 as Python writes them in file names.

    Decoding the URL turned them into U+FFFD, which no file is named with; so the pattern is matched again.
    """
    raw = _wsgi_path(environ).decode("utf-8", "surrogateescape")
    groups = parse(pattern).match("/" + raw.lstrip("/"))
    return group if groups is None else first_group(groups)


def _wsgi_path(environ: Mapping[str, Any]) -> bytes:
    """The path as the client sent it, its escapes resolved (PEP 3333 passes bytes as Latin-1)."""
    path: str = environ.get("PATH_INFO", "")
    return path.encode("latin-1")


def with_slash(environ: Mapping[str, Any], request_uri: str | None) -> str | None:
    """Where to send a browser that asked for a folder without the slash at its end; None if the slash is there.

    `request_uri` is the URI that a proxy in front saw (X-Request-URI). Only its path and query count, and only one
    slash begins the path, so that the redirect cannot lead to another site.
    """
    if request_uri is None:
        path, query = (
            quote(environ.get("SCRIPT_NAME", "").encode("latin-1") + _wsgi_path(environ)),
            environ["QUERY_STRING"],
        )
    else:
        url = urlsplit(request_uri)
        path, query = quote(url.path, _PATH), url.query
    if path.endswith("/"):
        return None
    return "/" + path.lstrip("/\\") + "/" + ("?" + quote(query, _QUERY) if query else "")
