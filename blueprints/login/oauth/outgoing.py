"""Requests to a provider: over HTTPS, with limits of time and size, and without following it anywhere.

What a provider sends is believed only as far as it is read here: one JSON object of at most `SIZE` bytes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

TIMEOUT = (5.0, 10.0)
"""Seconds for a connection, and for each piece of an answer."""
WHOLE = 20.0
"""Seconds for a whole answer: a provider that sends byte after byte must not hold a sign-in for ever."""
SIZE = 1 << 20

S = TypeVar("S", bound=requests.Session)


class ProviderError(Exception):
    """The provider answered what it should not; the message says what, and nothing secret."""


class Unreachable(ProviderError):
    """The provider does not answer."""


class Rejected(Exception):
    """The provider, or what it says of this visitor, does not let anyone be signed in; the message is for the log."""


def is_safe(url: str) -> bool:
    """Whether secrets may be sent there: over HTTPS, or to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bounded(session: S) -> S:
    """The session, with our limits on everything that it sends."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Outgoing())
    session.hooks["response"].append(_limited)
    return session


def session() -> requests.Session:
    """A new session, which takes an authorization from its caller alone, never from a file of the server's user."""
    new = bounded(requests.Session())
    new.auth = _as_it_is  # requests looks for a .netrc where there is none
    return new


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def get(url: str, **options: Any) -> dict[str, Any]:
    """The JSON object at a URL; raises Unreachable and ProviderError."""
    with session() as requesting:
        return fetched(requesting, "GET", url, **options)


def fetched(session: requests.Session, method: str, url: str, **options: Any) -> dict[str, Any]:
    """The JSON object that a request is answered; raises Unreachable and ProviderError."""
    with translated(url):
        response = session.request(method, url, allow_redirects=False, **options)
        return _object(response)


def _object(response: requests.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise ProviderError(f"the answer is a {response.status_code}")
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderError("the answer is no JSON object")
    return found


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Let what requests raises become Unreachable or ProviderError, with the URL's path.

    The words of the library are left out where they quote whole URLs, and what stands in them.
    """
    where = shown(url)
    try:
        yield
    except ProviderError as error:
        raise type(error)(f"{where}: {error}") from None
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Unreachable(f"{where}: {_reason(error)}") from None
    except (requests.RequestException, ValueError) as error:
        raise ProviderError(f"{where}: {type(error).__name__}") from None


def _reason(error: requests.RequestException) -> str:
    """Why a connection failed, as urllib3 says it."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def shown(url: str) -> str:
    """The URL without what may be secret in it: its query, and a user's name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Outgoing(HTTPAdapter):
    """Sends to safe addresses only, and does not wait for ever."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """As the adapter of requests; raises ProviderError for an unsafe URL."""
        if not is_safe(request.url or ""):
            raise ProviderError("it is no HTTPS address")
        options["timeout"] = options.get("timeout") or TIMEOUT
        return super().send(request, *args, **options)


def _limited(response: requests.Response, *_args: Any, **_options: Any) -> requests.Response:
    """A hook of requests: the response with a body that has been read within the limits."""
    whole = requests.Response()
    whole.status_code, whole.headers, whole.encoding = response.status_code, response.headers, response.encoding
    whole.url, whole.request = response.url, response.request
    try:
        whole.raw = io.BytesIO(_read(response.raw, monotonic() + WHOLE))
    except HTTPError as error:
        raise Unreachable(f"the answer broke off: {type(error).__name__}") from None
    finally:
        response.close()
    return whole


def _read(raw: Any, until: float) -> bytes:
    """The body; piece by piece as they arrive, since a whole one may be as slow as it likes."""
    data = bytearray()
    while piece := raw.read1(65536, decode_content=True):
        data += piece
        if len(data) > SIZE:
            raise ProviderError(f"the answer has more than {SIZE} bytes")
        if monotonic() > until:
            raise Unreachable(f"the answer took more than {WHOLE:.0f} s")
    return bytes(data)
