import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

REPO = Path(__file__).parents[2]
SLOW = """
import os, time

def wait(handler, seconds):
    time.sleep(float(seconds))
    return "done"

def drip(handler, count, wait):
    for number in range(int(count)):
        yield f"{number} "
        time.sleep(float(wait))
"""
SITE = """
url:
  hello: {pattern: /hello, handler: Function, kwargs: {function: str('one')}}
  who: {pattern: /who, handler: Function, kwargs: {function: str(os.getpid())}}
  wait: {pattern: '/wait/(.*)', handler: Function, kwargs: {function: "slow.wait(handler, handler.path_args[0])"}}
  drip: {pattern: '/drip/(.*)/(.*)', handler: Function, kwargs: {function: "slow.drip(handler, *handler.path_args)"}}
  client:
    pattern: /client
    handler: Function
    kwargs: {function: "[handler.request.remote_addr, handler.request.scheme, handler.request.host]"}
"""
FILES = {"slow.py": SLOW}
FORWARDED = {"X-Forwarded-For": "9.9.9.9, 8.8.8.8", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example"}


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def run(command, env=None, cwd=REPO):
    """Run a command that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture(params=["gunicorn", "flask"])
def server(request):
    """Start a site by each of the two servers."""
    return request.getfixturevalue("serve" if request.param == "gunicorn" else "flask_run")


def test_health_says_that_the_worker_answers(server):
    assert json.loads(server(SITE, FILES).get("/-/health").body) == {"status": "ok"}


def test_ready_counts_mounts_and_broken_ones(serve):
    site = "url:\n  a: {pattern: /a, handler: Function, kwargs: {function: nosuch.f}}\n" + SITE.replace(
        "url:", ""
    ).lstrip("\n")
    answer = serve(site, FILES).get("/-/ready")
    assert json.loads(answer.body) == {"status": "ready", "mounts": 6, "broken": 1}


def test_health_wins_over_a_mount_that_matches_everything(serve):
    assert (
        b"ok"
        in serve("url: {all: {pattern: /(.*), priority: 999, handler: Function, kwargs: {function: str(1)}}}")
        .get("/-/health")
        .body
    )


def test_a_request_is_one_line_on_the_standard_output(serve):
    server = serve(SITE, FILES)
    answer = server.get("/hello?q")
    lines = [line for line in server.log().splitlines() if '"/hello?q"' in line]
    assert len(lines) == 1
    assert json.loads(lines[0])["request_id"] == answer.headers["X-Request-ID"]


def test_flask_run_prints_its_address_and_no_second_line_for_a_request(flask_run):
    server = flask_run(SITE, FILES)
    server.get("/hello?q")
    assert f"Running on {server.url}" in server.log()
    assert sum("/hello?q" in line for line in server.log().splitlines()) == 1


def test_request_ids_are_unique_across_workers(serve):
    server = serve(SITE, FILES, workers=3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.get, ["/who"] * 300))
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 300
    assert {answer.text for answer in answers} <= {str(pid) for pid in server.workers()}


def test_web_concurrency_is_the_number_of_workers(serve):
    server = serve(SITE, FILES, workers=3)
    assert wait_for(lambda: len(server.workers()) == 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_finishes_the_requests_in_flight(serve, workers):
    server = serve(SITE, FILES, workers=workers)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.get, path) for path in ["/wait/1.5", "/drip/5/0.3", "/wait/1"]]
        time.sleep(0.5)
        started = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert [answer.result().text for answer in answers] == ["done", "0 1 2 3 4 ", "done"]
    assert time.monotonic() - started < 4
    assert "Traceback" not in server.log()


def test_idle_connections_do_not_hold_up_the_end(serve):
    server = serve(SITE, FILES)
    connection = server.connect()
    connection.request("GET", "/hello")
    connection.getresponse().read()
    started = time.monotonic()
    assert server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 8
    connection.close()


def test_ctrl_c_ends_quietly(server):
    """The terminal sends it to every process of the group."""
    running = server(SITE, FILES)
    os.killpg(running.pid, signal.SIGINT)
    assert running.process.wait(20) in (0, 1, -signal.SIGINT)
    assert "Traceback" not in running.log()


def test_hup_starts_new_workers_without_losing_a_request(serve):
    server = serve("app: {watch: false}\n" + SITE, FILES, workers=2)
    workers, answers, stop = server.workers(), [], threading.Event()

    def ask():
        while not stop.is_set():
            answers.append(server.get("/hello").status)

    asking = threading.Thread(target=ask)
    asking.start()
    (server.folder / "skerry.yaml").write_text(SITE.replace("'one'", "'two'"))
    os.kill(server.pid, signal.SIGHUP)
    assert wait_for(lambda: len(server.workers()) == 2 and not set(server.workers()) & set(workers))
    stop.set()
    asking.join()
    assert set(answers) == {200}
    assert server.get("/hello").text == "two"


def test_a_changed_file_reaches_every_worker(serve):
    server = serve(SITE, FILES, workers=3)
    with ThreadPoolExecutor(12) as pool:

        def ask(path):
            return {answer.text for answer in pool.map(server.get, [path] * 60)}

        assert wait_for(lambda: len(ask("/who")) > 1)
        for text in ("two", "six"):
            (server.folder / "skerry.yaml").write_text(SITE.replace("'one'", f"'{text}'"))
            assert wait_for(lambda text=text: ask("/hello") == {text})


def test_a_worker_that_was_idle_never_answers_from_the_old_site(serve):
    server = serve(SITE, FILES, workers=3)
    (server.folder / "skerry.yaml").write_text(SITE.replace("'one'", "'two'"))
    time.sleep(4)  # for the one that has answered before, which looks once a second
    assert {server.get("/hello").text for _ in range(60)} == {"two"}


def test_requests_and_connections_in_flight_outlive_a_reload(server):
    running = server(SITE, FILES)
    connection = running.connect()
    connection.request("GET", "/hello")
    assert connection.getresponse().read() == b"one"
    sock = connection.sock
    with ThreadPoolExecutor(1) as pool:
        drip = pool.submit(running.get, "/drip/12/0.25")
        time.sleep(0.3)
        (running.folder / "skerry.yaml").write_text(
            "url: {hello: {pattern: /hello, handler: Function, kwargs: {function: str(2)}}}"
        )
        assert wait_for(lambda: running.get("/hello").text == "2")
        assert drip.result().text == "".join(f"{number} " for number in range(12))
    if connection.sock is sock and sock is not None:  # the development server speaks HTTP/1.0 and closes
        connection.request("GET", "/hello")
        assert connection.getresponse().read() == b"2"
    connection.close()


def test_connections_stay_open_over_a_reload(serve):
    server = serve(SITE, FILES)
    connection = server.connect()
    seen, sock = set(), None
    deadline = time.monotonic() + 10
    while "two" not in seen and time.monotonic() < deadline:
        connection.request("GET", "/hello")
        sock = sock or connection.sock
        seen.add(connection.getresponse().read().decode())
        assert connection.sock is sock
        if len(seen) == 1:
            (server.folder / "skerry.yaml").write_text(SITE.replace("'one'", "'two'"))
            time.sleep(0.1)
    assert seen == {"one", "two"}
    connection.close()


def test_a_broken_reload_is_explained_in_the_log_and_the_last_good_site_goes_on(server):
    running = server(SITE, FILES)
    running.get("/hello")
    (running.folder / "skerry.yaml").write_text(SITE + "\n  broken: [")
    assert wait_for(lambda: "the last good site goes on" in running.log())
    assert re.search(r"skerry\.yaml:\d+:\d+: ", running.log())
    assert running.get("/hello").text == "one"
    (running.folder / "skerry.yaml").write_text(SITE.replace("'one'", "'mended'"))
    assert wait_for(lambda: running.get("/hello").text == "mended")


def rss(pid):
    """KiB that a process holds in memory."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def test_memory_does_not_grow_with_reloads_and_requests(serve):
    server = serve("log: false\n" + SITE, FILES)
    (worker,) = server.workers()

    def reload_and_ask(text):
        (server.folder / "skerry.yaml").write_text("log: false\n" + SITE.replace("'one'", f"'{text}'"))
        assert wait_for(lambda: server.get("/hello").text == text)
        for _ in range(1000):
            server.get("/hello")

    reload_and_ask("warm")
    before = rss(worker)
    for text in ("two", "six"):
        reload_and_ask(text)
    assert rss(worker) - before < 6000


def test_tls_is_served_by_app_listen(serve, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    server = serve(f"app: {{listen: {{ssl_options: {{certfile: {cert}, keyfile: {key}}}}}}}\n" + SITE, FILES, tls=True)
    assert json.loads(server.get("/client").body)[1] == "https"
    assert f"at https://127.0.0.1:{server.port}/" in server.log()


def start(command, env, cwd=REPO):
    """Start a server that is told its address by something else than the fixtures do."""
    environ = {name: value for name, value in os.environ.items() if name != "PORT"}
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(host, port):
    """Whether a server answers there; one that is told to end before its workers have started takes its time."""
    try:
        with urlopen(f"http://{host}:{port}/-/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("listen", "env", "shown"),
    [
        ("{{port: {port}}}", {}, "http://127.0.0.1:{port}/"),
        ("{{port: 1}}", {"PORT": "{port}"}, "http://127.0.0.1:{port}/"),
        ("{{port: {port}, address: 0.0.0.0}}", {}, "http://127.0.0.1:{port}/"),
        ("{{port: {port}, address: '::1'}}", {}, "http://[::1]:{port}/"),
        ("{{port: {port}, address: 127.0.0.2}}", {}, "http://127.0.0.2:{port}/"),
    ],
)
def test_gunicorn_listens_where_the_site_says(write_site, listen, env, shown):
    port = free_port()
    config = write_site(f"app: {{listen: {listen.format(port=port)}}}\n" + SITE, FILES)
    env = {name: value.format(port=port) for name, value in env.items()}
    process = start(["gunicorn", "wsgi:app"], {"SKERRY_CONFIG": str(config), **env})
    try:
        line = process.stdout.readline()
        assert line == f"Skerry serves {config} at {shown.format(port=port)}\n"
        assert wait_for(lambda: answers(*shown.format(port=port)[7:-1].rsplit(":", 1)))
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_gunicorn_listens_at_a_unix_socket(write_site, tmp_path):
    config, path = write_site("app: {listen: {xheaders: true}}\n" + SITE, FILES), tmp_path / "s"
    process = start(["gunicorn", "wsgi:app", "-b", f"unix:{path}"], {"SKERRY_CONFIG": str(config)})
    try:
        assert process.stdout.readline() == f"Skerry serves {config} at unix:{path}\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(1000), b""))
        assert answer.endswith(b'["9.9.9.9","http","a"]')
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_gunicorn_runs_from_any_folder(write_site, tmp_path):
    config, port = write_site(SITE, FILES), free_port()
    env = {"SKERRY_CONFIG": str(config), "PORT": str(port)}
    process = start(["gunicorn", "--chdir", str(REPO), "-c", str(REPO / "gunicorn.conf.py"), "wsgi:app"], env, tmp_path)
    try:
        assert process.stdout.readline().endswith(f"at http://127.0.0.1:{port}/\n")
        assert wait_for(lambda: answers("127.0.0.1", port))
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_flask_run_takes_its_port(write_site):
    config, port = write_site(SITE, FILES), free_port()
    process = start(["flask", "--app", "wsgi", "run", "--port", str(port)], {"SKERRY_CONFIG": str(config)})
    try:
        assert wait_for(lambda: answers("127.0.0.1", port))
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert f"http://127.0.0.1:{port}" in out and "Traceback" not in out


@pytest.mark.parametrize("port", ["abc", "99999", "-1", "8000x", "²"])
def test_a_port_that_is_none_is_one_clear_line(write_site, port):
    done = run(["gunicorn", "wsgi:app"], {"SKERRY_CONFIG": str(write_site(SITE, FILES)), "PORT": port})
    assert done.returncode != 0
    assert f"should be a port from 0 to 65535, not {port!r}" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2


STRICT = "app: {strict: true}\nurl: {a: {pattern: /a, handler: Nothing}}"


@pytest.mark.parametrize(
    "command", [["gunicorn", "wsgi:app"], ["flask", "--app", "wsgi", "run"]], ids=["gunicorn", "flask"]
)
@pytest.mark.parametrize(
    ("yaml", "message"),
    [("url: {a: [", r"skerry\.yaml:\d+:\d+: "), (STRICT, r"skerry\.yaml:2:\d+: url\.a\.handler")],
    ids=["yaml", "strict"],
)
def test_a_site_that_cannot_be_read_does_not_start(write_site, command, yaml, message):
    env = {"SKERRY_CONFIG": str(write_site(yaml)), "PORT": str(free_port())}
    done = run(command, env)
    assert done.returncode != 0
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


def test_a_site_that_is_not_there_does_not_start(tmp_path):
    done = run(["gunicorn", "wsgi:app"], {"SKERRY_CONFIG": str(tmp_path / "none.yaml")})
    assert done.returncode != 0
    assert "no such file" in done.stderr and "Traceback" not in done.stderr


def client_seen(server, headers):
    return json.loads(server.get("/client", headers).body)


def test_forwarded_headers_are_no_news_unless_the_site_says_so(server):
    running = server(SITE, FILES)
    assert client_seen(running, FORWARDED) == ["127.0.0.1", "http", f"127.0.0.1:{running.port}"]


def test_a_local_proxy_is_believed_with_xheaders(server):
    running = server("app: {listen: {xheaders: true}}\n" + SITE, FILES)
    assert client_seen(running, FORWARDED) == ["8.8.8.8", "https", "public.example"]
    assert '"ip":"8.8.8.8"' in running.log()


@pytest.mark.parametrize(
    ("allowed", "believed"),
    [("127.0.0.1", True), ("10.0.0.0/8, 127.0.0.0/8", True), ("*", True), ("10.1.2.3", False), ("::1", False)],
)
def test_only_the_named_proxies_are_believed(serve, allowed, believed):
    server = serve("app: {listen: {xheaders: true}}\n" + SITE, FILES, env={"FORWARDED_ALLOW_IPS": allowed})
    assert (client_seen(server, FORWARDED)[0] == "8.8.8.8") == believed


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO"])
def test_a_client_cannot_set_what_the_server_does(serve, name):
    assert serve(SITE, FILES).get("/hello", {name: "/who"}).text == "one"
