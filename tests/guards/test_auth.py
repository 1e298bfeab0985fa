import threading

import pytest

from app import create_app
from app.state.database import Unavailable

CODE = """
import itertools
from app import session

numbers = itertools.count(1)

def sign_in(handler):
    session.sign_in({name: values[-1] if len(values) == 1 else values for name, values in handler.args.items()})
    return "in"

def who(handler):
    return handler.current_user.id

def fails(handler):
    raise RuntimeError("out of order")

def refuses(handler):
    import flask
    flask.abort(418)
"""

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
AJAX = {**PAGE, "X-Requested-With": "XMLHttpRequest"}
FETCH = {**PAGE, "Sec-Fetch-Mode": "cors"}

LIVE = """
from app.settings import Settings

def blueprint(mount):
    bp = mount.blueprint()
    bp.add_url_rule(mount.pattern, "view", lambda: "open", websocket=True)
    return bp
"""


@pytest.fixture
def guarded(site):
    """`guarded(auth, ...)` -> a client of a site with the mount /it, and with /in?id=..., which signs in."""

    def guarded(auth, more="", function="str('seen')", top="", name="skerry.yaml", files=None, kwargs=""):
        yaml = f"""
{top}
url:
  it: {{pattern: /it, handler: Function{more}, kwargs: {{function: {function}, auth: {auth}{kwargs}}}}}
  in: {{pattern: /in, handler: Function, kwargs: {{function: code.sign_in(handler), auth: false}}}}
"""
        return site(yaml.replace("code.", "guarded_code."), {"guarded_code.py": CODE, **(files or {})}, name=name)

    return guarded


def signed_in(client, query="id=ana"):
    assert client.get(f"/in?{query}").text == "in"
    return client


def test_someone_who_is_signed_in_passes(guarded):
    client = guarded("true")
    assert client.get("/it").status_code == 401
    assert signed_in(client).get("/it").text == "seen"


def test_auth_false_is_open(guarded):
    assert guarded("false").get("/it").text == "seen"


@pytest.mark.parametrize("auth", ["true", "{}", "{membership: {}}"])
def test_the_auth_of_the_site_is_for_mounts_without_their_own(site, auth):
    yaml = f"""
        app: {{auth: {auth if auth != "{}" else "true"}}}
        url:
          a: {{pattern: /a, handler: Function, kwargs: {{function: str(1)}}}}
          b: {{pattern: /b, handler: Function, kwargs: {{function: str(1), auth: false}}}}
          c: {{pattern: /c, handler: Function, kwargs: {{function: str(1), auth: {{membership: {{role: x}}}}}}}}
        """
    client = site(yaml)
    assert [client.get(path).status_code for path in ("/a", "/b", "/c")] == [401, 200, 401]


def test_a_program_is_told_to_sign_in_and_nothing_else(guarded):
    answer = guarded("{membership: {role: analyst}}").get("/it")
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["detail"] == "sign in first"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_is_sent_to_sign_in_and_told_where_to_come_back(guarded, method):
    answer = guarded("true").open("/it?a=b&c=%20d", method=method, headers=PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login/?next=http%3A%2F%2Flocalhost%2Fit%3Fa%3Db%26c%3D%2520d"


@pytest.mark.parametrize(
    ("auth", "location"),
    [
        ("{login_url: /enter}", "/enter?next="),
        ("{login_url: /enter?lang=de}", "/enter?lang=de&next="),
        ("{login_url: 'https://sso.example/in', query: back}", "https://sso.example/in?back="),
        ("{query: to}", "/login/?to="),
    ],
)
def test_the_page_to_sign_in_and_its_argument_may_be_named(guarded, auth, location):
    answer = guarded(auth).get("/it", headers=PAGE)
    assert answer.headers["Location"] == f"{location}http%3A%2F%2Flocalhost%2Fit"


def test_the_site_may_name_its_page_to_sign_in(guarded):
    answer = guarded("true", top="app: {settings: {login_url: /enter}}").get("/it", headers=PAGE)
    assert answer.headers["Location"].startswith("/enter?next=")


def test_a_page_to_sign_in_that_asks_for_sign_in_itself_sends_nobody_in_circles(guarded):
    assert guarded("{login_url: /it}").get("/it", headers=PAGE).status_code == 401


@pytest.mark.parametrize(
    ("auth", "method", "headers"),
    [
        ("true", "GET", {}),
        ("true", "GET", {"Accept": "*/*"}),
        ("true", "GET", AJAX),
        ("true", "GET", FETCH),
        ("true", "GET", {**PAGE, "Sec-Fetch-Mode": "no-cors"}),
        ("true", "POST", PAGE),
        ("true", "PUT", PAGE),
        ("{login_url: false}", "GET", PAGE),
    ],
)
def test_scripts_programs_and_forms_are_not_sent_away(guarded, auth, method, headers):
    answer = guarded(auth).open("/it", method=method, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("headers", "status"), [({}, 302), (AJAX, 401), (FETCH, 401)])
def test_a_gramex_yaml_sends_all_but_scripts_to_sign_in(guarded, headers, status):
    assert guarded("true", name="gramex.yaml").get("/it", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "location"),
    [
        ({"X-Gramex-Root": "/app"}, "/app/login/?next=http%3A%2F%2Flocalhost%2Fit"),
        ({"X-Gramex-Root": "//evil.example"}, "/login/?next=http%3A%2F%2Flocalhost%2Fit"),
        ({"X-Gramex-Root": "https://evil.example"}, "/login/?next=http%3A%2F%2Flocalhost%2Fit"),
        ({"X-Request-URI": "/app/it"}, "/login/?next=http%3A%2F%2Flocalhost%2Fapp%2Fit"),
        ({"X-Request-URI": "//evil.example/"}, "/login/?next=http%3A%2F%2Flocalhost%2F%2Fevil.example%2F"),
        ({"X-Request-URI": "https://evil.example/"}, "/login/?next=http%3A%2F%2Flocalhost%2Fit"),
        ({"X-Forwarded-Host": "evil.example"}, "/login/?next=http%3A%2F%2Flocalhost%2Fit"),
    ],
    ids=str,
)  # fmt: skip
def test_headers_of_a_proxy_lead_to_no_other_site(guarded, headers, location):
    assert guarded("true").get("/it", headers={**PAGE, **headers}).headers["Location"] == location


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 401), ("PUT", 200), ("OPTIONS", 200)]
)
def test_methods_limit_who_is_asked(guarded, method, status):
    assert guarded("{methods: [post]}").open("/it", method=method).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_is_asked_as_get_is(guarded, method):
    assert guarded("{methods: GET}").open("/it", method=method).status_code == 401


@pytest.mark.parametrize(("cors", "status"), [("{auth: true}", 200), ("{auth: false}", 401), ("false", 401)])
def test_options_needs_no_sign_in_where_cors_allows_cookies(guarded, cors, status):
    client = guarded("true", kwargs=f", cors: {cors}, methods: [GET, OPTIONS]")
    assert client.options("/it").status_code == status


@pytest.mark.parametrize(
    ("membership", "user", "status"),
    [
        ("{role: analyst}", "id=ana&role=analyst", 200),
        ("{role: analyst}", "id=ana&role=clerk&role=analyst", 200),
        ("{role: [editor, analyst]}", "id=ana&role=analyst", 200),
        ("{role: analyst}", "id=ana&role=clerk", 403),
        ("{role: analyst}", "id=ana", 403),
        ("{role: analyst, team: sales}", "id=ana&role=analyst&team=sales", 200),
        ("{role: analyst, team: sales}", "id=ana&role=analyst", 403),
        ("[{role: analyst}, {team: sales}]", "id=ana&team=sales", 200),
        ("[{role: analyst}, {team: sales}]", "id=ana&team=art", 403),
        ("{level: 3}", "id=ana&level=3", 200),
        ("{active: true}", "id=ana&active=true", 200),
    ],
)
def test_membership_says_who_passes(guarded, membership, user, status):
    client = signed_in(guarded(f"{{membership: {membership}}}"), user)
    assert client.get("/it").status_code == status


def test_someone_who_lacks_a_role_is_told_which(guarded):
    client = signed_in(guarded("{membership: [{role: analyst}, {email: [bo@example.org]}]}"))
    assert client.get("/it").json["detail"] == "This needs role: analyst, or another email"


def test_the_log_has_the_rule_and_its_place(guarded, capfd):
    client = signed_in(guarded("{membership: {email: bo@example.org}}"))
    client.get("/it")
    line = capfd.readouterr().out
    assert "auth: needs email: bo@example.org (" in line and "skerry.yaml:4:" in line


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("{function: handler.current_user.id == 'ana'}", 200),
        ("\"handler.get_arg('x', '') == 'y'\"", 403),
        ("{function: str.startswith, args: ['ab', 'b']}", 403),
        ("{function: code.fails}", 500),
        ("{function: code.refuses}", 418),
    ],
)
def test_a_condition_decides(guarded, condition, status):
    client = signed_in(guarded(f"{{condition: {condition}}}"))
    assert client.get("/it").status_code == status


def test_a_condition_is_asked_before_membership_and_not_of_strangers(guarded):
    client = guarded("{condition: code.fails, membership: {role: x}}")
    assert client.get("/it").status_code == 401
    assert signed_in(client).get("/it").status_code == 500


def test_the_expression_of_a_condition_is_not_told(guarded):
    client = signed_in(guarded("{condition: handler.current_user.id == 'hunter22'}"))
    assert "hunter22" not in client.get("/it").text


def test_a_template_is_shown_to_those_who_are_refused(guarded):
    auth = "{membership: {role: x}, template: no.html}"
    client = guarded(auth, files={"no.html": "<p>not for {{ current_user.id }} at {{ handler.name }}"})
    assert client.get("/it").status_code == 401
    answer = signed_in(client, "id=%3Cana%3E").get("/it")
    assert (answer.status_code, answer.text) == (403, "<p>not for &lt;ana&gt; at it")


def test_a_template_of_the_original_is_tornados(guarded):
    auth = "{membership: {role: x}, template: no.html}"
    client = guarded(auth, files={"no.html": "{% raw '<p>' %}{{ current_user['id'] }}"}, name="gramex.yaml")
    assert signed_in(client).get("/it").text == "<p>ana"


def test_the_error_page_of_the_mount_is_used(guarded):
    client = guarded("{membership: {role: x}}", kwargs=", error: {403: {path: no.html}}", files={"no.html": "no"})
    assert signed_in(client).get("/it").text == "no"


@pytest.mark.parametrize(
    ("kwargs", "control"),
    [("", "private"), (", headers: {Cache-Control: 'private, max-age=60'}", "private, max-age=60")],
)
def test_answers_are_marked_as_one_users(guarded, kwargs, control):
    client = guarded("true", kwargs=kwargs)
    for answer in (client.get("/it"), signed_in(client).get("/it")):
        assert answer.headers["Cache-Control"] == control
        assert "Cookie" in answer.headers["Vary"]


def test_a_method_that_is_not_answered_is_refused_to_strangers_first(guarded):
    client = guarded("true", kwargs=", methods: GET")
    assert client.delete("/it").status_code == 401
    assert signed_in(client).delete("/it", headers={"X-Requested-With": "test"}).status_code == 405


def test_while_the_store_of_sessions_is_down_nobody_passes(guarded, monkeypatch):
    client = signed_in(guarded("true"))

    def down(id):
        raise Unavailable("sessions", OSError("the disk is gone"))

    application = client.app.extensions["skerry"].application
    monkeypatch.setattr(application.session_interface.store, "read", down)
    assert client.get("/it").status_code == 503


# Caching: what one user was shown is never shown to another


def shown_to(client, *users):
    seen = []
    for user in users:
        signed_in(client, user)
        seen.append(client.get("/it").text)
    return seen


@pytest.mark.parametrize("function", ["code.who(handler)", "str(next(code.numbers))"])
def test_users_never_share_an_answer_of_a_cached_mount(guarded, function):
    client = guarded("true", more=", cache: true", function=function)
    ana, bo, again = shown_to(client, "id=ana", "id=bo", "id=ana")
    assert ana != bo
    assert again == ana


def test_a_user_with_another_role_gets_another_answer(guarded):
    client = guarded("true", more=", cache: {store: memory}", function="str(next(code.numbers))")
    assert len(set(shown_to(client, "id=ana&role=a", "id=ana&role=b"))) == 2


def test_a_key_that_says_so_shares_an_answer(guarded):
    client = guarded("true", more=", cache: {key: [request.uri]}", function="str(next(code.numbers))")
    assert shown_to(client, "id=ana", "id=bo") == ["1", "1"]


@pytest.mark.parametrize("auth", ["true", "false"])
@pytest.mark.parametrize("key", ["request.uri", "headers.Accept"])
def test_an_answer_that_was_made_for_a_user_is_not_shared_by_any_key(guarded, auth, key):
    client = guarded(auth, more=f", cache: {{key: [{key}]}}", function="code.who(handler)")
    assert shown_to(client, "id=ana", "id=bo") == ["ana", "bo"]


def test_a_key_may_name_an_attribute_of_the_user(guarded):
    more = ", cache: {key: [request.uri, user.role]}"
    client = guarded("true", more=more, function="str(next(code.numbers))")
    assert shown_to(client, "id=ana&role=a", "id=bo&role=a", "id=cy&role=b") == ["1", "1", "2"]


def test_a_refusal_is_never_kept(guarded):
    client = guarded("{membership: {role: a}}", more=", cache: {key: [request.uri], status: [200, 401, 403]}")
    assert client.get("/it").status_code == 401
    assert shown_to(client, "id=ana&role=a") == ["seen"]


def test_strangers_are_not_answered_from_the_cache(guarded):
    client = signed_in(guarded("true", more=", cache: {key: [request.uri]}"))
    assert client.get("/it").text == "seen"
    client.delete_cookie("sid")
    assert client.get("/it").status_code == 401


def test_many_at_once_are_each_decided_by_their_own_user(guarded):
    client = guarded("{membership: {role: a}}")
    clients = [client.app.test_client() for _ in range(8)]
    for number, each in enumerate(clients):
        signed_in(each, f"id=u{number}&role={'ab'[number % 2]}")
    results = {}

    def ask(number):
        results[number] = {clients[number].get("/it").status_code for _ in range(10)}

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number] for number in range(8)] == [{200}, {403}] * 4


def test_the_handshake_of_a_socket_passes_the_same_guard(write_site, forget_modules):
    mount = "{pattern: /live, handler: Live, kwargs: {auth: true}}"
    file = write_site(f"url: {{live: {mount}}}", {"live_feature.py": LIVE}, name="gramex.yaml")
    app = create_app({"Live": "live_feature"}, file)
    answer = app.test_client().get("/live", headers={**PAGE, "Upgrade": "websocket", "Connection": "Upgrade"})
    app.extensions["skerry"].stop()
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


# Together with the page to sign in


@pytest.mark.parametrize("site_wide", [True, False], ids=["app.auth", "auth"])
def test_whoever_signs_in_comes_back_to_where_they_were_going(site, site_wide):
    yaml = f"""
        app: {{auth: {str(site_wide).lower()}}}
        url:
          it: {{pattern: /it, handler: Function, kwargs: {{function: handler.get_arg("a"), auth: true}}}}
          login: {{pattern: /login/, handler: SimpleAuth, kwargs: {{credentials: {{ana: pass}}}}}}
        """
    client = site(yaml)
    sent = client.get("/it?a=b%20c", headers=PAGE).headers["Location"]
    assert client.get(sent, headers=PAGE).status_code == 200
    back = client.post(sent, data={"user": "ana", "password": "pass"}, headers={**PAGE, "Origin": "http://localhost"})
    assert client.get(back.headers["Location"]).text == "b c"
