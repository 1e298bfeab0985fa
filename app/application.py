"""One site as a Flask app: its mounts, our order of patterns, our errors, log and health.

A reload builds a second application and swaps it in (`site.py`): Flask takes no registrations once it serves.
"""

import logging
import os
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, NoReturn, cast

from flask import Flask, Request, Response, abort, jsonify, request
from flask.globals import request_ctx
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import MapAdapter, Rule
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from app import guards, mounts, offload, problems, request_id, signing
from app.guards import log as request_log
from app.json_provider import JSONProvider
from app.listening import BehindProxy
from app.mistakes import Mistake
from app.mounts import Mount
from app.patterns import Adapter, MountRule, Routes
from app.schema import Site
from app.sending import compression
from app.session import Session, Sessions
from app.signing import Secrets, Signer
from app.state import Unavailable, sessions
from app.tables.limits import LIMITS

log = logging.getLogger("skerry")

HERE = "/-"
"""The paths of Skerry itself begin with this."""


class Chunked(LimitedStream):
    """A body of unknown length. Read at once, werkzeug would cut it at the limit and say nothing."""

    def readall(self) -> bytes:
        """The body; raises RequestEntityTooLarge if there is more than the limit."""
        body = super().readall()
        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge
        return body


class SiteRequest(Request):
    """Flask's request, whose body is never less than what was sent."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, to be read once."""
        limit, environ = self.max_content_length, self.environ
        if self.content_length is None and limit is not None and environ.get("wsgi.input_terminated"):
            return cast(IO[bytes], Chunked(environ["wsgi.input"], limit, is_max=True))
        return super().stream


class Application(Flask):
    """Flask with our URL patterns and JSON; the site that it serves is `site`."""

    url_rule_class: type[Rule] = MountRule
    url_map_class = Routes
    json_provider_class = JSONProvider
    request_class = SiteRequest
    signer: Signer
    site: Site
    mounts: dict[str, Mount]
    """By their blueprint's name."""

    @property
    def mistakes(self) -> list[Mistake]:
        """All that is wrong with the site: in its YAML, and what showed when the mounts were set up."""
        found = {mount.name for mount in self.site.mounts if mount.mistakes}
        late = [mount for mount in self.mounts.values() if mount.mistakes and mount.name not in found]
        return [*self.site.mistakes, *(Mistake(m.place, ("url", m.name), "; ".join(m.mistakes)) for m in late)]

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Flask's adapter with our matching, made without Flask's detour through IDNA (8 µs)."""
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        upgrade = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        scheme = {"http": "ws", "https": "wss"}.get(request.scheme, "ws") if upgrade else request.scheme
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        if not request.host and environ.get("HTTP_HOST"):
            request.routing_exception = BadRequest("the Host header is not the name of a host")
        return Adapter(self.url_map, request.host, request.root_path, "", scheme, request.path, method, query)

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Fail where no view is found. A method that a mount does not answer is still that mount's failure.

        Flask would not know whose it is; the mount's guards and its error pages apply all the same.
        """
        error = request.routing_exception
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            self.find_mount(request, next(iter(error.valid_methods)))
            answer = self.preprocess_request()
            if answer is not None:
                abort(self.make_response(answer))
        super().raise_routing_exception(request)

    def find_mount(self, request: Request, method: str) -> None:
        """Make the request one of the mount that answers its path by this method, which is another than its own."""
        adapter = self.create_url_adapter(request)
        assert adapter is not None  # there is a request
        rule, groups = adapter.match(method=method, return_rule=True)
        request.url_rule, request.view_args = rule, dict(groups)

    def process_response(self, response: Response) -> Response:
        """Finish an answer. The session is written first: what the cache keeps and the log says is then true."""
        try:
            cast(Session, request_ctx._session).save(response)
        except Unavailable as error:
            response.close()
            response = self.make_response(self.handle_user_exception(error))
        return super().process_response(response)

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Answer a refusal; of a store that is down, the log has the reason, which is not for the client."""
        if isinstance(error, Unavailable):
            request.environ.setdefault(request_id.ERROR, f"Unavailable: {error.reason}")
            log.error("%s: %s", request_id.of(request.environ), error.reason)
        return super().handle_http_exception(error)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Views here are never coroutines: what a site's function returns is the feature's business."""
        return func

    def log_exception(self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
        """Log a failure under its request id, with the place of the mount in the YAML."""
        mount = self.mounts.get(request.blueprint or "")
        where = f"{mount.place}: url.{mount.name}" if mount else "no mount"
        request.environ[request_id.ERROR] = f"{type(exc_info[1]).__name__}: {exc_info[1]}"
        log.error(
            "%s: %s %s failed (%s)",
            request_id.of(request.environ),
            request.method,
            request.path,
            where,
            exc_info=exc_info,
        )


def build(site: Site) -> Application:
    """The application of a site. Mounts that cannot be set up answer 500; the others are served."""
    app = Application("app", static_url_path=f"{HERE}/static", root_path=os.path.dirname(__file__))
    app.site, app.mounts, app.debug = site, {}, site.app.settings.debug
    _add_sessions(app, site)
    # Failures are answered and logged by us; Flask would raise them into the server when it debugs.
    LIMITS.memory, LIMITS.threads = site.app.tables.memory, site.app.tables.threads
    app.config.update(PROPAGATE_EXCEPTIONS=False, MAX_CONTENT_LENGTH=site.app.listen.max_body_size)
    request_log.install(app, site.log, app.mounts)
    app.after_request(_finish)
    app.context_processor(lambda: {"site_title": site.app.title})
    problems.install(app)
    _add_health(app)
    for mount in site.mounts:
        name, mount = mounts.register(app, mount, guards.attach)
        app.mounts[name] = mount
        offload.pause()  # a reload builds while others are served
    if site.app.listen.xheaders:
        app.wsgi_app = BehindProxy(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented place for it
    return app


def _add_sessions(app: Application, site: Site) -> None:
    folder, settings = site.config.folder, site.app.session
    state = folder / "var"
    app.signer = Signer(Secrets(site.app.settings.cookie_secret, state / signing.FILE))
    app.session_interface = Sessions(settings, sessions.store(settings, state, folder), app.signer)


def _finish(response: Response) -> Response:
    """What every answer gets: compression where it pays."""
    compression.compress(request, response)
    return response


def _add_health(app: Application) -> None:
    """`/-/health`: this worker answers. `/-/ready`: with how many mounts, and how many of them are broken."""

    def health() -> Any:
        return jsonify(status="ok")

    def ready() -> Any:
        broken = sum(bool(mount.mistakes) for mount in app.mounts.values())
        return jsonify(status="ready", mounts=len(app.mounts), broken=broken)

    for name, view in (("health", health), ("ready", ready)):
        app.add_url_rule(f"{HERE}/{name}", name, view, priority=float("inf"))
