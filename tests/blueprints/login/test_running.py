"""Sign-in with several workers."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

SITE = """
    url:
      login: {pattern: /login, handler: SimpleAuth, kwargs: {delay: [0, 0, 0.5], credentials: {ana: secret}}}
      who: {pattern: /who, handler: Function, kwargs: {function: handler.current_user}}
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def guess(server, user="ana", password="guess"):
    body = urlencode({"user": user, "password": password})
    return server.request("POST", "/login", FORM, body)


def test_failures_in_a_row_are_counted_across_workers(serve):
    server = serve(SITE, workers=2)
    taken = []
    for _ in range(5):
        started = time.monotonic()
        assert guess(server).status == 401
        taken.append(time.monotonic() - started)
    assert min(taken[2:]) >= 0.5


def test_an_address_has_its_failures_for_all_workers_together(serve):
    server = serve(SITE.replace("0.5", "0"), workers=2)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: guess(server, f"user{number}").status, range(90)))
    # Each worker counts what it is answering just now, and the table what has failed.
    assert 60 <= answers.count(401) <= 60 + 16 and set(answers) == {401, 429}


def test_who_signs_in_at_one_worker_is_known_to_the_others(serve):
    server = serve(SITE, workers=2)
    answer = guess(server, password="secret")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert {server.get("/who", {"Cookie": cookie}).text for _ in range(12)} == {'{"user":"ana","id":"ana"}'}
