"""Sign-in at providers, as gunicorn serves it: a browser's way, through several workers."""

import threading
import time

import requests

SITE = """
    url:
      login:
        pattern: /login
        handler: OAuth2
        kwargs: {{issuer: "{url}", {client}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
      logout: {{pattern: /logout, handler: LogoutHandler}}
"""


def test_a_browser_signs_in_at_a_real_provider_whichever_worker_it_meets(serve, real_provider):
    server = serve(SITE.format(url=real_provider, client="client_id: any, client_secret: x"), workers=2)
    browser = requests.Session()
    for _ in range(4):
        page = browser.get(f"{server.url}/login?next=/who")
        assert page.url.startswith(real_provider)
        assert browser.post(page.url, {"sub": "ana"}).json()["email"] == "ana@example.com"
        assert browser.get(f"{server.url}/logout?next=/who").content in (b"", b"null")


def test_a_slow_provider_does_not_keep_others_waiting(serve, provider):
    answering = threading.Event()
    granted = provider.app.view_functions["token"]
    provider.app.view_functions["token"] = lambda: answering.wait(10) and granted()
    server = serve(SITE.format(url=provider.url, client="client_id: site, client_secret: s&cret"))
    browser = requests.Session()
    signing_in = threading.Thread(target=browser.get, args=[f"{server.url}/login?next=/who"])
    signing_in.start()
    wait_for(lambda: provider.asked("/token"))
    assert server.get("/who").status == 200
    assert signing_in.is_alive()
    answering.set()
    signing_in.join(10)
    assert browser.get(f"{server.url}/who").json()["id"] == "7"


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
