"""SimpleAuth: names and passwords in the YAML; and what all ways to sign in share."""

import time

import pytest

from app import passwords, userlog

SITE = """
    url:
      login:
        pattern: /login/
        handler: SimpleAuth
        kwargs:
          delay: 0
          credentials: {{ana: secret, ben: {{password: hidden, role: analyst}}}}
          {more}
      logout: {{pattern: /logout, handler: LogoutHandler}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
      session: {{pattern: /session, handler: Function, kwargs: {{function: "dict(handler.session)"}}}}
"""
HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
ANA = {"user": "ana", "password": "secret"}


@pytest.fixture
def signing(site):
    """`signing(more="", files={})` -> a client of the site with more settings of SimpleAuth."""

    def signing(more="", files=None, **options):
        return site(SITE.format(more=more), files, **options)

    return signing


def test_the_right_password_signs_in_and_goes_to_the_front_page(signing):
    client = signing()
    answer = client.post("/login/", data=ANA)
    assert (answer.status_code, answer.location) == (302, "/")
    assert client.get("/who").json == {"user": "ana", "id": "ana"}


def test_attributes_of_the_credentials_are_the_users_and_the_password_is_not(signing):
    client = signing()
    client.post("/login/", data={"user": "ben", "password": "hidden"})
    assert client.get("/who").json == {"user": "ben", "role": "analyst", "id": "ben"}
    assert "hidden" not in client.get("/session").text


def test_a_hash_in_the_credentials_is_checked_as_such(site):
    kept = passwords.hashed("secret")
    in_yaml = kept.replace("$", "$$")
    client = site(SITE.replace("secret", f'"{in_yaml}"').format(more=""))
    assert client.post("/login/", data=ANA).status_code == 302
    assert client.post("/login/", data={"user": "ana", "password": kept}).status_code == 401


def test_a_wrong_password_is_401_with_the_error_beside_its_field(signing):
    answer = signing().post("/login/", data={"user": "ana", "password": "guess"}, headers=HTML)
    assert answer.status_code == 401
    assert 'id="password-error" role="alert">This name and password do not match' in answer.text
    assert 'value="ana"' in answer.text and "guess" not in answer.text


def test_programs_are_told_in_json(signing):
    client = signing()
    answer = client.post("/login/", data={"user": "ana", "password": "guess"})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    answer = client.post("/login/", json=ANA, headers=JSON)
    assert (answer.status_code, answer.json) == (200, {"user": {"user": "ana", "id": "ana"}, "next": "/"})


@pytest.mark.parametrize("form", [{}, {"user": "ana"}, {"password": "secret"}, {"user": "", "password": ""}], ids=str)
def test_what_is_missing_is_400_and_signs_nobody_in(signing, form):
    client = signing()
    assert client.post("/login/", data=form).status_code == 400
    assert client.get("/who").json is None


def test_the_fields_may_have_other_names(signing):
    client = signing("user: {arg: name}\n          password: {arg: word}")
    assert 'name="word"' in client.get("/login/").text
    assert client.post("/login/", data={"name": "ana", "word": "secret"}).status_code == 302


@pytest.mark.parametrize(
    ("query", "headers", "target"),
    [
        ("?next=/reports%3Fyear=2026", {}, "/reports?year=2026"),
        ("", {"Referer": "http://localhost/reports"}, "http://localhost/reports"),
        ("", {"Referer": "http://evil.example/"}, "/"),
        ("", {"Referer": "http://localhost/login/"}, "/"),
        ("", {}, "/"),
    ],
    ids=["query", "page before", "another site", "the login page itself", "nothing"],
)
def test_the_form_brings_the_visitor_to_the_next_page(signing, query, headers, target):
    client = signing()
    page = client.get(f"/login/{query}", headers=headers)
    fields = {"_next": target.replace("&", "&amp;")} if f'name="_next" value="{target}"' in page.text else {}
    assert client.post(f"/login/{query}", data=ANA | fields).location == target


def test_a_template_of_the_site_has_error_handler_and_token(signing):
    template = "{{ error.code if error }}|{{ handler.name }}|{{ xsrf_token }}"
    client = signing("template: login.html", {"login.html": template})
    assert client.get("/login/").text.startswith("|login|2|")
    answer = client.post("/login/", data={"user": "ana", "password": "guess"}, headers=HTML)
    assert (answer.status_code, answer.text.split("|")[0]) == (401, "auth")


def test_behind_a_template_of_the_site_the_session_remembers_the_next_page(signing):
    client = signing("template: login.html", {"login.html": "<form method=post action=/login/>"})
    client.get("/login/?next=/reports")
    assert client.post("/login/", data=ANA).location == "/reports"


def test_a_gramex_site_has_its_template_in_tornados_language(signing):
    template = "{% if error %}{{ error['error'] }}{% end %}{% raw xsrf_token %}"
    client = signing("template: login.html", {"login.html": template}, name="gramex.yaml")
    answer = client.post("/login/", data={"user": "ana", "password": "guess"}, headers=HTML)
    assert answer.text.startswith("This name and password do not match2|")


def test_prepare_may_change_the_arguments(signing):
    code = "def prepare(handler, args):\n    return {'user': [args['user'][0].lower()], 'password': args['password']}\n"
    client = signing("prepare: own.prepare", {"own.py": code})
    assert client.post("/login/", data={"user": "ANA", "password": "secret"}).status_code == 302


def test_actions_run_when_the_user_is_signed_in(signing):
    code = "def greet(handler):\n    handler.session['greeting'] = f'hello {handler.current_user.id}'\n"
    client = signing("action: [own.greet]", {"own.py": code})
    client.post("/login/", data=ANA)
    assert client.get("/session").json["greeting"] == "hello ana"


def test_an_action_that_fails_leaves_nobody_signed_in(signing):
    client = signing("action: own.fail", {"own.py": "def fail(handler):\n    1 / 0\n"})
    assert client.post("/login/", data=ANA).status_code == 500
    assert client.get("/who").json is None


def test_ensure_single_session_ends_the_users_other_sessions(signing):
    first = signing("action: ensure_single_session")
    first.post("/login/", data=ANA)
    second = first.another()
    second.post("/login/", data=ANA)
    assert (first.get("/who").json, second.get("/who").json["id"]) == (None, "ana")


def test_the_user_may_have_another_key_in_the_session(signing):
    client = signing("user_key: member")
    client.post("/login/", data=ANA)
    assert client.get("/who").json is None
    assert client.get("/session").json["member"]["id"] == "ana"


@pytest.mark.parametrize(
    ("field", "max_age"), [("week", 7 * 86400), ("session", None), ("", 86400), ("other", 86400)], ids=str
)
def test_the_visitor_may_choose_how_long_the_session_lasts(signing, field, max_age):
    client = signing("session_expiry: {default: 1, key: remember, values: {week: 7, session: false}}")
    assert '<option value="week">' in client.get("/login/").text
    client.post("/login/", data=ANA | {"remember": field})
    cookie = client.get_cookie("sid")
    assert cookie.max_age == max_age


def test_lookup_adds_the_columns_of_the_users_row_that_have_a_value(signing):
    people = "user,team,phone\nana,sales,\nben,ops,7\n"
    client = signing("lookup: {url: people.csv}", {"people.csv": people})
    client.post("/login/", data=ANA)
    assert client.get("/who").json == {"user": "ana", "id": "ana", "team": "sales"}


def test_rules_set_attributes_in_their_order(signing):
    rules = "selector,pattern,field,value\nrole,an*,group,readers\ngroup,readers,level,2\nid,x*,level,9\n"
    client = signing("rules: {url: rules.csv}", {"rules.csv": rules})
    client.post("/login/", data={"user": "ben", "password": "hidden"})
    user = client.get("/who").json
    assert (user["group"], user["level"]) == ("readers", "2")


def test_what_is_kept_of_earlier_sign_ins_is_restored_where_missing(signing):
    code = "from app import userstore\ndef keep(handler): userstore.save('ben', {'role': 'x', 'theme': 'dark'})\n"
    client = signing("action: own.keep", {"own.py": code})
    for _ in range(2):
        client.post("/login/", data={"user": "ben", "password": "hidden"})
    user = client.get("/who").json
    assert user == {"user": "ben", "role": "analyst", "id": "ben", "theme": "dark"}


def test_logout_ends_the_session_and_goes_on(signing):
    client = signing()
    client.post("/login/", data=ANA)
    answer = client.get("/logout?next=/bye")
    assert (answer.status_code, answer.location) == (302, "/bye")
    assert client.get("/who").json is None
    assert client.get("/logout").location == "/"


def test_sign_ins_sign_outs_and_failures_are_written_down(signing):
    client = signing()
    client.post("/login/", data=ANA | {"password": "guess"})
    client.post("/login/", data=ANA)
    client.get("/logout")
    with client.app.extensions["skerry"].application.app_context():
        rows = userlog.table().database.read("SELECT event, user FROM userlog")
    assert [tuple(row) for row in rows] == [("fail", "ana"), ("login", "ana"), ("logout", "ana")]


def test_the_page_has_links_to_other_providers_that_keep_the_next_page(signing):
    client = signing('providers: {"Sign in with Google": /google}')
    assert 'href="/google?next=%2Freports"' in client.get("/login/?next=/reports").text


def test_the_page_is_not_kept_and_not_framed(signing):
    headers = signing().get("/login/").headers
    assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-store", "DENY")


def test_password_managers_know_the_fields(signing):
    page = signing().get("/login/").text
    assert 'autocomplete="username"' in page and 'autocomplete="current-password"' in page


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("recaptcha: {key: a, secret: b}", "recaptcha: is not in this version"),
        ("delay: []", "delay:"),
        ("delay: [-1]", "delay"),
        ("template: none.html", "template: there is no file 'none.html'"),
        ("lookup: {url: none.csv}", "lookup: there is no file 'none.csv'"),
        ("lookup: {url: 'sqlite:///a.db'}", "`table` is required"),
        ("rules: {url: rules.txt}", "should be a file whose name ends in .csv or .json"),
        ("action: nothere.run", "action"),
    ],
    ids=["recaptcha", "no delay", "negative delay", "template", "lookup", "no table", "other file", "action"],
)
def test_mistakes_are_told(site, setting, words):
    client = site(SITE.format(more=setting))
    assert words in "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))


@pytest.mark.parametrize("password", ["''", "{{role: x}}", "[a]", "true"], ids=str)
def test_credentials_without_a_password_are_a_mistake(site, password):
    client = site(SITE.replace("ana: secret", f"ana: {password}").format(more=""))
    assert client.post("/login/", data={"user": "ana", "password": "None"}).status_code == 500


def test_digits_in_yaml_are_a_password_too(site):
    client = site(SITE.replace("ana: secret", "12: 34").format(more=""))
    assert client.post("/login/", data={"user": "12", "password": "34"}).status_code == 302


def test_failures_wait_longer_and_longer_and_success_forgets_them(site):
    client = site(SITE.replace("delay: 0", "delay: [0, 0.2, 0.4]").format(more=""))
    taken = []
    for password in ("guess", "guess", "guess", "secret", "guess"):
        started = time.monotonic()
        client.post("/login/", data={"user": "ana", "password": password})
        taken.append(time.monotonic() - started)
    assert taken[1] >= 0.2 and taken[2] >= 0.4 and taken[4] < 0.4
