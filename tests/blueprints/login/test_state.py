"""Failures and codes, in each kind of database."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.state import connect
from blueprints.login.codes import TRIES, Codes
from blueprints.login.failures import Failures
from blueprints.login.sources import opened


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    """The URL of an empty database."""
    return f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else request.getfixturevalue(request.param)


@pytest.fixture
def codes(url, tmp_path):
    return Codes(lambda: connect(url, tmp_path), "test")


@pytest.fixture
def failures(url, tmp_path):
    return Failures(lambda: connect(url, tmp_path), "login", (1, 2, 5))


def test_each_failure_in_a_row_has_its_delay_and_the_last_stays(failures):
    assert [failures.count("ana", "here") for _ in range(4)] == [1, 2, 5, 5]
    assert failures.count("ben", "here") == 1
    failures.forget("ana")
    assert failures.count("ana", "here") == 1


def test_failures_at_the_same_time_are_all_counted(failures):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: failures.count("ana", "here"), range(12)))
    rows = failures.database.read("SELECT name, failures FROM sign_in_failure ORDER BY name")
    assert [(row["name"], row["failures"]) for row in rows] == [("ana", 12), ("here", 12)]


def test_a_link_names_its_owner_once(codes):
    token = codes.link("ana", 60, 32)
    assert (len(token), codes.owner(token), codes.owner("x")) == (32, "ana", None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: codes.use(token), range(8)))
    assert sorted(found, key=str) == [None] * 7 + ["ana"]


def test_a_code_is_good_once_for_its_owner_and_purpose(codes, url, tmp_path):
    digits = codes.code("ana", 60, 6)
    assert digits.isdigit() and len(digits) == 6
    assert not Codes(lambda: connect(url, tmp_path), "other").matches("ana", digits)
    assert [codes.matches(owner, digits) for owner in ("ben", "ana", "ana")] == [False, True, False]


def test_wrong_tries_make_a_code_worthless(codes):
    digits = codes.code("ana", 60, 6)
    assert not any(codes.matches("ana", "x") for _ in range(TRIES))
    assert not codes.matches("ana", digits)


def test_an_owner_has_three_codes_that_end_by_time_or_are_forgotten(codes):
    assert [codes.code("ana", 60, 6) is None for _ in range(4)] == [False, False, False, True]
    codes.forget("ana")
    digits = codes.code("ana", 0.05, 6)
    time.sleep(0.06)  # longer than it is good for
    assert not codes.matches("ana", digits)


def test_a_table_of_a_database_is_found_changed_and_added_to(url, tmp_path):
    make = "CREATE TABLE people (name VARCHAR(80) PRIMARY KEY, password VARCHAR(200), age INTEGER)"
    database = connect(url, tmp_path)
    database.write(lambda execute: execute(make))
    table = opened(url, "people")
    table.insert({"name": "ana", "password": "x", "age": 7}, "name")
    table.update("name", "ana", {"password": "' OR 1=1 --"})
    assert table.find("name", "ana") == {"name": "ana", "password": "' OR 1=1 --", "age": 7}
    assert [table.find("age", text) for text in ("x", "7.0", "1e9", "99999999999999999999")] == [None] * 4


@pytest.mark.parametrize("name", ["' OR '1'='1", "a\0b", "\ud800", "%", "é" * 3000], ids=ascii)
def test_what_is_typed_as_a_name_is_never_sql(url, tmp_path, name):
    connect(url, tmp_path).write(lambda execute: execute("CREATE TABLE people (name VARCHAR(80))"))
    table = opened(url, "people")
    table.insert({"name": "ana"}, "name")
    assert table.find("name", name) is None
