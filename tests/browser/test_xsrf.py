"""What a browser really sends for another site's page, and that it is refused."""

import pytest

SITE = """
    url:
      in: {pattern: /in, handler: Function, kwargs: {function: bank.sign_in}}
      pay: {pattern: /pay, handler: Function, kwargs: {function: bank.pay}}
      form: {pattern: /form, handler: File, kwargs: {path: form.html, template: true}}
      paid: {pattern: /paid, handler: Function, kwargs: {function: list(bank.paid)}}
"""
CODE = """
from app import session

paid = []


def sign_in(handler):
    session.sign_in({"id": "ana"})
    return "signed in"


def pay(handler):
    paid.append(handler.request.method)
    return "paid"
"""
FORM = """
<!doctype html><html lang="en"><title>Form</title><link rel="icon" href="data:,">
<form method="post" action="%s">%s<button>Pay</button></form>
"""
ATTACKS = {
    "form": "document.forms[0].submit()",
    "form as text": "document.forms[0].enctype = 'text/plain'; document.forms[0].submit()",
    "form without origin": "document.head.innerHTML += '<meta name=referrer content=no-referrer>';"
    "document.forms[0].submit()",
    "fetch": "fetch(document.forms[0].action, {method: 'POST', mode: 'no-cors', credentials: 'include'})",
    "beacon": "navigator.sendBeacon(document.forms[0].action, 'x=1')",
}


@pytest.fixture
def bank(serve):
    form = FORM % ("/pay", "{{ xsrf_form_html() }}")
    return serve(SITE, {"bank.py": CODE, "form.html": form})


@pytest.fixture
def evil(serve, bank):
    """`evil(host)` -> the URL of another site's page with a form for the bank."""

    def evil(host):
        yaml = "url: {it: {pattern: /, handler: File, kwargs: {path: evil.html}}}"
        server = serve(yaml, {"evil.html": FORM % (f"{bank.url}/pay", "")})
        return server.url.replace("127.0.0.1", host)

    return evil


# To a browser, another port of the same host is another origin of the same site, so that all cookies are sent.
@pytest.mark.parametrize(("host", "cookies"), [("localhost", False), ("127.0.0.1", True)], ids=["cross", "same-site"])
def test_another_sites_page_cannot_have_the_browser_send(bank, evil, page, host, cookies):
    shown, url = page(), evil(host)
    shown.goto(f"{bank.url}/in")
    answers = [attacked(shown.context.new_page(), url, attack, f"{bank.url}/pay") for attack in ATTACKS.values()]
    assert [answer.status for answer in answers] == [403] * len(ATTACKS)
    assert ("cookie" in answers[0].request.all_headers()) is cookies
    assert shown.goto(f"{bank.url}/paid").json() == []


def attacked(tab, url, attack, target):
    """The answer to what another site's page sends."""
    tab.goto(url)
    with tab.expect_response(target) as answer:
        tab.evaluate(attack)
    return answer.value


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_a_page_of_this_site_sends_its_form(bank, page, javascript):
    shown = page(java_script_enabled=javascript)
    shown.goto(f"{bank.url}/in")
    shown.goto(f"{bank.url}/form")
    shown.get_by_role("button").click()
    assert shown.locator("body").inner_text() == "paid"


def test_a_script_of_this_site_sends_without_a_token(bank, page):
    shown = page()
    shown.goto(f"{bank.url}/in")
    status = "async method => (await fetch('/pay', {method})).status"
    assert [shown.evaluate(status, method) for method in ("POST", "PUT", "DELETE")] == [200, 200, 200]
