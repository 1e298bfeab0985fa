"""LDAPAuth, at a real directory."""

import socket
import time

import pytest

BIND = "user: 'uid={user},ou=people,dc=example'"
READER = "bind: {user: 'cn=reader,dc=example', password: r3ader}"
PEOPLE = "base: 'ou=people,dc=example'"
SEARCH = f"{READER}, search: {{{PEOPLE}, filter: '(uid={{user}})'}}"
BY_MAIL = f"{READER}, search: {{{PEOPLE}, filter: '(mail={{user}})'}}"


@pytest.fixture
def login(site, directory):
    """`login(kwargs)` -> a client of a site that signs in at the directory, over TLS."""

    def login(kwargs=BIND, server=None, host="127.0.0.1", delay=0):
        server = f"host: {host}, " + (server or f"port: {directory.tls_port}, ca_certs: {directory.ca}")
        return site(f"""
            url:
              login:
                pattern: /login/
                handler: LDAPAuth
                kwargs: {{{server}, delay: {delay}, {kwargs}}}
              who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
        """)

    return login


def tried(client, user="ana", password="s3cret"):
    """The status of a sign-in, what the header says of it, and whom it signed in."""
    answer = client.post("/login/", data={"user": user, "password": password})
    return answer.status_code, answer.headers.get("Auth-Error"), (client.get("/who").json or {}).get("id")


def test_the_right_password_signs_in_with_the_attributes_of_the_entry(login):
    client = login()
    assert client.post("/login/", data={"user": "ana", "password": "s3cret"}).location == "/"
    expected = {
        "id": "Ana", "user": "ana", "uid": "Ana", "cn": "Ana Ruiz", "sn": "Ruiz",
        "mail": ["ana@example.com", "ruiz@example.com"], "memberOf": "cn=analysts,dc=example",
        "dn": "uid=Ana,ou=people,dc=example", "objectClass": "inetOrgPerson",
    }  # fmt: skip
    assert client.get("/who").json == expected


@pytest.mark.parametrize("kwargs", [BIND, SEARCH], ids=["bind", "search"])
def test_a_wrong_password_and_an_unknown_name_look_alike(login, kwargs):
    client = login(kwargs)
    wrong, unknown = (client.post("/login/", data={"user": user, "password": "wrong"}) for user in ("ana", "nobody"))
    assert (wrong.status_code, wrong.headers["Auth-Error"], wrong.json["detail"]) == (
        unknown.status_code, unknown.headers["Auth-Error"], unknown.json["detail"],
    )  # fmt: skip
    assert (wrong.status_code, wrong.headers["Auth-Error"]) == (401, "auth")


@pytest.mark.parametrize("kwargs", [BIND, SEARCH], ids=["bind", "search"])
@pytest.mark.parametrize("typed", ["ana", "ANA", " ana ", "Ａna", "a\u00adna"], ids=ascii)
def test_a_person_has_one_id_however_the_name_is_typed(login, kwargs, typed):
    assert tried(login(kwargs), typed) == (302, None, "Ana")


def test_failures_of_a_name_are_counted_however_it_is_typed(login):
    client = login(delay="[0, 0.5]")
    tried(client, "ana", "wrong")
    began = time.monotonic()
    tried(client, "A\u00adna", "wrong")
    assert time.monotonic() - began >= 0.5


def test_an_entry_may_be_found_by_another_attribute(login):
    assert tried(login(BY_MAIL), "Ruiz@Example.com") == (302, None, "ruiz@example.com")


def test_an_attribute_may_be_the_id(login):
    assert tried(login(f"{BY_MAIL}, user_id: uid"), "ruiz@example.com") == (302, None, "Ana")


def test_an_id_that_is_not_there_is_a_failed_search(login):
    assert tried(login(f"{SEARCH}, user_id: employeeNumber")) == (401, "search", None)


def test_a_name_of_several_people_is_nobodys(login):
    assert tried(login(BY_MAIL), "ana@example.com", "s3cret") == (401, "auth", None)


def test_a_person_who_signs_in_may_be_searched_for(login):
    found = f"search: {{{PEOPLE}, filter: '(&(uid={{user}})(cn=Ana*))'}}"
    assert tried(login(f"{BIND}, {found}")) == (302, None, "Ana")


def test_the_name_to_sign_in_with_may_be_made_of_the_entry(login):
    search = f"search: {{{PEOPLE}, filter: '(mail={{user}})', user: 'uid={{uid}},ou=people,dc=example'}}"
    assert tried(login(f"{READER}, {search}"), "odd(1)*@example.com", "odd") == (302, None, "odd(1)*@example.com")


@pytest.mark.parametrize("kwargs", [BIND, SEARCH], ids=["bind", "search"])
def test_names_may_have_any_character(login, kwargs):
    assert tried(login(kwargs), "o+b, x", "odd") == (302, None, "o+b, x")


INJECTIONS = [
    "*", "a*", "*)(uid=*))(|(uid=*", "ana)(|(uid=*", "ana))(|(cn=*", "ana)(&)", "\\2a", "ana\0", "\0",
    "ana,ou=people", "ana,ou=people,dc=example\0", "ana+sn=Ruiz", "Ana,ou=people,dc=example#", "\\", "#616e61", '"ana"',
]  # fmt: skip


@pytest.mark.parametrize("kwargs", [BIND, SEARCH, BY_MAIL], ids=["bind", "search", "mail"])
@pytest.mark.parametrize("name", INJECTIONS, ids=ascii)
def test_what_is_typed_in_is_never_a_part_of_the_question(login, kwargs, name):
    assert tried(login(kwargs), name) == (401, "auth", None)


@pytest.mark.parametrize("kwargs", [BIND, SEARCH], ids=["bind", "search"])
@pytest.mark.parametrize("password, status", [("", 400), ("\u00ad", 401), ("\0", 401)], ids=ascii)
def test_no_password_is_no_password_even_where_the_server_lets_nobody_in(login, kwargs, password, status):
    assert tried(login(kwargs), "ana", password) == (status, "auth", None)


@pytest.mark.parametrize("kwargs, step", [
    (SEARCH.replace("r3ader", "wrong"), "bind"),
    (SEARCH.replace("ou=people,dc", "ou=nothing,dc"), "search"),
    (SEARCH.replace("(uid={user})", "(uid={user}"), "search"),
    (f"{READER}, search: {{{PEOPLE}, filter: '(uid={{user}})', user: '{{badge}}'}}", "search"),
])  # fmt: skip
def test_what_else_fails_is_in_the_header(login, kwargs, step):
    client = login(kwargs)
    refused = client.post("/login/", data={"user": "ana", "password": "s3cret"})
    assert (refused.status_code, refused.headers["Auth-Error"]) == (401, step)


def test_tls_may_begin_on_the_plain_port(login, directory):
    server = f"port: {directory.port}, use_ssl: false, start_tls: true, ca_certs: {directory.ca}"
    assert tried(login(server=server))[0] == 302


def test_tls_may_be_switched_off(login, directory):
    assert tried(login(server=f"port: {directory.port}, use_ssl: false"))[0] == 302


def test_passwords_are_not_sent_to_a_server_that_nobody_vouches_for(login, directory):
    for server in (
        f"port: {directory.tls_port}",
        f"port: {directory.port}, use_ssl: false, start_tls: true",
        f"port: {directory.port}, ca_certs: {directory.ca}",  # it does not speak TLS there
    ):
        assert tried(login(server=server))[:2] == (401, "conn"), server
    assert tried(login(host="localhost"))[:2] == (401, "conn")  # the certificate is for the address


def test_a_server_that_is_not_there_or_says_nothing_is_in_the_header(login, capfd):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"port: {silent.getsockname()[1]}, use_ssl: false, timeout: 1"
        assert tried(login(server=server))[:2] == (401, "conn")
    assert tried(login(server=server))[:2] == (401, "conn")
    assert "LDAP: 127.0.0.1" in capfd.readouterr().out


def test_the_forms_fields_have_the_names_of_the_places(login):
    client = login("user: 'uid={login},ou={unit},dc=example', password: {arg: pw}")
    page = client.app.test_client().get("/login/", headers={"Accept": "text/html"}).text
    assert 'name="login"' in page and 'name="pw"' in page
    data = {"login": "ana", "pw": "s3cret"}
    assert [client.post("/login/", data=data | more).status_code for more in ({}, {"unit": "people"})] == [400, 302]


def test_passwords_stay_out_of_the_log(login, capfd, caplog):
    caplog.set_level("DEBUG")
    tried(login(SEARCH), "ana", "wr0ng")
    tried(login(SEARCH))
    logged = capfd.readouterr().out + caplog.text
    assert [secret for secret in ("wr0ng", "s3cret", "r3ader") if secret in logged] == []


@pytest.mark.parametrize("kwargs, mistake", [
    ("bind: {user: a, password: b}", "`bind` needs `search`"),
    ("start_tls: true", "`start_tls` needs `use_ssl: false`"),
    ("ca_certs: none.pem", "ca_certs: there is no file 'none.pem'"),
    ("user: 'uid=ana'", "user should have a field of the form in it, as '{user}'"),
    ("search: {base: a, filter: '(uid=ana)'}", "search.filter should have '{user}' in it, or it finds anyone"),
])  # fmt: skip
def test_mistakes_are_told(login, kwargs, mistake):
    assert mistake in mistakes(login(kwargs, server="port: 389"))


def test_a_missing_package_is_a_mistake_that_says_what_to_install(login, monkeypatch):
    monkeypatch.setattr("app.extras.find_spec", lambda name: None if name == "ldap3" else name)
    assert "LDAPAuth needs ldap3, not installed: pip install 'skerry[ldap]'" in mistakes(login())


def mistakes(client):
    return "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))
