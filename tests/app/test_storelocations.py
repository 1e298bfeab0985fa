"""`storelocations:`: YAML in, settings or mistakes out."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from app import config, json_schema, schema
from app.origin import layers
from app.storelocations import StoreLocations
from blueprints import FEATURES


@pytest.fixture
def check(write_site, monkeypatch):
    """`check(yaml, name="skerry.yaml")` -> the site, checked."""

    def check(yaml, name="skerry.yaml"):
        file = write_site(yaml, name=name)
        monkeypatch.chdir(file.parent)
        return schema.build(config.read(file, {}, layers(file)), FEATURES)

    return check


def test_everything_is_in_one_database_unless_the_site_says_otherwise(check):
    places = check("{}").storelocations
    tables = [(place.url, place.table) for place in (places.otp, places.user, places.userlog)]
    assert tables == [("sqlite:///state.db", name) for name in ("token", "user", "userlog")]


COLUMNS = {
    "[email, user.id]": {"email": "TEXT", "user.id": "TEXT"},
    "email role": {"email": "TEXT", "role": "TEXT"},
    "{email: TEXT, age: INTEGER}": {"email": "TEXT", "age": "INTEGER"},
    "{email: {type: VARCHAR(80)}, age: {}}": {"email": "VARCHAR(80)", "age": "TEXT"},
}


@pytest.mark.parametrize(("text", "columns"), COLUMNS.items(), ids=COLUMNS)
def test_columns_are_names_or_names_with_types(check, text, columns):
    site = check(f"storelocations: {{otp: {{columns: {text}}}}}")
    assert site.mistakes == ()
    assert site.storelocations.otp.columns == columns


URL = "should be the URL of a database: postgresql://user@host/name, sqlite:///file ..."
MISTAKES = {
    "{opt: {}}": "1:18: storelocations.opt: unknown key, did you mean 'otp'?",
    "{otp: {tabel: a}}": "1:24: storelocations.otp.tabel: unknown key, did you mean 'table'?",
    "{otp: {url: x.db}}": f"1:29: storelocations.otp.url: {URL}",
    "{otp: {url: 'sqlite://'}}": f"1:29: storelocations.otp.url: {URL}",
    "{otp: {columns: [used]}}": (
        "1:33: storelocations.otp.columns: 'used' is a column that Skerry has for itself: take another name"
    ),
    "{otp: {columns: {a: {typ: TEXT}}}}": (
        "1:33: storelocations.otp.columns: a: unknown key 'typ': a column has only a type, as `a: TEXT`"
    ),
    "{otp: {columns: {a: 'TEXT); DROP TABLE x'}}}": (
        "1:33: storelocations.otp.columns: a: 'TEXT); DROP TABLE x' is not a type of SQL, as TEXT or VARCHAR(80)"
    ),
    "{user: {columns: ['a\"b']}}": (
        "1:34: storelocations.user.columns: 'a\"b' is not the name of a column: letters, digits, _, . and -"
    ),
    "{userlog: {columns: [browsr]}}": (
        "1:37: storelocations.userlog.columns: 'browsr' is not a key of the log, did you mean 'browser'?"
    ),
    "{userlog: {columns: [args.password]}}": (
        "1:37: storelocations.userlog.columns: args.password may be a secret: it does not belong in a log"
    ),
    "{userlog: {columns: [headers.Authorization]}}": (
        "1:37: storelocations.userlog.columns: headers.Authorization may be a secret: it does not belong in a log"
    ),
    "{userlog: {columns: [status]}}": ("1:37: storelocations.userlog.columns: 'status' is not a key of the log"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place(check, text, message):
    assert [str(mistake) for mistake in check(f"storelocations: {text}").mistakes] == [f"skerry.yaml:{message}"]


@pytest.mark.parametrize("table", ["a-b", "a b", "1a", "'a\"b'", "''"])
def test_a_table_has_a_plain_name(check, table):
    (mistake,) = check(f"storelocations: {{otp: {{table: {table}}}}}").mistakes
    assert mistake.path == ("storelocations", "otp", "table")


MISSING = [
    ("postgresql://me:pw@host/a", "psycopg", "psycopg, not installed: pip install 'skerry[postgresql]'"),
    ("mariadb://me:pw@host/a", "pymysql", "PyMySQL, not installed: pip install 'skerry[mysql]'"),
    ("mysql://me:pw@host/a", "sqlalchemy", "SQLAlchemy, not installed: pip install 'skerry[mysql]'"),
]


@pytest.mark.parametrize(("url", "package", "message"), MISSING)
def test_a_driver_that_is_not_installed_is_named_with_its_extra(check, monkeypatch, url, package, message):
    find = importlib.util.find_spec
    monkeypatch.setattr("app.extras.find_spec", lambda name: None if name == package else find(name))
    (mistake,) = check(f"storelocations: {{otp: {{url: '{url}'}}}}").mistakes
    assert mistake.message.endswith(message) and "pw" not in mistake.message


ORIGINAL = """
storelocations:
  user:
    url: sqlite:///$YAMLPATH/auth.db
    table: users
    columns: {key: {type: TEXT, primary_key: true}, value: TEXT}
  otp:
    url: sqlite:///$YAMLPATH/auth.db
    table: otp
    columns:
      token: {type: TEXT, primary_key: true}
      user: TEXT
      type: TEXT
      expire: REAL
      email: {type: TEXT, nullable: true}
  userlog: {columns: {event: TEXT, port: INTEGER, user.email: TEXT}}
  pipeline: {url: "sqlite:///$YAMLPATH/pipeline.db", table: pipeline, columns: {name: TEXT, start: REAL}}
url: {}
"""


def test_a_section_of_the_original_is_taken_as_it_is(check):
    site = check(ORIGINAL, "gramex.yaml")
    assert (site.mistakes, site.warnings) == ((), ())
    places = site.storelocations
    assert places.otp.url == f"sqlite:///{site.config.folder}/auth.db"
    assert (places.otp.table, places.otp.columns) == ("otp", {"email": "TEXT"})


def test_the_tables_of_the_original_are_used(site):
    function = "handler.apikey(user='ann', email='a@x.org')"
    mounts = {"make": function, "who": "handler.current_user"}
    url = [
        f'{name}: {{pattern: /{name}, handler: Function, kwargs: {{function: "{call}"}}}}'
        for name, call in mounts.items()
    ]
    client = site(ORIGINAL.replace("url: {}", "url:\n  " + "\n  ".join(url)), name="gramex.yaml")
    key = client.get("/make").text
    assert client.get("/who", headers={"X-Gramex-Key": key}).json == {"id": "ann", "email": "a@x.org", "type": "Key"}
    assert (client.folder / "auth.db").exists()


@pytest.fixture(scope="module")
def schema_of_sites():
    return Draft202012Validator(json_schema.build(FEATURES))


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_schema_takes_what_the_site_takes(schema_of_sites, columns):
    place = {"url": "$URL", "table": "t", "columns": yaml.safe_load(columns)}
    section = {"otp": place, "user": {}, "userlog": {"columns": ["user.email"]}, "pipeline": place}
    assert schema_of_sites.is_valid({"storelocations": section})
    assert not schema_of_sites.is_valid({"storelocations": {"opt": place}})


def test_every_setting_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text()
    places = StoreLocations.model_fields
    settings = {name for place in ("otp", "user", "userlog") for name in places[place].annotation.model_fields}
    assert [name for name in {*places, *settings} if f"| `{name}` |" not in text] == []
