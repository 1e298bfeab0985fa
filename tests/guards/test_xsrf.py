import re
import time

import pytest
from tornado.web import RequestHandler

HERE = "http://localhost"
THERE = "https://evil.example"

CODE = """
def form(handler):
    return handler.xsrf_form_html()

def token(handler):
    return handler.xsrf_token

def legacy(handler):
    return handler.xsrf_token.decode("utf-8")

def check(handler):
    handler.check_xsrf_cookie()
    return "checked"
"""


@pytest.fixture
def guarded(site):
    """`guarded(kwargs="", top="")` -> a client of a site with /it, and pages at /form, /token and /check."""

    def guarded(kwargs="", top="", name="skerry.yaml", files=None):
        pages = "\n".join(
            f"  {page}: {{pattern: /{page}, handler: Function, kwargs: {{function: xsrf_code.{page}(handler)}}}}"
            for page in ("form", "token", "legacy", "check")
        )
        mount = f"{{pattern: /it, handler: Function, kwargs: {{function: str('done'){kwargs}}}}}"
        yaml = f"{top}\nurl:\n  it: {mount}\n{pages}"
        return site(yaml, {"xsrf_code.py": CODE, **(files or {})}, name=name)

    return guarded


def send(client, method="POST", cookie=True, **headers):
    """Send as a page, or a program, with these headers; with a cookie, as of someone who is signed in."""
    if cookie:
        client.set_cookie("sid", "2|1:0|anything")
    return client.open("/it", method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})


def token_of(client):
    return client.get("/token").text


def raw(token):
    """What a masked token hides."""
    _version, mask, masked, _made = token.split("|")
    mask, masked = bytes.fromhex(mask), bytes.fromhex(masked)
    return bytes(byte ^ mask[position % 4] for position, byte in enumerate(masked))


# Who may send


@pytest.mark.parametrize("cookie", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "same-origin", "Origin": HERE},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": HERE},
        {"Origin": "https://localhost"},
        {"Referer": f"{HERE}/page?a=b"},
    ],
    ids=str,
)
def test_pages_of_this_site_may_send_without_a_token(guarded, cookie, headers):
    assert send(guarded(), cookie=cookie, **headers).text == "done"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site", "Origin": THERE},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://other.localhost"},
        {"Sec_Fetch_Site": "Same-Origin"},
        {"Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site", "Origin": HERE},
        {"Origin": THERE},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": f"{HERE}/"},
        {"Origin": ""},
    ],
    ids=str,
)
def test_pages_of_other_sites_may_not(guarded, headers):
    client = guarded()
    without = [send(client, method, False, **headers) for method in ("POST", "PUT", "DELETE", "PATCH")]
    answers = [*without, *(send(client, method, True, **headers) for method in ("POST", "PUT", "DELETE", "PATCH"))]
    assert {answer.status_code for answer in answers} == {403}
    assert all(answer.json["detail"].startswith("another site's page has sent this") for answer in answers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Mode": "cors", "Sec_Fetch_Site": "cross-site"},
        {"X_Requested_With": "XMLHttpRequest", "Origin": THERE},
        {"X_Requested_With": "XMLHttpRequest", "Sec_Fetch_Site": "cross-site"},
        {"Referer": f"{HERE}/page", "Origin": THERE},
        {"Origin": THERE, "X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https"},
        {"Origin": THERE, "Forwarded": "host=evil.example;proto=https"},
        {"Origin": THERE, "X_Forwarded_Server": "evil.example", "X_Real_IP": "127.0.0.1"},
        {"Origin": THERE, "X_HTTP_Method_Override": "GET"},
    ],
    ids=str,
)
def test_no_other_header_makes_up_for_another_origin(guarded, headers):
    assert send(guarded(), **headers).status_code == 403


def test_a_host_of_another_site_is_no_help(guarded):
    """Rebinding: the browser says the attacker's name in Host and Origin, which is that site's own affair."""
    client = guarded()
    answer = client.post("/it", headers={"Origin": HERE, "Host": "evil.example", "Cookie": "sid=a"})
    assert answer.status_code == 403


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("203.0.113.5", 403)], ids=["proxy", "stranger"])
def test_only_a_proxy_may_say_what_this_site_is_called(guarded, peer, status):
    client = guarded(top="app: {listen: {xheaders: true}}")
    said = {"X-Forwarded-Host": "www.example", "X-Forwarded-Proto": "https", "Origin": "https://www.example"}
    assert client.post("/it", headers=said, environ_base={"REMOTE_ADDR": peer}).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_is_not_asked(guarded, method):
    assert send(guarded(), method, Sec_Fetch_Site="cross-site", Origin=THERE).status_code == 200


def test_programs_without_cookies_are_not_asked(guarded):
    assert send(guarded(), cookie=False).text == "done"


@pytest.mark.parametrize("referer", [None, f"{THERE}/", f"{HERE}.evil.example/", f"{HERE}@evil.example/", "http://["])
def test_whoever_sends_cookies_and_does_not_say_from_where_is_asked(guarded, referer):
    answer = send(guarded(), **({"Referer": referer} if referer else {}))
    assert answer.status_code == 403
    assert "X-Requested-With" in answer.json["detail"]


def test_a_header_that_other_sites_may_not_send_is_enough_for_a_program(guarded):
    assert send(guarded(), X_Requested_With="XMLHttpRequest").text == "done"


@pytest.mark.parametrize(
    ("cors", "origin", "cookie", "status"),
    [
        ("{origins: https://a.example}", "https://a.example", True, 200),
        ("{origins: https://a.example}", "https://b.example", True, 403),
        ("{origins: https://a.example}", "https://b.example", False, 403),
        ("{origins: https://a.example, auth: false}", "https://a.example", True, 403),
        ("{origins: https://a.example, auth: false}", "https://a.example", False, 200),
        ("true", "https://b.example", True, 403),
        ("true", "https://b.example", False, 200),
        ("{auth: true}", "https://b.example", True, 200),
    ],
)
def test_origins_that_cors_lets_in_may_send(guarded, cors, origin, cookie, status):
    client = guarded(f", cors: {cors}")
    assert send(client, cookie=cookie, Sec_Fetch_Site="cross-site", Origin=origin).status_code == status


def test_a_mount_may_switch_it_off(guarded):
    assert send(guarded(", xsrf_cookies: false"), Origin=THERE).text == "done"


@pytest.mark.parametrize(("own", "status"), [("", 200), (", xsrf_cookies: true", 403)])
def test_a_site_may_switch_it_off_and_a_mount_on_again(guarded, own, status):
    client = guarded(own, top="app: {settings: {xsrf_cookies: false}}")
    assert send(client, Origin=THERE).status_code == status


def test_it_is_asked_before_sign_in(guarded):
    assert send(guarded(", auth: true"), Origin=THERE).status_code == 403


def test_a_mount_without_such_methods_attaches_nothing(guarded):
    application = guarded(", methods: [GET, HEAD, OPTIONS]").app.extensions["skerry"].application
    assert not application.blueprints["it"].before_request_funcs


# Tokens


@pytest.mark.parametrize("header", ["X-Xsrftoken", "X-XSRFToken", "X-CSRFToken"])
def test_the_token_may_come_in_a_header(guarded, header):
    client = guarded()
    headers = {header: token_of(client), "Origin": "null"}
    assert client.post("/it", headers=headers).text == "done"


@pytest.mark.parametrize("options", [{}, {"content_type": "multipart/form-data"}], ids=["urlencoded", "multipart"])
def test_the_token_may_come_in_a_field(guarded, options):
    client = guarded()
    fields = {"_xsrf": token_of(client), "more": "x"}
    assert client.post("/it", data=fields, headers={"Origin": "null"}, **options).text == "done"


@pytest.mark.parametrize("options", [{}, {"content_type": "multipart/form-data"}], ids=["urlencoded", "multipart"])
def test_a_form_that_was_read_for_its_token_is_whole_for_the_view(site, options):
    yaml = "url: {it: {pattern: /it, handler: Function, kwargs: {function: handler.get_body_argument('more')}}}"
    client = site(yaml)
    client.set_cookie("_xsrf", "00112233445566778899aabbccddeeff")
    fields = {"_xsrf": "00112233445566778899aabbccddeeff", "more": "x"}
    assert client.post("/it", data=fields, headers={"Origin": "null"}, **options).text == "x"


def test_the_token_may_come_in_the_query(guarded):
    client = guarded()
    assert client.post("/it", query_string={"_xsrf": token_of(client)}, headers={"Origin": "null"}).text == "done"


@pytest.mark.parametrize(("sender", "status"), [("cross-site", 200), ("same-site", 403)])
def test_a_token_is_worth_nothing_from_where_the_cookie_can_be_written(guarded, sender, status):
    client = guarded()
    headers = {"X-XSRFToken": token_of(client), "Sec-Fetch-Site": sender, "Origin": "null"}
    assert client.post("/it", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("check", "headers", "status"),
    [
        ("pass", {"Origin": THERE}, 200),
        ("super().check_xsrf_cookie()", {"Origin": HERE}, 403),
        ("raise HTTPError(402)", {"Origin": HERE}, 402),
    ],
)
def test_a_class_of_the_sites_may_check_in_its_own_way(site, check, headers, status):
    code = f"""
from app.handler import BaseHandler, HTTPError

class Hook(BaseHandler):
    def check_xsrf_cookie(self):
        {check}

    def post(self):
        self.write("done")
"""
    client = site("url: {it: {pattern: /it, handler: xsrf_hook.Hook}}", {"xsrf_hook.py": code})
    assert client.post("/it", headers=headers).status_code == status


def test_a_token_of_version_1_is_understood(guarded):
    client = guarded()
    client.set_cookie("_xsrf", "00112233445566778899aabbccddeeff")
    assert raw(token_of(client)).hex() == "00112233445566778899aabbccddeeff"
    assert client.post("/it", data={"_xsrf": "00112233445566778899aabbccddeeff"}).text == "done"


def test_a_cookie_and_a_token_of_tornado_are_understood(guarded):
    """The mask 00000000 leaves the token as it is; the field has another mask."""
    client = guarded()
    client.set_cookie("_xsrf", "2|00000000|00112233445566778899aabbccddeeff|1700000000")
    headers = {"X-XSRFToken": "2|01010101|01102332455467768998abbacddceffe|1700000000", "Origin": "null"}
    assert client.post("/it", headers=headers).text == "done"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "00",
        "2|00000000||0",
        "2|00000000|00|0",
        "2|0000|00112233445566778899aabbccddeeff|0",
        "2|00000000|zz112233445566778899aabbccddeeff|0",
        "2|00000000|00112233445566778899aabbccddeeff|x",
        "2|00000000|00112233445566778899aabbccddeeff",
        "3|00000000|00112233445566778899aabbccddeeff|0",
        "2|\u0660\u0660|x|0",
        "2|00000000|00112233445566778899aabbccddeef0|0",
        "x" * 10_000,
    ],
    ids=lambda token: ascii(token[:50]),
)
def test_forged_and_broken_tokens_are_refused(guarded, token):
    client = guarded()
    statuses = [client.post("/it", data={"_xsrf": token}, headers={"Origin": "null"}).status_code]
    for cookie in ("2|00000000|ffeeddccbbaa99887766554433221100|0", "", "2|00000000||0", "garbage"):
        client.set_cookie("_xsrf", cookie)
        statuses.append(client.post("/it", data={"_xsrf": token}, headers={"Origin": "null"}).status_code)
    assert statuses == [403] * 5


def test_a_token_of_another_visitor_is_refused(guarded):
    client = guarded()
    other = client.app.test_client()
    token_of(client)
    assert client.post("/it", data={"_xsrf": token_of(other)}, headers={"Origin": "null"}).status_code == 403


def test_a_token_without_its_cookie_is_refused(guarded):
    client = guarded()
    token = token_of(client)
    client.delete_cookie("_xsrf")
    assert client.post("/it", data={"_xsrf": token}, headers={"Origin": "null"}).status_code == 403


def test_a_page_has_a_new_mask_each_time_and_the_same_token_below(guarded):
    client = guarded()
    first, second = token_of(client), token_of(client)
    assert first != second
    assert raw(first) == raw(second)
    assert re.fullmatch(r"2\|[0-9a-f]{8}\|[0-9a-f]{32}\|\d{10}", first)
    assert abs(int(first.rpartition("|")[2]) - time.time()) < 60


def test_the_cookie_is_kept_from_scripts_and_other_sites(guarded):
    client = guarded()
    cookie = client.get("/token").headers["Set-Cookie"]
    assert cookie.startswith("_xsrf=2|")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" in client.app.test_client().get("/token", base_url="https://localhost").headers["Set-Cookie"]


def test_a_visitor_who_has_the_cookie_gets_no_other(guarded):
    client = guarded()
    assert [len(client.get("/token").headers.getlist("Set-Cookie")) for _ in range(2)] == [1, 0]


def test_the_token_is_text_that_decodes_as_tornados_bytes_do(guarded):
    assert guarded().get("/legacy").text.startswith("2|")


def test_tornado_understands_our_tokens(guarded):
    token = token_of(guarded())
    version, value, made = RequestHandler._decode_xsrf_token(None, token)
    assert (version, value, int(made)) == (2, raw(token), int(token.rpartition("|")[2]))


def test_the_field_of_a_form_is_a_hidden_input(guarded):
    client = guarded()
    field = client.get("/form").text
    token = re.fullmatch(r'<input type="hidden" name="_xsrf" value="([^"]+)">', field)[1]
    assert client.post("/it", data={"_xsrf": token}, headers={"Origin": "null"}).text == "done"


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("skerry.yaml", "{{ xsrf_form_html() }}{{ handler.xsrf_token }} {{ xsrf_token }}"),
        ("gramex.yaml", "{% module xsrf_form_html() %}{{ handler.xsrf_token }} {{ xsrf_token }}"),
        ("gramex.yaml", "{% raw xsrf_form_html() %}{{ handler.xsrf_token }} {{ xsrf_token }}"),
    ],
)
def test_templates_know_it(site, name, template):
    yaml = "url: {page: {pattern: /page, handler: File, kwargs: {path: page.html, template: true}}}"
    text = site(yaml, {"page.html": template}, name).get("/page").text
    found = re.fullmatch(r'<input type="hidden" name="_xsrf" value="([^"]+)">(\S+) (\S+)', text)
    assert len({raw(token) for token in found.groups()}) == 1


def test_a_page_with_a_token_is_one_visitors(site):
    yaml = """
        url:
          page: {pattern: /page, handler: Function, cache: true, kwargs: {function: handler.xsrf_token}}
        """
    client = site(yaml)
    pages = [client.get("/page") for _ in range(3)]
    assert len({page.text for page in pages}) == 3
    assert all("Cookie" in page.headers["Vary"] for page in pages)
    assert all(page.headers["Cache-Control"] == "private" for page in pages)


def test_a_page_without_a_token_sets_no_cookie(guarded):
    answer = guarded().get("/it")
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_set_xsrf_gives_every_visitor_the_cookie_once(guarded):
    client = guarded(", set_xsrf: true")
    first, second = client.get("/it"), client.get("/it")
    assert first.headers["Set-Cookie"].startswith("_xsrf=2|")
    assert "Set-Cookie" not in second.headers


def test_a_function_may_insist_on_the_token(guarded):
    client = guarded()
    assert client.post("/check", headers={"Origin": HERE}).status_code == 403
    answer = client.post("/check", data={"_xsrf": token_of(client)}, headers={"Origin": HERE})
    assert answer.text == "checked"


def test_the_body_is_left_to_the_view_unless_it_is_a_form(site):
    yaml = "url: {it: {pattern: /it, handler: Function, kwargs: {function: handler.request.stream.read()}}}"
    client = site(yaml)
    assert client.post("/it", data=b"x=1", headers={"Origin": HERE}).data == b"x=1"


def test_a_form_of_this_site_is_not_read_before_the_view(site):
    yaml = "url: {it: {pattern: /it, handler: Function, kwargs: {function: handler.request.stream.read()}}}"
    form = {"data": b"x=1", "content_type": "application/x-www-form-urlencoded"}
    assert site(yaml).post("/it", headers={"Origin": HERE, "Cookie": "a=b"}, **form).data == b"x=1"
