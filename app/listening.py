"""Where a site listens, for the server that has to know before it imports the app, and which proxies it believes."""

import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from app import HOME, config
from app.mistakes import ConfigError, Mistake, Place
from app.schema import Check
from app.sections import App, Listen

LOOPBACK = "127.0.0.0/8,::1"


def site_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The YAML of the site that the environment names, or of the demo site. Raises ConfigError if there is none."""
    return config.find(environ.get("SKERRY_CONFIG"), HOME / "instance")


def listen(environ: Mapping[str, str] = os.environ) -> Listen:
    """The site's `app.listen`, with the environment's PORT. Raises ConfigError if `app:` has a mistake."""
    check = Check(config.read(site_file(environ), environ))
    app = check.section("app", App, App())
    if check.mistakes:
        raise ConfigError(check.mistakes)
    port = environ.get("PORT")
    if not port:
        return app.listen
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError([Mistake(Place(Path("PORT")), (), f"should be a port from 0 to 65535, not {port!r}")])
    return app.listen.model_copy(update={"port": int(port)})


def bound(address: str, port: int) -> str:
    """`address:port`, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class BehindProxy:
    """WSGI: what X-Forwarded-For, -Proto and -Host say is taken as true, when a proxy says it.

    Proxies are the peers in FORWARDED_ALLOW_IPS of the environment, gunicorn's own variable: addresses, networks, or
    `*` for everyone; unless it is set, programs on the same machine. A peer at a Unix socket is one of those.
    """

    def __init__(self, wsgi: Any, environ: Mapping[str, str] = os.environ):
        proxies = environ.get("FORWARDED_ALLOW_IPS", LOOPBACK)
        self._direct, self._forwarded = wsgi, ProxyFix(wsgi, x_for=1, x_proto=1, x_host=1)
        self._anyone = proxies.strip() == "*"
        self._networks = [ip_network(proxy.strip()) for proxy in proxies.split(",") if "*" not in proxy]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """WSGI."""
        wsgi = self._forwarded if self._is_proxy(environ.get("REMOTE_ADDR", "")) else self._direct
        answer: Iterable[bytes] = wsgi(environ, start_response)
        return answer

    def _is_proxy(self, peer: str) -> bool:
        return self._anyone or not peer or any(ip_address(peer) in network for network in self._networks)
