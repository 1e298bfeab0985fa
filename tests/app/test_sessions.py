"""Sessions as a browser and a site's functions see them."""

import json
import re
import time
from pathlib import Path

import pytest

from app.sections import SessionSettings
from app.signing import Secrets, Signer
from app.state import sessions as stores
from app.state.sessions.store import hashed

CODE = """
from flask import session as flasks
from app.session import current, ensure_single_session, sign_in, sign_out, sign_out_everywhere


def put(handler):
    for name, values in handler.args.items():
        handler.session[name] = values[-1]
    return "put"


def show(handler):
    return dict(handler.session)


def login(handler):
    number = lambda name: handler.get_arg(name, None) and float(handler.get_arg(name))
    return sign_in({"id": handler.get_arg("user", "ann")}, expiry=number("expiry"), inactive=number("inactive"))


def everywhere(handler):
    return sign_out_everywhere(handler.get_arg("user", "ann"), but_here="but" in handler.args)
"""
FUNCTIONS = {
    "put": "own.put",
    "show": "own.show",
    "login": "own.login",
    "out": "own.sign_out()",
    "everywhere": "own.everywhere",
    "single": "own.ensure_single_session",
    "who": "handler.current_user",
    "plain": "str(1)",
}


@pytest.fixture
def visit(site):
    """`visit(settings="", **functions)` -> a client of a site with `/put`, `/show`, `/login` and more mounts.

    `settings` are those of `app.session`; `functions` become mounts of their own.
    """

    def visit(settings="", code="", **functions):
        kwargs = {name: f"{{function: '{function}'}}" for name, function in {**FUNCTIONS, **functions}.items()}
        mounts = [f"  {name}: {{pattern: /{name}, handler: Function, kwargs: {kwargs[name]}}}\n" for name in kwargs]
        yaml = f"app: {{session: {{{settings}}}}}\nurl:\n{''.join(mounts)}"
        return site(yaml, files={"own.py": CODE + code})

    return visit


@pytest.fixture
def lines(capfd):
    """The lines of the request log so far."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def another(client):
    """Another browser at the same site."""
    found = client.application.test_client()
    found.app, found.folder = client.app, client.folder
    return found


def sid(client):
    return client.get_cookie("sid").value


def store(client):
    return application(client).session_interface.store


def application(client):
    return client.app.extensions["skerry"].application


# Its cookie


def test_a_session_begins_when_something_is_put_into_it(visit):
    client = visit()
    assert [client.get(path).headers.getlist("Set-Cookie") for path in ("/plain", "/show", "/who")] == [[], [], []]
    assert client.get("/put?a=1").headers["Set-Cookie"].startswith("sid=")
    assert client.get("/show").json == {"a": "1"}


def test_its_cookie_is_sent_once(visit):
    client = visit()
    client.get("/put?a=1")
    assert "Set-Cookie" not in client.get("/put?a=2&b=1").headers


def attributes(answer):
    """What a cookie says besides its value."""
    return sorted(part.strip() for part in answer.headers["Set-Cookie"].split(";")[1:] if "Expires" not in part)


@pytest.mark.parametrize(
    "settings, said",
    [
        ("", ["HttpOnly", "Max-Age=2678400", "Path=/", "SameSite=Lax"]),
        ("httponly: false", ["Max-Age=2678400", "Path=/", "SameSite=Lax"]),
        ("expiry: false", ["HttpOnly", "Path=/", "SameSite=Lax"]),
        ("expiry: 0.5, samesite: Strict", ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"]),
        (
            "secure: true, cookiepath: /a, domain: example.org",
            ["Domain=example.org", "HttpOnly", "Max-Age=2678400", "Path=/a", "SameSite=Lax", "Secure"],
        ),
    ],
)
def test_the_cookie_is_as_the_settings_say(visit, settings, said):
    assert attributes(visit(settings).get("/put?a=1")) == said


def test_the_cookie_may_have_another_name(visit):
    client = visit("cookie: mine")
    client.get("/put?a=1")
    assert client.get_cookie("mine")
    assert client.get("/show").json == {"a": "1"}


def test_under_https_the_cookie_goes_over_https_only(visit):
    assert "Secure" in attributes(visit().get("/put?a=1", base_url="https://localhost"))


def test_a_browser_s_session_is_kept_for_a_day(visit):
    client = visit("expiry: false")
    client.get("/put?a=1")
    assert store(client).read(id_of(client)).expires == pytest.approx(time.time() + 86400, abs=5)


def id_of(client, cookie=None):
    return Signer(Secrets((), client.folder / "var" / "cookie_secret")).unsign("sid", cookie or sid(client)).decode()


# Its values


def test_flask_s_session_is_the_same(visit):
    client = visit(code="\ndef plain_flask(): return flasks.setdefault('a', 5)\n", flasks="own.plain_flask()")
    assert client.get("/flasks").text == "5"
    assert client.get("/show").json == {"a": 5}


def test_a_value_may_be_changed_in_place(visit):
    client = visit(
        first='handler.session.update(a=[1], b={"c": {"d": 1}})',
        then='[handler.session["a"].append(2), handler.session.get("b").c.update(d=2)]',
    )
    client.get("/first")
    client.get("/then")
    assert client.get("/show").json == {"a": [1, 2], "b": {"c": {"d": 2}}}


def test_a_value_that_was_just_put_may_be_changed_in_place(visit):
    client = visit(first='[handler.session.setdefault("a", []).append(1), handler.session["a"].append(2)]')
    client.get("/first")
    assert client.get("/show").json == {"a": [1, 2]}


def test_keys_can_be_taken_out(visit):
    client = visit(pop='handler.session.pop("a")', clear="handler.session.clear()")
    client.get("/put?a=1&b=2&c=3")
    assert client.get("/pop").text == "1"
    assert client.get("/show").json == {"b": "2", "c": "3"}
    client.get("/clear")
    assert client.get("/show").json == {}


def test_the_session_has_an_id_that_stays(visit):
    client = visit(id='handler.session["id"]', has='["id" in handler.session, len(handler.session)]')
    assert client.get("/has").json == [False, 0]
    id = client.get("/id").text
    assert len(id) == 32
    assert [client.get("/id").text, client.get("/has").json] == [id, [True, 0]]


WRONG = {
    "a set": ("handler.session.update(it={1})", r"session\['it'\] cannot be kept: set has no JSON form"),
    "a key that is no text": ("handler.session.update({1: 2})", r"session\[1\] cannot be kept: keys are text"),
    "in place": (
        'handler.session.setdefault("it", []).append(object())',
        r"session\['it'\] cannot be kept: object has no JSON form",
    ),
    "too much": (
        'handler.session.update(a=1, it="x" * 2_000_000)',
        r"the session has 2,000,0\d\d bytes, most of them in session\['it'\]: keep that elsewhere,"
        r" or raise app.session.max_size, which is 1,000,000",
    ),
}


def test_the_page_of_such_a_failure_may_use_the_session(site, lines):
    code = "def page(handler): return f'sorry, {handler.current_user}'\n"
    wrong = "'handler.session.setdefault(\"it\", []).append(object())'"
    kwargs = f"{{function: {wrong}, error: {{500: {{function: own.page(handler)}}}}}}"
    client = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {kwargs}}}}}", {"own.py": code})
    answer = client.get("/a")
    assert (answer.status_code, answer.text) == (500, "sorry, None")
    assert [line["status"] for line in lines()] == [500]


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_kept_fails_by_name_and_changes_nothing(visit, name, caplog):
    function, message = WRONG[name]
    client = visit(wrong=function)
    client.get("/put?a=0")
    assert client.get("/wrong").status_code == 500
    assert re.search(message, caplog.text)
    assert client.get("/show").json == {"a": "0"}


def test_dates_and_other_values_are_kept_in_their_json_form(visit):
    client = visit(first='handler.session.update(a=datetime.date(2024, 1, 2), b=decimal.Decimal("1.5"), c=(1, 2))')
    client.get("/first")
    assert client.get("/show").json == {"a": "2024-01-02", "b": 1.5, "c": [1, 2]}


def test_what_changes_after_the_answer_has_begun_fails_visibly(visit, caplog):
    code = "\ndef late(handler):\n    yield 'a'\n    handler.session['a'] = 1\n"
    client = visit(code=code, late="own.late")
    with pytest.raises(ConnectionResetError):
        _ = client.get("/late").data
    assert "session['a'] is changed too late to be kept: the answer has begun" in caplog.text


def test_what_fails_keeps_what_was_put_before(visit):
    client = visit(fail="[handler.session.update(a=1), 1 / 0]")
    assert client.get("/fail").status_code == 500
    assert client.get("/show").json == {"a": 1}


# Signing in and out


def test_who_signs_in_is_the_current_user(visit):
    client = visit()
    assert client.get("/login?user=bob").json == {"id": "bob"}
    assert client.get("/who").json == {"id": "bob"}


def test_signing_in_begins_a_new_session_and_ends_the_old_one(visit):
    client = visit()
    client.get("/put?a=1")
    before = id_of(client)
    client.get("/login")
    assert id_of(client) != before
    assert client.get("/show").json == {"user": {"id": "ann"}}
    assert store(client).read(before) is None


def test_a_session_that_someone_knew_before_the_sign_in_is_worth_nothing_after_it(visit):
    attacker = visit()
    attacker.get("/put?a=1")
    victim = another(attacker)
    victim.set_cookie("sid", sid(attacker))
    victim.get("/login")
    assert attacker.get("/who").text == ""
    assert attacker.get("/put?a=2").status_code == 200
    assert victim.get("/who").json == {"id": "ann"}


def test_signing_out_ends_the_session_and_its_cookie(visit):
    client = visit()
    client.get("/login")
    cookie = sid(client)
    client.get("/out")
    assert client.get_cookie("sid") is None
    client.set_cookie("sid", cookie)
    assert client.get("/who").text == ""


def test_signing_out_when_nobody_is_signed_in_changes_nothing(visit):
    client = visit()
    client.get("/put?a=1")
    assert "Set-Cookie" not in client.get("/out").headers
    assert client.get("/show").json == {"a": "1"}


def test_a_user_under_another_key_is_not_the_current_one(visit):
    client = visit(
        other='own.sign_in({"id": "bob"}, key="guest")',
        forget='own.sign_out("guest")',
        then="handler.session.update(a=1)",
    )
    client.get("/other")
    assert [client.get("/who").text, client.get("/show").json] == ["", {"guest": {"id": "bob"}}]
    client.get("/then")
    client.get("/forget")
    assert client.get("/show").json == {"a": 1}


@pytest.mark.parametrize("query, left", [("", 0), ("?but", 1)], ids=["all", "but this one"])
def test_a_user_can_be_signed_out_everywhere(visit, query, left):
    here = visit()
    there, other = another(here), another(here)
    for client, user in ((here, "ann"), (there, "ann"), (other, "bob")):
        client.get(f"/login?user={user}")
    assert here.get(f"/everywhere{query}").text == str(2 - left)
    assert [bool(client.get("/who").text) for client in (here, there, other)] == [bool(left), False, True]


def test_a_single_session_can_be_insisted_on(visit):
    here = visit()
    there = another(here)
    there.get("/login")
    here.get("/login")
    here.get("/single")
    assert [here.get("/who").text, there.get("/who").text] == ['{"id":"ann"}', ""]


def test_a_request_that_overlaps_a_sign_out_does_not_bring_the_session_back(visit):
    code = (
        "\ndef overlap(handler):\n"
        "    handler.session['user'].role = 'admin'\n"
        "    from flask import current_app\n"
        "    current_app.session_interface.store.delete_of('ann')\n"
    )
    client = visit(code=code, overlap="own.overlap")
    client.get("/login")
    assert client.get("/overlap").status_code == 200
    assert client.get("/who").text == ""


# Its end


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)` moves the time of sessions on."""
    ahead, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    return lambda seconds: ahead.__setitem__(0, ahead[0] + seconds)


def test_a_session_ends_when_it_expires(visit, clock):
    client = visit("expiry: 2")
    client.get("/login")
    clock(2 * 86400 - 10)
    assert client.get("/who").json == {"id": "ann"}
    clock(20)
    assert client.get("/who").text == ""


def test_a_sign_in_can_have_its_own_expiry(visit, clock):
    client = visit()
    assert "Max-Age=86400" in client.get("/login?expiry=1").headers["Set-Cookie"]
    clock(86401)
    assert client.get("/who").text == ""


def test_a_sign_in_can_last_until_the_browser_ends(visit):
    assert "Max-Age" not in visit().get("/login?expiry=0").headers["Set-Cookie"]


def test_a_session_that_is_not_used_ends_before_it_expires(visit, clock):
    client = visit()
    client.get("/login?inactive=1")
    clock(86400 + 61)
    assert client.get("/who").text == ""


def test_a_session_that_is_used_goes_on(visit, clock):
    client = visit()
    client.get("/login?inactive=1&expiry=3")
    for _ in range(3):
        clock(80_000)
        assert client.get("/who").json == {"id": "ann"}
    clock(80_000)
    assert client.get("/who").text == ""


def test_a_session_whose_time_is_over_begins_anew(visit, clock):
    client = visit("expiry: 1")
    client.get("/put?a=1")
    before = id_of(client)
    clock(86401)
    client.get("/put?b=2")
    assert client.get("/show").json == {"b": "2"}
    assert id_of(client) != before


def test_ended_sessions_are_removed_after_a_write_beside_the_request(visit, clock):
    client = visit("type: memory, expiry: 1")
    client.get("/put?a=1")
    until(lambda: store(client)._purged)
    clock(2 * 86400)
    application(client).session_interface._purged = 0.0
    another(client).get("/put?a=1")
    until(lambda: len(store(client)._sessions) == 1)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Attacks


def forged(cookie, other):
    """Cookies that are not ours, made of one that is."""
    value = cookie.rpartition("|")[0]
    return {
        "truncated": cookie[:-1],
        "without signature": value + "|",
        "signed by another": Signer(Secrets(["another"], None)).sign("sid", other),
        "the bare id": other,
        "empty": "",
        "long": "x" * 5000,
        "no text": "\xff\xfe",
        "of another name": Signer(Secrets(["mine"], None)).sign("user", other),
        "quoted": '"' * 9,
    }


@pytest.mark.parametrize("name", forged("|", ""))
def test_a_cookie_that_is_not_ours_is_as_none(visit, name):
    client = visit()
    client.get("/login")
    cookie = forged(sid(client), id_of(client))[name]
    client = client.app.test_client(use_cookies=False)
    headers = {"Cookie": f"sid={cookie}"}
    assert client.get("/who", headers=headers).text == ""
    assert client.get("/put?a=1", headers=headers).headers["Set-Cookie"].startswith("sid=2|1:0|10:")


def test_a_forged_cookie_does_not_hide_the_true_one(visit):
    """Another site below the same domain can set one."""
    client = visit()
    client.get("/login")
    headers = {"Cookie": f"sid=forged; sid={sid(client)}"}
    assert client.app.test_client(use_cookies=False).get("/who", headers=headers).json == {"id": "ann"}


def test_a_cookie_of_a_secret_that_was_dropped_is_as_none(visit):
    client = visit()
    client.get("/login")
    run = client.app.test_cli_runner().invoke
    run(args=["secret", "rotate", "--keep=1"])
    assert client.get("/who").json == {"id": "ann"}
    run(args=["secret", "rotate", "--keep=0"])
    until(lambda: client.get("/who").text == "")


# What others see of it


class Untouchable:
    """A store that must not be asked."""

    def __getattr__(self, name):
        raise AssertionError(f"the store was asked to {name}")


def test_a_mount_that_uses_no_session_makes_no_access_to_the_store(visit):
    client = visit()
    client.get("/login")
    application(client).session_interface.store = Untouchable()
    answer = client.get("/plain")
    assert (answer.status_code, answer.headers.get("Vary"), answer.headers.get("Cache-Control")) == (200, None, None)
    assert client.get("/who").status_code == 500


def test_an_answer_that_used_the_session_is_for_nobody_else(visit):
    answer = visit().get("/who")
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Cookie", "private")


def test_what_the_site_says_of_caching_is_left(site):
    kwargs = "{function: handler.current_user, headers: {Cache-Control: 'no-store'}}"
    answer = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {kwargs}}}}}").get("/a")
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_cache_keeps_nothing_that_used_the_session(site):
    kwargs = "{function: '[handler.session.update(n=1), time.time_ns()][1]'}"
    client = site(f"url: {{a: {{pattern: /a, handler: Function, kwargs: {kwargs}, cache: true}}}}")
    assert client.get("/a").text != client.get("/a").text


@pytest.mark.parametrize("stream", ["", "iter"], ids=["whole", "streamed"])
def test_the_log_tells_the_user_and_a_hash_of_the_session(site, capfd, stream):
    code = "from app.session import sign_in\ndef login(): return [sign_in({'id': 'ann', 'role': 'x'}).id]\n"
    yaml = f"""
        log: {{keys: [user, user.role, user.none, session]}}
        url:
          login: {{pattern: /login, handler: Function, kwargs: {{function: '{stream}(own.login())'}}}}
          plain: {{pattern: /plain, handler: Function, kwargs: {{function: str(1)}}}}
        """
    client = site(yaml, {"own.py": code})
    client.get("/login", buffered=True)
    client.get("/plain")
    signed_in, plain = map(json.loads, capfd.readouterr().out.splitlines())
    assert signed_in == {"user": "ann", "user.role": "x", "user.none": "", "session": hashed(id_of(client))}
    assert set(plain.values()) == {""}


# A store that is down


@pytest.fixture
def down(visit):
    """A client of a site whose store cannot be used."""
    client = visit("path: a-folder")
    (client.folder / "a-folder").mkdir()
    return client


def test_what_needs_a_store_that_is_down_is_503_and_the_rest_goes_on(down):
    down.set_cookie("sid", application(down).signer.sign("sid", "x"))
    answer = down.get("/who")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert down.get("/plain").text == "1"


def test_a_view_that_only_wrote_is_503_too(down, capfd, caplog):
    answer = down.get("/put?a=1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Set-Cookie" not in answer.headers
    line = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (line["status"], line["error"][:13]) == (503, "Unavailable: ")
    assert "a-folder: unable to open database file" in caplog.text


def test_who_has_no_session_needs_no_store_to_read_none(down):
    assert down.get("/who").status_code == 200


def test_a_mount_has_its_own_page_for_a_store_that_is_down(site):
    yaml = """
        app: {session: {path: a-folder}}
        url:
          put:
            pattern: /put
            handler: Function
            kwargs: {function: handler.session.update(a=1), error: {503: {function: str("later")}}}
        """
    client = site(yaml, {"a-folder/x": ""})
    answer = client.get("/put")
    assert (answer.status_code, answer.text) == (503, "later")


# Signed cookies of the site's own functions


def test_a_function_can_sign_cookies_as_in_tornado(site):
    client = site(
        """
        url:
          set: {pattern: /set, handler: Function, kwargs: {function: 'handler.set_secure_cookie("a", "é")'}}
          get: {pattern: /get, handler: Function, kwargs: {function: 'handler.get_secure_cookie("a")'}}
          old: {pattern: /old, handler: Function, kwargs: {function: 'handler.get_signed_cookie("a", max_age_days=-1)'}}
        """
    )
    client.get("/set")
    assert [client.get(path).text for path in ("/get", "/old")] == ["é", ""]
    client.set_cookie("a", client.get_cookie("a").value[:-1] + "g")
    assert client.get("/get").text == ""


# Settings


@pytest.mark.parametrize(
    "settings, message",
    [
        ("type: sqlit", "should be memory, json, sqlite, redis, or the URL of a database, did you mean 'sqlite'?"),
        (
            "type: 'nosuch://me:hush@db/x'",
            "cannot be used as a database: Can't load plugin: sqlalchemy.dialects:nosuch",
        ),
        ("type: 'postgresql+nosuch://me:hush@db/x'", "cannot be used as a database:"),
        ("type: 'postgresql://me:hush@db:port/x'", "should be the URL of a database: postgresql://user@host/name"),
        ("type: 'sqlite://'", "should be the URL of a database"),
        ("expiry: 0", "should be a number of days, or false for until the browser ends"),
        ("expiry: true", "should be a number of days, or false for until the browser ends"),
        ("samesite: lax", "'Lax'"),
        ("max_size: 0", "greater than 0"),
        ("samesite: None", "None needs `secure: true`, or browsers drop the cookie"),
    ],
)
def test_settings_that_cannot_be_are_mistakes(visit, settings, message):
    mistakes = "\n".join(map(str, application(visit(settings)).mistakes))
    assert message in mistakes
    assert "hush" not in mistakes


def test_every_setting_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text()
    assert [name for name in SessionSettings.model_fields if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("extra, kind", [("redis", "redis"), ("redis", "redis://x"), ("postgresql", "postgres://x")])
def test_a_missing_package_is_a_mistake_that_names_the_extra(visit, monkeypatch, extra, kind):
    monkeypatch.setattr("app.extras.find_spec", lambda _: None)
    mistakes = application(visit(f"type: '{kind}'")).mistakes
    assert f"pip install 'skerry[{extra}]'" in mistakes[0].message


@pytest.mark.parametrize(
    "path, url", [("a.b:1:2", "redis://a.b:1/2"), ("a", "redis://a:6379/0"), ("rediss://a", "rediss://a")]
)
def test_redis_may_be_named_as_in_the_original(path, url):
    assert stores.redis_url(path) == url


def test_a_session_can_be_read_where_there_is_no_answer(visit):
    """As for a WebSocket, whose handshake's answer is long gone: each time anew."""
    client = visit()
    client.get("/login")
    app, headers = application(client), {"Cookie": f"sid={sid(client)}"}
    with app.test_request_context(headers=headers) as context:
        assert app.session_interface.open_session(app, context.request)["user"].id == "ann"
        client.get("/out")
        assert "user" not in app.session_interface.open_session(app, context.request)
