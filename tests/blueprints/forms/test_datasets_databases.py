"""Datasets of real servers: SQL with values, kept results, a server that goes away."""

import time

import pytest
import sqlalchemy as sa

DEADLINE = 15


@pytest.fixture(params=["postgresql", "mariadb"])
def shop(request):
    """An engine of a database with a table `sales`; its `url.render_as_string(False)` is what the YAML says."""
    engine = sa.create_engine(with_driver(request.getfixturevalue(request.param)))
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE sales (id INTEGER PRIMARY KEY, city VARCHAR(20), day DATE, price FLOAT)")
        )
        rows = [(1, "Oslo", "2026-01-05", 10), (2, "Bergen", "2026-02-01", 20), (3, "New York", "2026-02-15", 30)]
        for row in rows:
            connection.execute(
                sa.text("INSERT INTO sales VALUES (:a, :b, :c, :d)"), dict(zip("abcd", row, strict=True))
            )
    yield engine
    engine.dispose()


def with_driver(url):
    kind, _, rest = url.partition("://")
    return {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}.get(kind, kind) + "://" + rest


@pytest.fixture
def mount(site, shop):
    """`mount(kwargs)` -> a client of a site with this one mount on the database."""
    url = shop.url.render_as_string(hide_password=False)
    return lambda kwargs: site(f"url: {{t: {{pattern: /t, handler: FormHandler, kwargs: {{url: '{url}', {kwargs}}}}}}}")


def test_values_of_a_query_are_bound_with_their_types(mount):
    query = "'SELECT * FROM sales WHERE day >= :since AND id IN :ids'"
    client = mount(f"query: {query}, argstype: {{since: date, ids: {{type: int, expanding: true}}}}")
    rows = client.get("/t?since=2026-02-01&ids=1&ids=2&_c=id&_c=day").json
    assert rows == [{"id": 2, "day": "2026-02-01"}]
    assert client.get("/t?since=soon&ids=1").status_code == 400


def test_what_a_query_gives_is_filtered_sorted_and_grouped(mount):
    client = mount("query: 'SELECT city, price * 2 AS twice FROM sales'")
    assert [row["city"] for row in client.get("/t?twice>=20&_sort=-twice").json] == ["New York", "Bergen"]
    assert client.get("/t?_by=&_c=twice|sum").json == [{"twice|sum": 120}]


def test_a_placeholder_in_sql_is_a_word(mount):
    client = mount("query: \"SELECT id FROM {table} WHERE city = '{city}'\"")
    assert client.get("/t?table=sales&city=Oslo").json == [{"id": 1}]
    assert client.get("/t?table=sales&city=New York").status_code == 400
    assert client.get("/t?table=sales,pg_user&city=a%27b").status_code == 400


def test_what_a_query_gives_is_kept_until_its_table_changes(mount, shop):
    client = mount("query: 'SELECT count(*) AS n FROM sales', table: sales")
    assert client.get("/t").json == [{"n": 3}]
    with shop.begin() as connection:
        connection.execute(sa.text("DELETE FROM sales WHERE id = 1"))
    deadline = time.monotonic() + DEADLINE
    while client.get("/t").json != [{"n": 2}] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert client.get("/t").json == [{"n": 2}]


def test_a_table_goes_through_functions_and_back(mount):
    client = mount("table: sales, function: data.assign(price=data.price + 1), modify: data.tail(1)")
    assert client.get("/t?_sort=id").json == [{"id": 3, "city": "New York", "day": "2026-02-15", "price": 31}]


def test_a_table_that_is_not_there_is_503(mount):
    answer = mount("table: nothing").get("/t")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_what_the_database_says_of_wrong_sql_is_for_the_log_only(mount, capfd):
    answer = mount("query: SELECT nothing FROM sales").get("/t")
    assert answer.status_code == 503
    assert "nothing" not in answer.text
    assert "nothing" in capfd.readouterr().out
