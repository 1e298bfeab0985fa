"""Fixtures: a test writes the YAML that a user would write, and gets a client or a real server for it."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from app import create_app
from blueprints import FEATURES

pytest_plugins = ["tests.services", "tests.mailbox"]

REPO = Path(__file__).parent.parent
DEADLINE = 20  # seconds; servers start in well under one


@pytest.fixture
def write_site(tmp_path):
    """Write a site's files: `write_site(yaml, files={"a/b.txt": "text or bytes"})` -> the path of its YAML file.

    Each call in a test makes another folder below `tmp_path`: `site`, `site2`, `site3` ...
    """
    folders = []

    def write(yaml, files=None, name="skerry.yaml"):
        folder = tmp_path / f"site{len(folders) + 1 if folders else ''}"
        folders.append(folder)
        for path, content in {name: textwrap.dedent(yaml), **(files or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return write


@pytest.fixture
def forget_modules(tmp_path):
    """Make modules that a site imports from its own folder end with the test: the next site may use the same names."""
    path = sys.path.copy()
    yield
    sys.path[:] = path
    loaded = sys.modules.copy()
    for name in [name for name, module in loaded.items() if any(map(below(tmp_path), places(module)))]:
        sys.modules.pop(name, None)  # a reload may have been faster


def below(folder):
    return lambda place: Path(place).is_relative_to(folder)


def places(module):
    """Where a module lies; a folder without `__init__.py` has no file, only its path."""
    return filter(None, [getattr(module, "__file__", None), *getattr(module, "__path__", [])])


@pytest.fixture
def site(write_site, forget_modules):
    """`site(yaml, files={}, name="skerry.yaml")` -> Flask's test client for that site.

    The client also has `.app` and `.folder`, the site's folder.
    """

    apps = []

    def client(yaml, files=None, name="skerry.yaml"):
        config = write_site(yaml, files, name)
        app = create_app(FEATURES, config)
        apps.append(app)
        client = app.test_client()
        client.app, client.folder = app, config.parent
        return client

    yield client
    for app in apps:
        app.extensions["skerry"].stop()  # or it would look at the files of a test that is over


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()


class Server:
    """A server in a process of its own, answering on a free port of 127.0.0.1.

    `get` and `request` send a path as it is written, `..` and `%2e` included.
    """

    def __init__(self, command, port, folder, env, tls=False):
        self.port, self.folder, self.tls = port, folder, tls
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        self._log = folder.with_name(f"{folder.name}.log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=REPO,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PORT": str(port), **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self):
        """The process that was started: gunicorn's master."""
        return self.process.pid

    def workers(self):
        """The process ids of gunicorn's workers."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def log(self):
        """What the server has written to stdout and stderr so far."""
        return self._log.read_text()

    def get(self, path, headers=None):
        return self.request("GET", path, headers)

    def request(self, method, path, headers=None, body=None, timeout=DEADLINE):
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self, timeout=DEADLINE):
        """An `http.client` connection, for what `request` is too simple for: keep-alive, half-sent requests ..."""
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        # The certificates of tests are signed by nobody.
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def wait(self):
        """Return when the server answers; fail with its log when it exits or stays silent."""
        deadline = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                return self.request("GET", "/-/health", timeout=DEADLINE)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        pytest.fail(f"the server did not answer (exit code {self.process.poll()}); its log:\n{self.log()}")

    def stop(self, sig=signal.SIGTERM):
        """Send a signal and return the exit code. Requests in flight have gunicorn's graceful timeout to finish."""
        self.process.send_signal(sig)
        return self.process.wait(2 * DEADLINE)

    def kill(self):
        """End the server and everything that it has started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # It and all its workers have ended already.
        self.process.wait(DEADLINE)


@pytest.fixture
def start(write_site):
    """`start(command, yaml, ...)` -> a running `Server`, ended with the test. `serve` and `flask_run` stand on it.

    The command is a Python module with its arguments; `{port}` in it becomes a free port.
    """
    servers = []

    def start(command, yaml, files=None, name="skerry.yaml", args=(), env=None, tls=False):
        config, port = write_site(yaml, files, name), free_port()
        environment = {"SKERRY_CONFIG": str(config), **(env or {})}
        command = [sys.executable, "-m", *(word.format(port=port) for word in command), *args]
        server = Server(command, port, config.parent, environment, tls)
        servers.append(server)
        server.wait()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def serve(start):
    """`serve(yaml, files={}, workers=1, args=[], env={}, tls=False)` -> the site, served by gunicorn."""

    def serve(yaml, files=None, workers=1, env=None, **options):
        environment = {"WEB_CONCURRENCY": str(workers), **(env or {})}
        return start(["gunicorn", "wsgi:app", "--bind=127.0.0.1:{port}"], yaml, files, env=environment, **options)

    return serve


@pytest.fixture
def flask_run(start):
    """`flask_run(yaml, files={}, args=[], env={})` -> the site, served by `flask run`."""

    def flask_run(yaml, files=None, **options):
        return start(["flask", "--app=wsgi", "run", "--port={port}"], yaml, files, **options)

    return flask_run


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def demo(serve):
    """The demo site, served by gunicorn."""
    return serve("", env={"SKERRY_CONFIG": str(REPO / "instance")})
