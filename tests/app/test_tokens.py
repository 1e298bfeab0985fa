"""Tokens as requests bring them: one-time passwords, API keys, signed users."""

import io
import json
import re
import sqlite3
import time

import pytest

from app.signing import Secrets, Signer
from app.state.database import Unavailable
from app.state.tokens import Tokens

SITE = """
url:
  otp: {pattern: /otp, handler: Function, kwargs: {function: "handler.otp(user={'id': 'ann', 'role': 'boss'})"}}
  key: {pattern: /key, handler: Function, kwargs: {function: "handler.apikey(user={'id': 'ann', 'role': 'boss'})"}}
  who: {pattern: /who, handler: Function, kwargs: {function: "handler.current_user", xsrf_cookies: false}}
  open: {pattern: /open, handler: Function, kwargs: {function: str('open')}}
"""
ANN = {"id": "ann", "role": "boss"}
BRANDS = ["Gramex", "Skerry"]


def made_by(call, more=""):
    """A site with a function at /make, beside those of SITE."""
    return SITE + f'  make: {{pattern: /make, handler: Function, kwargs: {{function: "{call}"}}}}\n' + more


def rows(client, table="token"):
    """The rows of a table in the site's var/state.db."""
    connection = sqlite3.connect(client.folder / "var" / "state.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    finally:
        connection.close()


def change(client, sql):
    connection = sqlite3.connect(client.folder / "var" / "state.db")
    with connection:
        connection.execute(sql)
    connection.close()


@pytest.mark.parametrize("brand", BRANDS)
def test_a_one_time_password_in_a_header_signs_the_browser_in(site, brand):
    client = site(SITE)
    otp = client.get("/otp").text
    assert re.fullmatch("[0-9a-f]{32}", otp)
    assert client.get("/who", headers={f"X-{brand}-OTP": otp}).json == {**ANN, "type": "OTP"}
    assert client.get("/who").json == {**ANN, "type": "OTP"}


@pytest.mark.parametrize("brand", BRANDS)
def test_an_api_key_is_for_its_request_only(site, brand):
    client = site(SITE)
    key = client.get("/key").text
    answer = client.get("/who", headers={f"X-{brand}-Key": key})
    assert answer.json == {**ANN, "type": "Key"}
    assert "Set-Cookie" not in answer.headers
    assert client.get("/who").json is None


@pytest.mark.parametrize("name", ["gramex-key", "skerry-key"])
@pytest.mark.parametrize("where", ["query_string", "data"], ids=["query", "form"])
def test_an_api_key_may_be_an_argument(site, name, where):
    client = site(SITE)
    key = client.get("/key").text
    method = client.get if where == "query_string" else client.post
    assert method("/who", **{where: {"a": "b", name: key}}).json["id"] == "ann"


@pytest.mark.parametrize("name", ["gramex-otp", "skerry-otp"])
def test_a_one_time_password_may_be_an_argument(site, name):
    client = site(SITE)
    otp = client.get("/otp").text
    assert client.get(f"/who?{name}={otp}").json["id"] == "ann"
    assert client.get(f"/who?{name}={otp}").status_code == 400


def test_an_api_key_may_be_a_bearer_token(site):
    client = site(SITE)
    key = client.get("/key").text
    assert client.get("/who", headers={"Authorization": f"bEARER {key}"}).json["id"] == "ann"


def test_a_form_is_still_there_for_the_function_that_reads_it(site):
    client = site(made_by("[handler.current_user.id, handler.get_arg('a'), handler.request.body.decode()]"))
    form = f"a=b&gramex-key={client.get('/key').text}"
    answer = client.post("/make", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.json == ["ann", "b", form]


FORMS = {"large": {"a": "x" * 500_000}, "with a file": {"a": (io.BytesIO(b"x"), "a.txt")}}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_that_is_large_or_has_files_is_not_read_for_a_token(site, form):
    client = site(SITE)
    assert client.post("/who", data={**form, "gramex-key": client.get("/key").text}).json is None


def test_of_several_tokens_the_strongest_counts(site):
    client = site(SITE)
    signed = signer(client).sign("user", '{"id": "signed"}')
    headers = {"Authorization": "Bearer no", "X-Gramex-Key": client.get("/key").text, "X-Gramex-User": signed}
    assert client.get("/who?gramex-otp=no", headers=headers).json == {"id": "signed"}
    del headers["X-Gramex-User"]
    assert client.get("/who?gramex-otp=no", headers=headers).status_code == 400
    assert client.get("/who", headers=headers).json["id"] == "ann"


@pytest.mark.parametrize("brand", BRANDS)
def test_a_user_may_be_signed_by_a_program_with_the_secret(site, brand):
    client = site("app: {settings: {cookie_secret: s3cret}}" + SITE)
    signed = signer(client).sign("user", json.dumps({"id": "bob"}))
    answer = client.get("/who", headers={f"X-{brand}-User": signed})
    assert answer.json == {"id": "bob"}
    assert "Set-Cookie" not in answer.headers


def test_a_user_may_be_signed_by_tornado(site):
    from tornado.web import create_signed_value

    client = site("app: {settings: {cookie_secret: s3cret}}" + SITE)
    signed = create_signed_value("s3cret", "user", json.dumps({"id": "bob", "name": "Bób"})).decode()
    assert client.get("/who", headers={"X-Gramex-User": signed}).json == {"id": "bob", "name": "Bób"}


def signer(client):
    return client.app.extensions["skerry"].application.signer


BAD = {
    "of nobody": "0" * 32,
    "truncated": "0" * 31,
    "long": "a" * 6000,
    "binary": "\x80\xff\x01",
    "unicode": "ключ".encode().decode("latin-1"),
    "quotes": "' OR 1=1 --",
    "wildcard": "%",
    "a list": "a,b",
}
SENT = {
    "X-Gramex-OTP": 400,
    "X-Gramex-Key": 400,
    "X-Gramex-User": 400,
    "X-Skerry-Key": 400,
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", SENT)
def test_a_header_that_is_no_token_is_400(site, name, value):
    assert site(SITE).get("/who", headers={name: value}).status_code == 400


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_bearer_token_that_is_none_is_401(site, value):
    answer = site(SITE).get("/who", headers={"Authorization": f"Bearer {value}"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower() == "bearer error=invalid_token"


@pytest.mark.parametrize("value", ["%ff%00", "%F0%9F%98%80", "a" * 6000, "%", "%zz"])
@pytest.mark.parametrize("name", ["gramex-otp", "skerry-key"])
def test_an_argument_that_is_no_token_is_400(site, name, value):
    assert site(SITE).get(f"/who?{name}={value}").status_code == 400


@pytest.mark.parametrize("header", ["X-Gramex-OTP", "X-Gramex-Key", "X-Gramex-User"])
def test_an_empty_header_is_no_token(site, header):
    assert site(SITE).get("/who?gramex-key=&skerry-otp=", headers={header: " "}).json is None


def test_other_schemes_of_authorization_are_no_tokens(site):
    assert site(SITE).get("/who", headers={"Authorization": "Basic YTpi"}).json is None


def test_who_does_not_ask_for_the_user_does_not_use_a_password_up(site):
    client = site(SITE)
    otp = client.get("/otp").text
    assert client.get(f"/open?gramex-otp={otp}").text == "open"
    assert client.get(f"/who?gramex-otp={otp}").json["id"] == "ann"


def test_a_one_time_password_is_no_api_key_and_the_other_way_round(site):
    client = site(SITE)
    otp, key = client.get("/otp").text, client.get("/key").text
    assert client.get("/who", headers={"X-Gramex-Key": otp}).status_code == 400
    assert client.get("/who", headers={"Authorization": f"Bearer {otp}"}).status_code == 401
    assert client.get("/who", headers={"X-Gramex-OTP": key}).status_code == 400
    assert client.get("/who", headers={"X-Gramex-Key": key}).status_code == 200


CACHED = """
url:
  secret:
    pattern: /secret
    handler: Function
    cache: {key: [request.path, cookies.sid], store: memory}
    kwargs: {function: handler.current_user.id, headers: {Cache-Control: max-age=60}, auth: {login_url: false}}
  key:
    pattern: /key/(.*)
    handler: Function
    kwargs: {function: "handler.apikey(user=handler.path_args[0])"}
"""


@pytest.mark.parametrize("name", ["X-Gramex-Key", "X-Skerry-Key", "Authorization", "gramex-key"])
def test_no_cache_gives_the_answer_for_one_key_to_another(site, name):
    client, answers = site(CACHED), []
    for user in ("ann", "bob"):
        key = client.get(f"/key/{user}").text
        headers = {name: f"Bearer {key}" if name == "Authorization" else key}
        answers.append(client.get("/secret", **{"query_string" if name == "gramex-key" else "headers": headers}))
    assert [answer.text for answer in answers] == ["ann", "bob"]
    assert all(answer.cache_control.private for answer in answers)


def test_a_sign_in_by_a_one_time_password_is_in_the_audit_log(site):
    client = site(SITE)
    otp = client.get("/otp").text
    client.get(f"/who?gramex-otp={otp}")
    (row,) = rows(client, "userlog")
    assert (row["event"], row["user"], row["uri"]) == ("login", "ann", "/who?gramex-otp=***")


@pytest.mark.parametrize("kind", ["otp", "apikey"])
def test_an_expired_token_is_400(site, kind):
    client = site(made_by(f"handler.{kind}(expire=-1, user='ann')"))
    header = "X-Gramex-OTP" if kind == "otp" else "X-Gramex-Key"
    assert client.get("/who", headers={header: client.get("/make").text}).status_code == 400


FORGERIES = {
    "another secret": lambda sign: sign("user", '{"id": "root"}', secret="other"),
    "another name": lambda sign: sign("sid", '{"id": "root"}'),
    "too old": lambda sign: sign("user", '{"id": "root"}', now=time.time() - 32 * 86400),
    "of the future": lambda sign: sign("user", '{"id": "root"}', now=time.time() + 86400),
    "truncated": lambda sign: sign("user", '{"id": "root"}')[:-1],
    "not json": lambda sign: sign("user", "root"),
    "not a mapping": lambda sign: sign("user", '["root"]'),
    "not utf-8": lambda sign: sign("user", b"\xff"),
    "unsigned": lambda _: '{"id": "root"}',
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_user_is_400(site, tmp_path, forge):
    def sign(name, value, secret="s3cret", now=None):
        return Signer(Secrets([secret], tmp_path / "none")).sign(name, value, now)

    client = site("app: {settings: {cookie_secret: s3cret}}" + SITE)
    answer = client.get("/who", headers={"X-Gramex-User": forge(sign)})
    assert (answer.status_code, "root" in answer.text) == (400, False)


def test_a_user_signed_with_an_earlier_secret_is_still_good(site):
    earlier = signer(site("app: {settings: {cookie_secret: old}}" + SITE)).sign("user", '{"id": "bob"}')
    client = site("app: {settings: {cookie_secret: [new, old]}}" + SITE)
    assert client.get("/who", headers={"X-Gramex-User": earlier}).json == {"id": "bob"}


def test_only_a_hash_of_a_token_is_kept(site):
    client = site(SITE)
    key = client.get("/key").text
    client.get("/who", headers={"X-Gramex-Key": key})
    (row,) = rows(client)
    assert key not in str(row)
    files = [path.read_bytes() for path in (client.folder / "var").iterdir()]
    assert not any(key.encode() in data for data in files)
    assert client.get("/who", headers={"X-Gramex-Key": row["token"]}).status_code == 400


@pytest.mark.parametrize("kind", ["otp", "apikey"])
def test_a_token_needs_a_user(site, kind):
    answer = site(made_by(f"handler.{kind}()")).get("/make")
    assert (answer.status_code, answer.json["detail"]) == (401, "a token needs a user: sign in first")


def test_a_token_is_for_the_current_user_unless_another_is_given(site):
    client = site(made_by("handler.apikey()"))
    client.get("/who", headers={"X-Gramex-OTP": client.get("/otp").text})
    key = client.get("/make").text
    assert client.get("/who", headers={"X-Gramex-Key": key}).json == {**ANN, "type": "Key"}


def test_a_user_may_be_an_id(site):
    client = site(made_by("handler.apikey(user='bob')"))
    assert client.get("/who", headers={"X-Gramex-Key": client.get("/make").text}).json == {"id": "bob", "type": "Key"}


@pytest.mark.parametrize("size", [1, 6, 31, 32, 64])
def test_a_token_has_as_many_digits_as_asked_for(site, size):
    token = site(made_by(f"handler.otp(user='bob', size={size})")).get("/make").text
    assert re.fullmatch(f"[0-9a-f]{{{size}}}", token)


def test_short_tokens_are_all_different(site):
    client = site(made_by("[handler.otp(user='bob', size=1) for _ in range(5)]"))
    assert len(set(client.get("/make").json)) == 5


@pytest.mark.parametrize("call", ["handler.otp(user='bob', size=0)", "handler.otp(user={'a': 1}, reset=True)"])
def test_what_no_token_can_be_made_of_is_a_mistake_of_the_code(site, call):
    assert site(made_by(call)).get("/make").status_code == 500


def test_reset_ends_the_other_tokens_of_the_user(site):
    client = site(made_by("handler.otp(user='ann', reset=True)"))
    key, old, new = client.get("/key").text, client.get("/otp").text, client.get("/make").text
    assert client.get("/who", headers={"X-Gramex-OTP": old}).status_code == 400
    assert client.get("/who", headers={"X-Gramex-Key": key}).status_code == 200
    assert client.get("/who", headers={"X-Gramex-OTP": new}).status_code == 200


@pytest.mark.parametrize("call", ["revoke_otp", "revoke_apikey"])
def test_a_revoked_token_is_400(site, call):
    client = site(made_by(f"handler.{call}(handler.get_arg('token'))"))
    key = client.get("/key").text
    revoked = client.get("/make", query_string={"token": key}).json
    assert revoked.pop("expire") > time.time()
    assert revoked == {"user": {**ANN, "type": "Key"}, "type": "Key", "token": key}
    assert client.get("/who", headers={"X-Gramex-Key": key}).status_code == 400
    assert client.get("/make", query_string={"token": key}).json is None


def test_a_token_can_be_looked_at_without_using_it_up(site):
    client = site(made_by("handler.get_otp(handler.get_arg('token'))['user'].role"))
    otp = client.get("/otp").text
    assert client.get(f"/make?token={otp}").text == "boss"
    assert client.get(f"/who?gramex-otp={otp}").status_code == 200


COLUMNS = "storelocations: {otp: {columns: {email: TEXT, age: {type: INTEGER}}}}"


def test_the_site_s_columns_join_the_user(site):
    call = "handler.apikey(user={'id': 'bob', 'email': 'old', 'age': 7}, email='b@x.org', colour='red', shade=None)"
    client = site(COLUMNS + made_by(call))
    key = client.get("/make").text
    assert client.get("/who", headers={"X-Gramex-Key": key}).json == {
        "id": "bob",
        "email": "b@x.org",
        "age": 7,
        "colour": "red",
        "type": "Key",
    }
    assert rows(client)[0]["email"] == "b@x.org"


def test_columns_are_added_to_a_table_that_is_there(site):
    client = site(COLUMNS + made_by("handler.apikey(user='bob', email='b@x.org')"))
    (client.folder / "var").mkdir()
    original = "CREATE TABLE token (token TEXT PRIMARY KEY, user TEXT, type TEXT, expire REAL, role TEXT DEFAULT 'x')"
    change(client, original)
    key = client.get("/make").text
    user = client.get("/who", headers={"X-Gramex-Key": key}).json
    assert user == {"id": "bob", "email": "b@x.org", "role": "x", "type": "Key"}


SCOPES = [
    ("mounts='who'", "GET", 200, ""),
    ("mounts=['open', 'w*']", "GET", 200, ""),
    ("mounts=['open', 'sales.*']", "GET", 403, "this API key is for open, sales.* only, not for who"),
    ("methods='get'", "GET", 200, ""),
    ("methods=['GET']", "HEAD", 200, ""),
    ("methods='put, POST'", "POST", 200, ""),
    ("methods=['GET', 'PUT']", "POST", 403, "this API key is for GET, PUT only, not for POST"),
    ("mounts='who', methods='POST'", "POST", 200, ""),
]


@pytest.mark.parametrize(("scope", "method", "status", "detail"), SCOPES)
def test_a_key_may_be_bound_to_mounts_and_methods(site, scope, method, status, detail):
    client = site(made_by(f"handler.apikey(user='bob', {scope})"))
    headers = {"Authorization": f"Bearer {client.get('/make').text}"}
    answer = client.open("/who", method=method, headers=headers)
    assert answer.status_code == status
    assert not detail or answer.json["detail"] == detail


def test_the_use_of_a_key_is_noted_once_a_minute(site, monkeypatch):
    client = site(SITE)
    headers = {"X-Gramex-Key": client.get("/key").text}
    assert rows(client)[0]["used"] is None
    client.get("/who", headers=headers)
    first = rows(client)[0]["used"]
    client.get("/who", headers=headers)
    assert rows(client)[0]["used"] == first > time.time() - 60
    monkeypatch.setattr(time, "time", lambda: first + 61)
    client.get("/who", headers=headers)
    assert rows(client)[0]["used"] == first + 61


def test_a_key_is_good_while_its_use_cannot_be_noted(site, monkeypatch, caplog):
    def fail(*_):
        raise Unavailable("state.db", OSError("disk full"))

    client = site(SITE)
    headers = {"X-Gramex-Key": client.get("/key").text}
    monkeypatch.setattr(Tokens, "touch", fail)
    assert client.get("/who", headers=headers).status_code == 200
    assert "the use of an API key was not noted: state.db: disk full" in caplog.text


def test_expired_tokens_are_removed_at_first_use(site):
    client = site(made_by("handler.otp(expire=-1, user='ann')"))
    client.get("/make")
    client.get("/make")
    assert len(rows(client)) == 2
    again = site((client.folder / "skerry.yaml").read_text())
    (again.folder / "var").mkdir(exist_ok=True)
    (again.folder / "var" / "state.db").write_bytes(b"")
    source = sqlite3.connect(client.folder / "var" / "state.db")
    target = sqlite3.connect(again.folder / "var" / "state.db")
    source.backup(target)
    source.close()
    target.close()
    again.get("/key")
    assert [row["type"] for row in rows(again)] == ["Key"]


SECRETS = [
    ("/who?a=1&gramex-key={}&b=2", "/who?a=1&gramex-key=***&b=2"),
    ("/who?skerry-otp={}", "/who?skerry-otp=***"),
    ("/who?gramex%2Dkey={}", "/who?gramex%2Dkey=***"),
    ("/open?password={}&token={}&api_key={}", "/open?password=***&token=***&api_key=***"),
    ("/open?forgot={}&forgotten=1", "/open?forgot=***&forgotten=1"),
    ("/open?key=region&gramex-key=", "/open?key=region&gramex-key="),
]


@pytest.mark.parametrize(("uri", "shown"), SECRETS)
def test_the_request_log_has_no_secrets_of_the_query(site, capfd, uri, shown):
    client = site("log: {keys: [uri, request.full_path, request.url]}" + SITE)
    client.get(uri.replace("{}", "0123456789abcdef"))
    line = capfd.readouterr().out.splitlines()[-1]
    assert "0123456789abcdef" not in line
    assert json.loads(line)["uri"] == shown


def test_the_error_page_of_a_bad_token_may_show_the_user(site):
    page = "error: {400: {function: handler.current_user.id + '!', headers: {Content-Type: text/plain}}}"
    client = site(
        SITE + f"  bad: {{pattern: /bad, handler: Function, kwargs: {{function: handler.current_user, {page}}}}}"
    )
    client.get("/who", headers={"X-Gramex-OTP": client.get("/otp").text})
    answer = client.get("/bad", headers={"X-Gramex-Key": "wrong"})
    assert (answer.status_code, answer.text) == (400, "ann!")
