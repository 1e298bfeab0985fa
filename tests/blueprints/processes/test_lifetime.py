"""Commands under real servers: they stream, they end with their client and with their worker, and they are counted."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

DEADLINE = 15

STUBBORN = "trap '' TERM HUP INT; sleep 1000 & echo $$ $!; while :; do wait; done"
"""A shell and its child, of which the shell does not end when it is asked to; says both process ids."""

SILENT = "sleep 1000 & echo $$ $! > pids; wait"


def yaml(script, **settings):
    kwargs = {"args": script.replace("$", "$$"), "shell": True, **settings}
    return json.dumps({"url": {"run": {"pattern": "/run", "handler": "Command", "kwargs": kwargs}}})


@pytest.fixture(params=["gunicorn", "flask run"])
def either(request, serve, flask_run):
    """Either server."""
    return serve if request.param == "gunicorn" else flask_run


@pytest.fixture
def opened():
    """`opened(server)` -> connection and response of a running command."""
    connections = []

    def opened(server):
        connection = server.connect()
        connections.append(connection)
        connection.request("GET", "/run")
        response = connection.getresponse()
        connections.append(response)
        return connection, response

    yield opened
    for connection in connections:
        connection.close()


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def alive(pid):
    """Whether a process runs; one that only waits for somebody to ask how it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_ended(pids):
    return until(lambda: not any(map(alive, pids)))


def said_pids(response):
    pids = first_line(response)
    assert len(pids) == 2 and all(map(alive, pids))
    return pids


def first_line(response):
    return [int(word) for word in response.readline().split()]


def written_pids(server):
    file = server.folder / "pids"
    assert until(lambda: file.exists() and file.read_text().endswith("\n"))
    return [int(word) for word in file.read_text().split()]


def leave(connection, response):
    response.close()
    connection.close()


def test_output_streams_as_it_is_printed(either, opened):
    server = either(yaml("echo first; until test -e go; do sleep 0.02; done; echo second"))
    _, response = opened(server)
    assert response.readline() == b"first\n"
    (server.folder / "go").touch()
    assert response.read() == b"second\n"


def test_a_command_that_prints_ends_when_the_client_leaves(either, opened):
    server = either(yaml("echo $$ $$; while :; do echo x; sleep 0.05; done"))
    connection, response = opened(server)
    pids = first_line(response)
    leave(connection, response)
    assert all_ended(pids)


def test_a_silent_command_ends_when_the_client_leaves(either):
    server = either(yaml(SILENT))
    connection = server.connect()
    connection.request("GET", "/run")
    pids = written_pids(server)
    connection.close()
    assert all_ended(pids)
    assert until(lambda: '"error":"the client left"' in server.log())


def test_a_command_that_refuses_to_end_is_killed_with_its_children(either, opened):
    server = either(yaml(STUBBORN))
    connection, response = opened(server)
    pids = said_pids(response)
    leave(connection, response)
    assert all_ended(pids)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM, signal.SIGQUIT])
def test_no_command_outlives_its_worker(serve, opened, sig):
    server = serve(yaml(STUBBORN), args=["--graceful-timeout=1"])
    _, response = opened(server)
    pids = said_pids(response)
    (worker,) = server.workers()
    os.kill(worker, sig)
    assert all_ended(pids)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_no_command_outlives_the_server(serve, opened, sig):
    server = serve(yaml(STUBBORN), args=["--graceful-timeout=1"])
    _, response = opened(server)
    pids = said_pids(response)
    server.stop(sig)
    assert all_ended(pids)


def test_no_command_outlives_a_server_that_is_killed_with_its_group(either, opened):
    server = either(yaml(STUBBORN))
    _, response = opened(server)
    pids = said_pids(response)
    server.kill()
    assert all_ended(pids)


def test_a_command_that_ends_soon_is_waited_for_when_the_server_stops(serve, opened):
    server = serve(yaml("echo first; until test -e go; do sleep 0.02; done; echo second"))
    _, response = opened(server)
    response.readline()
    server.process.send_signal(signal.SIGTERM)
    (server.folder / "go").touch()
    assert response.read() == b"second\n"


def test_nothing_stays_open_after_many_runs(serve):
    server = serve(yaml("echo hi; sleep 1000 & echo more", stdout=["pipe", "out.txt"], stdin="body"))
    (worker,) = server.workers()
    before = open_files(worker)
    for _ in range(10):
        assert server.request("POST", "/run", body=b"x").body == b"hi\nmore\n"
    # A connection is open until the worker has seen that its client has closed it. The keeper's pipe stays.
    assert until(lambda: open_files(worker) <= before + 2)


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_commands_are_counted_over_all_workers(serve, opened):
    server = serve(yaml("echo first; until test -e go; do sleep 0.02; done", concurrency=2), workers=3)
    running = [opened(server)[1] for _ in range(2)]
    assert [response.readline() for response in running] == [b"first\n"] * 2
    refused = [server.get("/run") for _ in range(6)]
    assert {(answer.status, answer.headers["Retry-After"]) for answer in refused} == {(503, "5")}
    (server.folder / "go").touch()
    assert [response.read() for response in running] == [b""] * 2
    assert until(lambda: server.get("/run").status == 200)


def test_a_killed_worker_frees_its_slot(serve, opened):
    server = serve(yaml("echo $$ $$; until test -e go; do sleep 0.02; done", concurrency=1))
    _, response = opened(server)
    response.readline()
    os.kill(server.workers()[0], signal.SIGKILL)
    (server.folder / "go").touch()
    assert until(lambda: answers(server))


def answers(server):
    try:
        return server.get("/run").status == 200
    except OSError:  # the master has yet to start another worker
        return False


@pytest.fixture
def uploading(serve):
    """`uploading(script)` -> server, and a connection on which 8192 bytes of a body of 10,000 have been sent."""
    connections = []

    def uploading(script):
        server = serve(yaml(script, stdin="body"))
        connection = server.connect()
        connections.append(connection)
        connection.putrequest("POST", "/run")
        connection.putheader("Content-Length", "10000")
        connection.endheaders(b"x" * 8192)
        return server, connection

    yield uploading
    for connection in connections:
        connection.close()


def test_a_body_is_passed_on_while_it_arrives(uploading):
    _, connection = uploading("cat")
    with connection.response_class(connection.sock, method="POST") as response:
        response.begin()
        assert response.read(8192) == b"x" * 8192
        connection.send(b"y" * 1808)
        assert response.read() == b"y" * 1808


def test_a_part_of_a_body_is_never_taken_for_the_whole(uploading):
    server, connection = uploading("trap '' TERM; cat > got; echo whole > ended")
    assert until(lambda: (server.folder / "got").exists() and (server.folder / "got").stat().st_size)
    connection.close()
    assert until(lambda: '"error":"' in server.log().replace('"error":""', ""))
    assert not (server.folder / "ended").exists()


def test_a_kept_connection_goes_on_after_a_command(serve):
    server = serve(yaml("head -c 1", stdin="body"))
    connection = server.connect()
    for _ in range(3):
        connection.request("POST", "/run", b"x" * 500_000)
        assert connection.getresponse().read() == b"x"
    connection.close()


def test_other_requests_are_answered_while_a_command_prints_a_lot(serve, opened):
    server = serve(yaml("cat /dev/zero"))
    _, response = opened(server)
    reader = threading.Thread(target=lambda: [response.read(1_000_000) for _ in range(300)])
    reader.start()
    started = time.monotonic()
    while reader.is_alive():
        assert server.get("/-/health").status == 200
    assert time.monotonic() - started < DEADLINE


def test_a_client_that_reads_nothing_does_not_keep_a_command_for_ever(serve, opened):
    server = serve(yaml("echo $$ $$; cat /dev/zero", timeout=1))
    _, response = opened(server)
    assert all_ended(first_line(response))
    assert until(lambda: "the command took longer than 1 s" in server.log())


ECHOES = "echo one; exit 3"


def raw(server, request):
    """All bytes that the server sends for a request, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
        client.sendall(request.encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_the_exit_status_is_a_trailer_for_clients_that_take_trailers(serve):
    server = serve(yaml(ECHOES))
    answer = raw(server, "GET /run HTTP/1.1\r\nHost: a\r\nTE: gzip;q=0.5, trailers\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Trailer: X-Exit-Status\r\n" in head + b"\r\n"
    assert body == b"4\r\none\n\r\n0\r\nX-Exit-Status: 3\r\n\r\n"
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("request_line", ["GET /run HTTP/1.1", "GET /run HTTP/1.0\r\nTE: trailers"])
def test_other_clients_get_no_trailer(serve, request_line):
    answer = raw(serve(yaml(ECHOES)), f"{request_line}\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.endswith((b"one\n\r\n0\r\n\r\n", b"\r\n\r\none\n"))
    assert b"X-Exit-Status" not in answer


def test_flask_run_sends_no_trailer(flask_run):
    answer = flask_run(yaml(ECHOES)).get("/run", {"TE": "trailers"})
    assert (answer.body, answer.headers["Trailer"]) == (b"one\n", None)


def test_a_run_that_is_cut_has_no_trailer(serve):
    server = serve(yaml("echo one; sleep 1000", timeout=0.5))
    answer = raw(server, "GET /run HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")
    assert answer.endswith(b"4\r\none\n\r\n")
