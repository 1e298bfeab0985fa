"""LDAPAuth, as gunicorn serves it."""

import socket
import threading

from tests.conftest import DEADLINE

SITE = """
    url:
      login: {{pattern: /login/, handler: LDAPAuth, kwargs: {{host: 127.0.0.1, port: {port}, delay: 0, {more}}}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_person_signs_in_over_tls(serve, directory):
    more = f"ca_certs: {directory.ca}, user: 'uid={{user}},ou=people,dc=example'"
    server = serve(SITE.format(port=directory.tls_port, more=more))
    answer = server.request("POST", "/login/", FORM, "user=ana&password=s3cret")
    assert (answer.status, "sid=" in answer.headers["Set-Cookie"]) == (302, True)


def test_a_silent_directory_keeps_nobody_waiting_and_is_given_up(serve):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = serve(SITE.format(port=silent.getsockname()[1], more="timeout: 2"))
        answers = []
        ask = server.connect()
        ask.request("POST", "/login/", "user=ana&password=s3cret", FORM)
        waiting = threading.Thread(target=lambda: answers.append(ask.getresponse()))
        waiting.start()
        silent.settimeout(DEADLINE)
        with silent.accept()[0]:
            assert (server.get("/who").status, answers) == (200, [])
            waiting.join(DEADLINE)
    assert (answers[0].status, answers[0].headers["Auth-Error"]) == (401, "conn")
    ask.close()
