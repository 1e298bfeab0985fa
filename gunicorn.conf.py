"""gunicorn's settings for a site; anything here can be overridden on gunicorn's command line.

Port, address and TLS come from the site's `app.listen`, the port from PORT where that is set, the number of workers
from WEB_CONCURRENCY (1 unless set). SIGTERM finishes the requests in flight within `graceful_timeout`.
"""

# The workers patch too, but only after this file has imported what reads the site: it must find everything patched.
from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from app.listening import bound, listen, site_file  # noqa: E402
from app.mistakes import ConfigError, shown  # noqa: E402

try:
    _listen = listen(os.environ)
except ConfigError as error:
    sys.exit(f"{error}\nthe site is not started: mend the lines above")

wsgi_app = "wsgi:app"
worker_class = "gevent"
preload_app = False  # a worker builds the site itself, so that a reload of one is like that of all
bind = bound(_listen.address, _listen.port)
if _listen.ssl_options:
    certfile = str(_listen.ssl_options.certfile)
    keyfile = str(_listen.ssl_options.keyfile)
    ca_certs = str(_listen.ssl_options.ca_certs) if _listen.ssl_options.ca_certs else None
graceful_timeout = 30
keepalive = 5  # seconds; below graceful_timeout, or idle connections hold up a restart
timeout = 60  # a worker that does not answer its master for so long is blocked, and replaced
limit_request_field_size = _listen.max_header_size
# What a proxy says of the client is judged by the app, and only with `xheaders`; gunicorn would believe local clients.
secure_scheme_headers = {}
forwarder_headers = ""
control_socket_disable = True  # it would be one for all servers of a user
accesslog = None  # the site's own log has a line for every request
loglevel = "warning"


def post_worker_init(worker):
    """Leave Ctrl-C to the master, which stops its workers in order; the terminal sends it to all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def when_ready(server):
    """Print the address that answers, once it does."""
    scheme = "https" if server.cfg.is_ssl else "http"
    for listener in server.LISTENERS:
        name = listener.sock.getsockname()
        at = f"unix:{name}" if isinstance(name, str) else f"{scheme}://{_reachable(*name[:2])}/"
        print(f"Skerry serves {shown(site_file())} at {at}", file=sys.stderr, flush=True)


def _reachable(host, port):
    return bound("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
