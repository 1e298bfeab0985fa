"""DBAuth: names and passwords in a table."""

import csv
import json
import sqlite3

import pytest
from werkzeug.security import generate_password_hash

SITE = """
    url:
      login:
        pattern: /login
        handler: DBAuth
        kwargs: {{url: {url}, table: people, delay: 0, {more}}}
      who: {{pattern: /who, handler: Function, kwargs: {{function: handler.current_user}}}}
"""
CSV = "user,password,role\nana,secret,analyst\nben,,ops\n"
JSON = '[{"user": "ana", "password": "secret", "role": "analyst"}, {"user": "ben", "password": null}]'


def make_database(path, password="secret"):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (user TEXT PRIMARY KEY, password TEXT, role TEXT, age INTEGER)")
        database.execute("INSERT INTO people VALUES ('ana', ?, 'analyst', 30), ('ben', NULL, 'ops', 7)", [password])
    database.close()
    return path.read_bytes()


@pytest.fixture(params=["csv", "json", "sqlite"])
def users(site, tmp_path, request):
    """`users(more="")` -> a client of a site whose users are in a file, or in a database."""
    files = {"csv": ("people.csv", CSV), "json": ("people.json", JSON)}
    name, content = files.get(request.param) or ("people.db", make_database(tmp_path / "made.db"))
    url = "sqlite:///people.db" if name.endswith(".db") else name

    def users(more=""):
        client = site(SITE.format(url=url, more=more), {name: content})
        client.password = lambda user="ana": kept(client.folder / name, user)
        return client

    return users


def kept(path, user):
    """The password of a user as the table has it."""
    if path.suffix == ".db":
        database = sqlite3.connect(path)
        found = database.execute("SELECT password FROM people WHERE user = ?", [user]).fetchone()[0]
        database.close()
        return found
    if path.suffix == ".csv":
        return next(row["password"] for row in csv.DictReader(path.read_text().splitlines()) if row["user"] == user)
    return next(row["password"] for row in json.loads(path.read_text()) if row["user"] == user)


def sign_in(client, user="ana", password="secret"):
    return client.post("/login", data={"user": user, "password": password}).status_code


def test_users_of_the_table_sign_in_and_have_its_columns(users):
    client = users()
    assert sign_in(client) == 302
    user = client.get("/who").json
    assert (user["id"], user["role"], "password" in user) == ("ana", "analyst", False)


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(users):
    client = users()
    form = {"user": "ana", "password": "guess"}
    wrong = client.post("/login", data=form, headers={"Accept": "text/html"})
    unknown = client.post("/login", data=form | {"user": "nob"}, headers={"Accept": "text/html"})
    assert wrong.status_code == unknown.status_code == 401
    assert without_token(wrong.text) == without_token(unknown.text.replace('"nob"', '"ana"'))


def without_token(page):
    return [line for line in page.splitlines() if "_xsrf" not in line]


@pytest.mark.parametrize("password", ["", "None", "null"], ids=["empty", "None", "null"])
def test_a_user_without_password_cannot_sign_in(users, password):
    assert sign_in(users(), "ben", password) in (400, 401)


def test_plain_text_becomes_a_hash_at_sign_in(users):
    client = users()
    assert (sign_in(client), client.password()[:9]) == (302, "$argon2id")
    assert sign_in(client) == 302
    assert sign_in(client, password=client.password()) == 401


def test_without_hash_the_table_is_left_as_it_is(users):
    client = users("password: {hash: false}")
    assert (sign_in(client), client.password()) == (302, "secret")


@pytest.mark.parametrize(
    "name",
    ["' OR '1'='1", "ana'--", "ana' UNION SELECT 'x','y','z',1--", 'ana" OR ""="', "%", "ana\0", "\ud800", "a" * 9000],
    ids=["or", "comment", "union", "double quotes", "wildcard", "null byte", "half a character", "long"],
)
def test_what_is_typed_as_a_name_is_never_sql(users, name):
    client = users()
    given = ({"user": name, "password": "secret"}, {"user": "ana", "password": name})
    assert {client.post("/login", json=form).status_code for form in given} <= {400, 401}


@pytest.mark.parametrize("method", ["pbkdf2:sha256:1000", "scrypt:1024:8:1"])
def test_hashes_by_werkzeug_are_taken_and_replaced(site, tmp_path, method):
    made = make_database(tmp_path / "made.db", generate_password_hash("secret", method))
    client = site(SITE.format(url="sqlite:///people.db", more=""), {"people.db": made})
    assert sign_in(client, password="guess") == 401
    assert sign_in(client) == 302
    assert kept(client.folder / "people.db", "ana").startswith("$argon2id")


@pytest.mark.parametrize("hash", ["$2b$12$abcdefghijklmnopqrstuv", "$1$salt$hash", "$6$rounds=5000$salt$hash"])
def test_a_hash_that_is_not_known_is_not_a_password(site, hash):
    client = site(SITE.format(url="people.csv", more=""), {"people.csv": f"user,password\nana,{hash}\n"})
    assert sign_in(client, password=hash) == 401


def test_a_function_makes_what_the_table_has(site):
    code = "def made(handler, content):\n    return content[::-1]\n"
    files = {"people.csv": CSV.replace("secret", "terces"), "own.py": code}
    client = site(SITE.format(url="people.csv", more="password: {function: own.made}"), files)
    assert (sign_in(client), sign_in(client, password="terces")) == (302, 401)
    assert kept(client.folder / "people.csv", "ana") == "terces"


def test_what_a_function_made_becomes_a_hash_if_asked_for(site):
    code = "def made(handler, content):\n    return content[::-1]\n"
    files = {"people.csv": CSV.replace("secret", "terces"), "own.py": code}
    client = site(SITE.format(url="people.csv", more="password: {function: own.made, hash: true}"), files)
    assert (sign_in(client), sign_in(client)) == (302, 302)
    assert kept(client.folder / "people.csv", "ana").startswith("$argon2id")


def test_columns_and_fields_have_the_names_of_the_settings(site):
    table = "login,word\nana,secret\n"
    more = "user: {column: login, arg: name}, password: {column: word, arg: pin}"
    client = site(SITE.format(url="people.csv", more=more), {"people.csv": table})
    assert client.post("/login", data={"name": "ana", "pin": "secret"}).status_code == 302
    assert client.get("/who").json == {"login": "ana", "id": "ana"}


def test_a_column_of_numbers_does_not_take_text(site, tmp_path):
    url = "sqlite:///people.db"
    more = "user: {column: age}"
    client = site(SITE.format(url=url, more=more), {"people.db": make_database(tmp_path / "made.db")})
    answers = [sign_in(client, user=name) for name in ("30", "x", "9" * 40, "30 OR 1=1")]
    assert answers == [302, 401, 401, 401]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("user: {column: login}", "no column 'login'"),
        ("signup: true", "signup: needs `forgot`"),
        ("forgot: true", "app.url"),
        ("forgot: {email_body: hello}", "{reset_url}"),
        ("password: {function: nothere.made}", "nothere"),
    ],
    ids=["column", "signup", "url", "body", "function"],
)
def test_mistakes_are_told(site, more, words):
    client = site(SITE.format(url="people.csv", more=more), {"people.csv": CSV})
    assert words in "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))


def test_a_database_without_the_table_breaks_nothing_else(site):
    client = site(SITE.format(url="sqlite:///empty.db", more=""))
    assert sign_in(client) == 503
    assert client.get("/who").status_code == 200
