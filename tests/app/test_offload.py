import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from flask import Flask, request

from app import offload

REPO = Path(__file__).parents[2]
TICKER = """
    from gevent import monkey; monkey.patch_all()
    import gevent, hashlib, time
    from app import offload

    gaps = []
    def tick():
        last = time.perf_counter()
        while True:
            gevent.sleep(0.005)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()
    gevent.spawn(tick)
    gevent.sleep(0.02)
    gaps.clear()
    started = time.perf_counter()
"""


def patched(code):
    """What a process prints that gevent has patched, with a greenlet ticking every 5 ms."""
    script = textwrap.dedent(TICKER) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


def test_without_gevent_the_call_is_made_directly():
    assert offload.run(sorted, [2, 1], reverse=True) == [2, 1]
    assert not offload.cooperative()


def test_without_gevent_it_is_not_imported():
    code = "import sys; from app import offload; offload.run(len, []); print('gevent' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "blocking",
    [
        pytest.param("offload.run(hashlib.pbkdf2_hmac, 'sha256', b'x', b'y', 600_000)", id="hash"),
        pytest.param(
            "import sqlite3; offload.run(lambda: sqlite3.connect(':memory:').execute("
            "'with recursive n(i) as (select 1 union all select i + 1 from n limit 2000000) select sum(i) from n'"
            ").fetchone())",
            id="sqlite",
        ),
    ],
)
def test_a_long_c_call_does_not_stop_the_other_greenlets(blocking):
    printed, _ = patched(f"{blocking}\nprint(time.perf_counter() - started, max(gaps), len(gaps))")
    took, largest_gap, ticks = map(float, printed)
    assert ticks > 5
    assert largest_gap < took / 2


def test_the_same_call_without_offload_does_stop_them():
    printed, _ = patched("hashlib.pbkdf2_hmac('sha256', b'x', b'y', 600_000)\nprint(len(gaps))")
    assert printed == ["0"]


def test_a_deadline_ends_the_wait_but_not_the_thread():
    printed, _ = patched("""
        from gevent.monkey import get_original
        done = []
        def slow():
            get_original("time", "sleep")(0.4)
            done.append(1)
        try:
            offload.run(slow, deadline=0.05)
        except offload.Deadline as late:
            print(isinstance(late, TimeoutError), len(done), time.perf_counter() - started < 0.3)
        while not done:
            gevent.sleep(0.01)
        print(len(done))
    """)
    assert printed == ["True", "0", "True", "1"]


def test_a_limited_number_of_calls_run_at_once_and_the_others_wait_their_turn():
    printed, _ = patched("""
        from gevent.monkey import get_original
        running, most = [], []
        def slow():
            running.append(1)
            most.append(len(running))
            get_original("time", "sleep")(0.05)
            running.pop()
        gevent.joinall([gevent.spawn(offload.run, slow) for _ in range(30)], raise_error=True)
        print(max(most) == offload.LIMIT, len(most))
    """)
    assert printed == ["True", "30"]


def test_the_deadline_includes_the_wait_for_a_turn():
    printed, _ = patched("""
        from gevent.monkey import get_original
        sleep = get_original("time", "sleep")
        busy = [gevent.spawn(offload.run, sleep, 0.5) for _ in range(offload.LIMIT)]
        gevent.sleep(0.05)
        try:
            offload.run(len, "", deadline=0.05)
        except offload.Deadline as late:
            print(str(late).split()[0])
        gevent.joinall(busy)
        print(offload.run(len, "abc", deadline=1))
    """)
    assert printed == ["no", "3"]


def test_an_exception_arrives_with_its_traceback_and_is_printed_nowhere():
    printed, stderr = patched("""
        import traceback
        def fails():
            raise KeyError("gone")
        try:
            offload.run(fails)
        except KeyError as error:
            print(error.args[0], [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1])
    """)
    assert printed == ["gone", "fails"]
    assert stderr == ""


def test_a_call_from_inside_a_call_runs_in_the_same_thread():
    printed, _ = patched("""
        from gevent.monkey import get_original
        thread = get_original("threading", "get_ident")
        calls = [gevent.spawn(offload.run, lambda: thread() == offload.run(thread)) for _ in range(20)]
        print(*(job.value for job in gevent.joinall(calls)))
    """)
    assert printed == ["True"] * 20


def test_none_is_a_result_under_a_deadline():
    printed, _ = patched("print(offload.run(lambda: None, deadline=5))")
    assert printed == ["None"]


def test_the_call_sees_the_request_and_the_app():
    printed, _ = patched("""
        from flask import Flask, current_app, request
        site = Flask("site")
        with site.test_request_context("/here"):
            print(*offload.run(lambda: (request.path, current_app.name)))
    """)
    assert printed == ["/here", "site"]


def test_without_gevent_the_call_sees_the_request_and_raises_its_own_error():
    with Flask("site").test_request_context("/here"):
        assert offload.run(lambda: request.path) == "/here"
    with pytest.raises(ZeroDivisionError):
        offload.run(divmod, 1, 0)
