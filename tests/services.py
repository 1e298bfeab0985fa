"""Real servers on free ports of 127.0.0.1, started when a test first asks for one and ended with the tests.

A test that takes `postgresql`, `mariadb` or `redis` gets the URL of an empty database. One that wants to stop its
server takes `start_redis`.
"""

import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

DEADLINE = 20  # seconds; the slowest takes one
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])


class Service:
    """A server of a user's, with its data in a folder of its own, which ends with it.

    After `stop`, `start` brings it back, on the same port and with what it had stored.
    """

    def __init__(self, user, command, answers, prepare=None):
        self.port, self.folder = free_port(), Path(tempfile.mkdtemp(prefix="service."))
        self._as, self._answers = as_user(user, self.folder), answers
        self._command = [word.format(port=self.port, folder=self.folder) for word in command]
        if prepare:
            self._run([word.format(folder=self.folder) for word in prepare])

    def _run(self, command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._as)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def start(self):
        """Start it, and return when it answers."""
        log = self.folder / "log"
        with log.open("ab") as out:
            files = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            self.process = subprocess.Popen(self._command, cwd=self.folder, preexec_fn=end_with_us, **files, **self._as)
        deadline = time.monotonic() + DEADLINE
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self._command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.02)
        return self

    def _is_ready(self):
        try:
            self._answers(self.port)
        except Exception:  # each driver has its own
            return False
        return True

    def stop(self):
        """End it as if it had crashed."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)


def end_with_us():
    """Have the kernel end a server whose tests were killed: PR_SET_PDEATHSIG, see prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def as_user(name, folder):
    """How to run what refuses to be run by root; the folder becomes that user's."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, name, name)
    return {"user": name, "group": name, "extra_groups": []}


def program(name, folders=()):
    """The path of a program, in one of the folders or on PATH."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), PATH]))
    return found or pytest.fail(f"there is no {name}: run `make setup-test`")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server():
    # Debian keeps the programs of each version off PATH; the newest comes first.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    settings = ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
    options = [word for setting in settings for word in ("-c", setting)]
    command = [program("postgres", folders), "-D", "{folder}/data", "-p", "{port}", *options]
    initdb = [program("initdb", folders), "--no-sync", "--auth=trust", "--username=skerry", "--locale=C.UTF-8"]
    service = Service("postgres", command, run_in_postgresql, [*initdb, "-D", "{folder}/data"])
    yield service.start()
    service.remove()


@pytest.fixture
def postgresql(postgresql_server):
    """The URL of an empty database of PostgreSQL."""
    port, name = postgresql_server.port, f"test{next(numbers)}"
    run_in_postgresql(port, f"CREATE DATABASE {name} STRATEGY file_copy")
    return f"postgresql://skerry@127.0.0.1:{port}/{name}"


def run_in_postgresql(port, sql="SELECT 1"):
    import psycopg

    with psycopg.connect(f"postgresql://skerry@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(sql)


@pytest.fixture(scope="session")
def mariadb_server():
    command = [program("mariadbd"), "--no-defaults", "--datadir={folder}/data", "--port={port}"]
    quick = ["--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"]
    options = ["--bind-address=127.0.0.1", "--socket={folder}/socket", "--skip-name-resolve", *quick]
    install = [program("mariadb-install-db"), "--no-defaults", "--datadir={folder}/data", "--skip-test-db"]
    prepare = [*install, "--auth-root-authentication-method=normal", "--skip-name-resolve"]
    service = Service("mysql", [*command, *options], run_in_mariadb, prepare)
    yield service.start()
    service.remove()


@pytest.fixture
def mariadb(mariadb_server):
    """The URL of an empty database of MariaDB."""
    port, name = mariadb_server.port, f"test{next(numbers)}"
    run_in_mariadb(port, f"CREATE DATABASE {name}")
    return f"mariadb://root@127.0.0.1:{port}/{name}"


def run_in_mariadb(port, sql="SELECT 1"):
    import pymysql

    with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection, connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(scope="session")
def redis_server():
    service = redis_service()
    yield service.start()
    service.remove()


@pytest.fixture
def redis(redis_server):
    """The URL of an empty Redis."""
    run_in_redis(redis_server.port, b"FLUSHALL")
    return f"redis://127.0.0.1:{redis_server.port}/0"


@pytest.fixture
def start_redis():
    """`start_redis()` -> a Redis of the test's own, which it may `stop` and `start`; `port` is its port."""
    services = []

    def start():
        services.append(redis_service())
        return services[-1].start()

    yield start
    for service in services:
        service.remove()


def redis_service():
    options = ["--bind", "127.0.0.1", "--port", "{port}", "--appendonly", "yes", "--appendfsync", "always"]
    return Service("redis", [program("redis-server"), *options, "--dir", "{folder}", "--save", ""], run_in_redis)


def run_in_redis(port, command=b"PING"):
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
        connection.sendall(command + b"\r\n")
        answer = connection.recv(100)
        assert answer[:1] == b"+", answer
