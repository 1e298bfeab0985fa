"""Requests for commands -> answers."""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Response, abort, render_template, request
from werkzeug.exceptions import GatewayTimeout, InternalServerError, ServiceUnavailable

from app import request_id
from app.accept import prefers_page
from app.guards.headers import Settings as Headers
from app.mounts import Mount
from app.patterns import is_positional
from app.sending.trailers import TrailerResponse

from . import arguments
from .running import ClientLeft, Cut, Job, Run, TimedOut
from .settings import Settings
from .slots import Slots

TEXT = "text/plain; charset=utf-8"
EXIT_STATUS = "X-Exit-Status"
RETRY = 5
"""Seconds after which a client may ask again, when all slots are taken."""


class Failed(InternalServerError):
    """The command ended with another status than 0, and had printed nothing."""

    def __init__(self, description: str, status: int):
        super().__init__(description)
        self.status = status

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        """With the status of the command."""
        return [*super().get_headers(*args), (EXIT_STATUS, str(self.status))]


class CommandView:
    """Runs the command for each request; made once for a mount."""

    def __init__(self, mount: Mount):
        settings = mount.settings
        assert isinstance(settings, Settings)
        self.mount, self.settings = mount, settings
        self.cwd = settings.cwd or mount.folder
        headers = mount.guards.get("headers")
        fixed = {name.lower() for name in headers.root} if isinstance(headers, Headers) else set()
        self.has_page = "content-type" not in fixed  # what the site says it is, the browser shall show as that
        self.collects = "redirect" in mount.guards  # whether to redirect is known when the command has ended
        self.slots = Slots(mount.state / "commands", mount.name, settings.concurrency) if settings.concurrency else None

    def __call__(self, /, **groups: Any) -> Response:
        """A page that runs the command for a browser; else the command's output."""
        if request.method == "HEAD":
            return _varying(Response(content_type=TEXT))
        if request.method == "GET" and self.has_page and _wants_page():
            return _varying(Response(self._page(), content_type="text/html; charset=utf-8"))
        job = self._job(groups)
        slot = self._slot()
        try:
            run = self._started(job)
        except BaseException:
            _release(slot)
            raise
        terminal = request.args.get("_format") == "terminal"
        return _varying(self._answer(Output(run, slot, request.environ, terminal)))

    def _page(self) -> str:
        uri = request.environ.get("RAW_URI") or request.full_path
        links = {kind: _with_format(uri, kind) for kind in ("text", "terminal")}
        return render_template("command.html", name=self.mount.name, links=links)

    def _job(self, groups: Mapping[str, Any]) -> Job:
        settings = self.settings
        body = request.stream if settings.stdin == "body" else None
        args: str | Sequence[str] = settings.args
        if settings.placeholders and not isinstance(args, str):
            try:
                args = arguments.fill(args, lambda name: _value(groups, name, form=body is None), settings.options)
            except arguments.BadArgument as error:
                abort(400, str(error))
        return Job(args, self.cwd, settings, body, request.content_length)

    def _slot(self) -> int | None:
        slot = self.slots.take() if self.slots else None
        if self.slots and slot is None:
            raise ServiceUnavailable(
                f"{self.settings.concurrency} of these run already, which is as many as may", retry_after=RETRY
            )
        return slot

    def _started(self, job: Job) -> Run:
        try:
            return Run(job, request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket"))
        except OSError as error:
            if error.errno == errno.E2BIG:
                abort(400, "the arguments are longer than the system takes")
            raise

    def _answer(self, output: "Output") -> Response:
        """The first piece is awaited before the headers go out, so that a command that fails at once is no 200."""
        try:
            begun = _begun(output, self.collects)
        except BaseException:
            output.close()
            raise
        if not output.ended:
            return TrailerResponse(output, content_type=TEXT, names=[EXIT_STATUS], trailers=output.trailers)
        output.close()
        status = output.run.status or 0
        if status and not begun:
            raise Failed(f"the command {output.run.outcome}", status)
        return Response(begun, content_type=TEXT, headers={EXIT_STATUS: str(status)})


class Output:
    """A run's output as the body of a response. `close` ends the run, and notes for the log how it ended."""

    def __init__(self, run: Run, slot: int | None, environ: dict[str, Any], terminal: bool):
        self.run, self.ended = run, False
        self._pieces = iter(run)
        self._slot, self._environ, self._terminal = slot, environ, terminal
        self._first = b""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """What comes next. A failure comes too late for another status, so the connection is cut."""
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            data = self.read()
        except (Cut, OSError) as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error
        if data:
            return data
        if self._terminal:
            self._terminal = False
            return self.end_mark()
        self.close()  # before the client knows that it may ask again
        raise StopIteration

    def begin(self) -> bytes:
        """The first piece, which the iteration gives again; empty if there is none."""
        self._first = self.read()
        return self._first

    def read(self) -> bytes:
        """The next piece; empty at the end. Raises Cut."""
        try:
            data = next(self._pieces, b"")
        except (Cut, OSError) as error:  # the latter of a file for the output, as on a full disk
            self._note(str(error))
            raise
        self.ended = not data
        return data

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(iter(self.read, b""))

    def trailers(self) -> dict[str, str]:
        """How the command ended, for the end of the answer."""
        return {EXIT_STATUS: str(self.run.status or 0)}

    def end_mark(self) -> bytes:
        """How a shell tells its terminal that a command has ended: OSC 133 ; D ; status, of FinalTerm."""
        return b"\x1b]133;D;%d\x07" % (self.run.status or 0)

    def close(self) -> None:
        """End the command, if it runs, and let the next one run."""
        if self.ended:
            outcome = self.run.outcome
            self._note(f"the command {outcome}" if outcome else "")
        else:
            self._note(str(self.run.cut or "the client left"))
        self.run.close()
        slot, self._slot = self._slot, None
        _release(slot)

    def _note(self, error: str) -> None:
        if error:
            self._environ.setdefault(request_id.ERROR, error)


def _begun(output: Output, whole: bool) -> bytes:
    """The first piece, or the whole; a run that is cut before it has printed anything is a failure with a status."""
    try:
        return output.whole() if whole else output.begin()
    except TimedOut as error:
        raise GatewayTimeout(str(error)) from error
    except ClientLeft:
        abort(Response(status=499))  # nobody reads it; the log does
    except Cut as error:
        raise InternalServerError(str(error)) from error


def _release(slot: int | None) -> None:
    if slot is not None:
        os.close(slot)


def _value(groups: Mapping[str, Any], name: str, form: bool) -> str | None:
    """A group of the pattern, by name or number; else the last value of an argument of the query, then of the form."""
    positional = [value for key, value in groups.items() if is_positional(key)]
    if name in groups or name.isdecimal() and int(name) < len(positional):
        value = groups[name] if name in groups else positional[int(name)]
        return None if value is None else str(value)
    values = request.args.getlist(name) or (request.form.getlist(name) if form else [])
    return values[-1] if values else None


def _wants_page() -> bool:
    """By `?_format=`, or else by what the client likes best."""
    if "_format" in request.args:
        return request.args["_format"] == "html"
    return prefers_page(to="text/plain")


def _with_format(url: str, kind: str) -> str:
    """The URL of this request, path and query, with another `_format`."""
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("_format=")]
    return f"{path}?{'&'.join([*kept, f'_format={kind}'])}"


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response
