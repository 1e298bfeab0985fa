"""`xsrf_cookies:` refuses what another site's page has a browser send; on for every mount unless it is false.

::

    xsrf_cookies: false      # anyone's pages may send to this mount

It asks only for methods that change something. What the browser says of the page decides: `Sec-Fetch-Site`, or else
`Origin`. Pages of this site pass, and those whose origin `cors:` lets in; of others only who knows the token of
`app.xsrf`, and of the same site nobody. A request that says nothing of a page comes from a program, which passes if it
carries no cookie, or from an old browser, whose pages have to send the token, `X-Requested-With`, or a `Referer` of
this site. (The original believed `Sec-Fetch-Mode: cors` and `X-Requested-With` from any page: gramex.md §28.)
"""

from collections.abc import Callable

from flask import Blueprint, Request, request
from pydantic import RootModel
from werkzeug.exceptions import Forbidden

from app import xsrf
from app.guards.cors import Origins
from app.guards.cors import Settings as Cors
from app.handler import BaseHandler, classes
from app.mounts import Mount

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))

_FOREIGN = "another site's page has sent this: open the page of this site and send it from there"
_UNKNOWN = (
    f"this may have been sent by another site's page: send the token {xsrf.FIELD}, or the header X-Requested-With;"
    " programs do without cookies, by an API key"
)


class Settings(RootModel[bool]):
    """A switch."""


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Check requests by the methods that change something, if the mount may answer any."""
    if not settings.root or mount.methods and set(mount.methods) <= SAFE:
        return
    refuse = _own_check(mount) or _check(mount)
    current = request._get_current_object  # type: ignore[attr-defined]  # the proxy's own way takes 1 µs of every GET

    @bp.before_request
    def check() -> None:
        if current().method not in SAFE:
            refuse()


def _check(mount: Mount) -> Callable[[], None]:
    cors = mount.guards.get("cors")
    origins = Origins(cors) if isinstance(cors, Cors) else None
    return lambda: refuse_foreign(request, origins)


def _own_check(mount: Mount) -> Callable[[], None] | None:
    """What a class of the site's has in place of ours, as Tornado's handlers may; None without one."""
    own = classes.find(mount.handler) if "." in mount.handler else BaseHandler
    if own.check_xsrf_cookie is BaseHandler.check_xsrf_cookie:
        return None
    return lambda: own(mount, request.view_args).check_xsrf_cookie()


def refuse_foreign(request: Request, origins: Origins | None = None) -> None:
    """Raise Forbidden if another site's page may have sent the request; `origins` are others that may."""
    here = is_of_this_site(request)
    if here or here is None and _is_harmless(request) or here is False and _is_let_in(request, origins):
        return
    # Another origin of the same site, as another port, can write our cookies: it may bring a token of its own making.
    if request.headers.get("Sec-Fetch-Site") == "same-site" or not xsrf.carries_token(request):
        raise Forbidden(_UNKNOWN if here is None else _FOREIGN)


def is_of_this_site(request: Request) -> bool | None:
    """Whether a page of this site has sent the request, or the person at the browser; None where it does not say.

    Browsers write these headers themselves: pages cannot (Fetch Metadata, and RFC 6454 §7).
    """
    headers = request.headers
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("Origin")
    return None if origin is None else _is_ours(origin, request)


def _is_ours(origin: str, request: Request) -> bool:
    """Whether it is this site's. TLS may end at a proxy before us, so a page of https may send what we see as http."""
    return origin in (f"{request.scheme}://{request.host}", f"https://{request.host}")


def _is_let_in(request: Request, origins: Origins | None) -> bool:
    """Whether `cors:` lets the origin in: with cookies where it allows them, else only without."""
    if origins is None or request.headers.get("Origin", "") not in origins:
        return False
    return origins.credentials or "Cookie" not in request.headers


def _is_harmless(request: Request) -> bool:
    """Whether a request that says nothing of its page does no harm: nobody's cookies are in it, or no other site's
    page could have sent it. A header of one's own asks for a preflight, which `cors:` answers.
    """
    if "Cookie" not in request.headers or "X-Requested-With" in request.headers:
        return True
    return _is_ours("/".join(request.headers.get("Referer", "").split("/")[:3]), request)
