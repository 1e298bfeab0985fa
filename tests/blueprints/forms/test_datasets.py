"""Datasets over HTTP: several in a mount, placeholders, SQL with values, and what the YAML may say of them."""

import sqlite3

import pytest

SALES = "city,day,sales\nOslo,2026-01-05,10\nBergen,2026-02-01,20\nOslo,2026-02-15,30\n"
STOCK = "city,left\nOslo,5\nBergen,7\n"


@pytest.fixture
def mount(site):
    """`mount(kwargs, files={}, pattern="/t", gramex=False)` -> a client of a site with this one mount."""

    def mount(kwargs, files=None, pattern="/t", gramex=False):
        lines = "\n".join("      " + line for line in kwargs.strip("\n").splitlines())
        yaml = f"url:\n  t:\n    pattern: {pattern}\n    handler: FormHandler\n    kwargs:\n{lines}\n"
        files = {"sales.csv": SALES, "stock.csv": STOCK, **(files or {})}
        client = site(yaml, files, name="gramex.yaml" if gramex else "skerry.yaml")
        shop(client.folder / "shop.db")
        return client

    return mount


def shop(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, city TEXT, sales REAL)")
    rows = [(1, "Oslo", 10), (2, "Bergen", 20), (3, "Oslo", 30), (4, "New York", 40)]
    database.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()


def mistakes(client):
    return "\n".join(map(str, client.app.extensions["skerry"].application.mistakes))


TWO = """
sales: {url: sales.csv, default: {_sort: -sales}}
stock: {url: stock.csv}
"""


def test_several_datasets_are_answered_by_their_names(mount):
    answer = mount(TWO).get("/t?_c=city").json
    assert answer == {
        "sales": [{"city": "Oslo"}, {"city": "Bergen"}, {"city": "Oslo"}],
        "stock": [{"city": "Oslo"}, {"city": "Bergen"}],
    }


def test_an_argument_is_for_all_datasets_or_for_the_one_before_the_colon(mount):
    answer = mount(TWO).get("/t?city=Oslo&stock:city=Bergen&sales:_limit=1").json
    assert answer == {
        "sales": [{"city": "Oslo", "day": "2026-02-15", "sales": 30}],
        "stock": [{"city": "Bergen", "left": 7}],
    }


def test_a_dataset_may_be_called_as_a_setting_is(mount):
    answer = mount("table: {url: stock.csv}\nname: {url: sales.csv}").get("/t?_limit=1&_c=city").json
    assert answer == {"table": [{"city": "Oslo"}], "name": [{"city": "Oslo"}]}


def test_defaults_at_the_top_are_below_those_of_each_dataset(mount):
    answer = mount(TWO + "default: {_limit: 1, _sort: city}").get("/t?_c=city").json
    assert answer == {"sales": [{"city": "Oslo"}], "stock": [{"city": "Bergen"}]}


def test_the_last_dataset_says_format_download_and_meta(mount):
    client = mount(TWO)
    answer = client.get("/t?stock:_format=csv&stock:_download=a.csv&sales:_format=json")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == "attachment; filename=a.csv"


def test_meta_is_told_of_each_dataset(mount):
    headers = mount(TWO).get("/t?_meta=y&left>=6").headers
    assert headers["FH-sales-ignored"] == '[["left>",["6"]]]'
    assert headers["FH-stock-filters"] == '[["left",">",[6]]]'


def test_browsers_get_all_datasets_on_a_page(mount):
    page = mount(TWO).get("/t", headers={"Accept": "text/html"}).text
    assert page.count("<table") == 2
    assert "sales:_sort=" in page.replace("%3A", ":")


def test_the_schema_is_that_of_the_table_or_of_all(mount):
    assert list(mount("url: sales.csv").get("/t?_schema").json["properties"]) == ["city", "day", "sales"]
    assert list(mount(TWO).get("/t?_schema").json) == ["sales", "stock"]


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ("sales: {url: sales.csv, tabel: x}", "url.t.kwargs.sales.tabel: unknown key, did you mean 'table'?"),
        ("sales: {table: x}", "url.t.kwargs.sales: url: is required"),
        ("sales: {url: sales.csv}\nid: city", "id: belongs to one of the datasets: sales"),
        ("url: sales.csv\nprepare: f(", "url.t.kwargs.prepare: 'f(' is not a Python expression"),
        ("url: sales.csv\nfunction: data.nope(other)", "there is no module 'other'"),
        ("url: sales.csv\nmodify: nomodule.f", "nomodule"),
        ("url: sales.csv\nargstype: {n: nokind}", "url.t.kwargs.argstype.n"),
        ("url: sales.csv\nstate: nomodule.f()", "url.t.kwargs.state"),
        ("url: 'sqlite:///shop.db'", "needs `table:`"),
        ("url: sales.csv\nengine: mongo", "engine: 'mongo' is none of"),
        ("url: sales.nope", "sales.nope"),
        ("url: 'https://{host}/a.csv'", "a request may not say which host"),
        ("url: 'data/{a.b}.csv'", "{a.b} should be the name of an argument"),
        ("url: sales.csv\nquery: SELECT 1", "query: sales.csv is a file"),
        ("url: 'sqlite:///shop.db'\nquery: DELETE FROM sales", "SELECT"),
        ("url: 'sqlite:///shop.db'\nquery: SELECT 1; DROP TABLE sales", "one statement"),
        ("url: 'sqlite:///shop.db'\nqueryfile: nope.sql", "queryfile: nope.sql: No such file"),
        ("engine: dataframe", "engine: a dataframe needs a `function`"),
        ("url: sales.csv\ntimeout: 0", "url.t.kwargs.timeout"),
        ("url: sales.csv\nlimit: 3", "url.t.kwargs.limit: unknown key"),
    ],
)
def test_mistakes_are_named_with_their_key(mount, kwargs, says):
    assert says in mistakes(mount(kwargs))


@pytest.mark.parametrize(
    "kwargs",
    [
        "url: sales.csv\nparse_dates: [day]\nlow_memory: false",
        "url: 'sqlite:///shop.db'\ntable: sales\npool_recycle: 60\necho: false",
        "sales: {url: sales.csv}\nstock: {url: stock.csv, id: city}\ndefault: {_limit: 5}\nid: city",
        "url: 'sqlite:///shop.db'\nquery: SELECT * FROM sales\nstate: [sales]\nxsrf_cookies: false",
    ],
)
def test_what_a_gramex_yaml_may_say_besides_is_no_mistake(mount, kwargs):
    client = mount(kwargs, gramex=True)
    assert mistakes(client) == ""
    assert client.get("/t").status_code == 200


def test_placeholders_are_filled_from_arguments_and_defaults(mount):
    client = mount("url: '{name}.csv'\ndefault: {name: stock}")
    assert len(client.get("/t").json) == 2
    assert len(client.get("/t?name=sales").json) == 3


def test_the_argument_of_a_placeholder_is_no_filter(mount):
    client = mount("url: 'data/{city}.csv'\nstrict: true", {"data/x.csv": SALES})
    assert len(client.get("/t?city=x").json) == 3


@pytest.mark.parametrize(
    "name",
    ["../secret", "..%2Fsecret", "/etc/passwd", "a/../../secret", ".hidden", "a%00b", "..\\secret", "c:x", "a//b", "."],
)
def test_nothing_climbs_out_of_the_folder(mount, name):
    client = mount("url: 'data/{name}.csv'", {"secret.csv": "a\n1\n", "data/.hidden.csv": "a\n1\n"})
    answer = client.get(f"/t?name={name}")
    assert answer.status_code == 400
    assert "name" in answer.json["detail"]


def test_a_file_that_a_request_names_and_that_is_not_there_is_404(mount):
    client = mount("url: '{name}.csv'")
    assert client.get("/t?name=nope").status_code == 404
    assert client.get("/t").json["detail"].startswith("name: ")


def test_a_table_may_come_from_the_request(mount):
    client = mount("url: 'sqlite:///shop.db'\ntable: '{table}'")
    assert len(client.get("/t?table=sales").json) == 4
    assert client.get("/t?table=nope").status_code == 404
    assert client.get("/t?table=sales%20x").status_code == 400


QUERY = """
url: sqlite:///shop.db
query: SELECT city, sum(sales) AS total FROM sales WHERE sales >= :least GROUP BY city
argstype: {least: float}
default: {least: 0}
"""


def test_a_query_gets_values_by_name_and_is_filtered_like_a_table(mount):
    client = mount(QUERY)
    assert client.get("/t?least=20&_sort=city&total<=40").json == [
        {"city": "Bergen", "total": 20},
        {"city": "Oslo", "total": 30},
    ]
    assert client.get("/t?_by=&_c=total|max").json == [{"total|max": 40}]


def test_a_value_of_the_wrong_type_is_400(mount):
    answer = mount(QUERY).get("/t?least=many")
    assert answer.status_code == 400
    assert "least: 'many'" in answer.json["detail"]


def test_a_missing_value_is_400_that_names_it(mount):
    answer = mount("url: sqlite:///shop.db\nquery: SELECT * FROM sales WHERE city = :town").get("/t")
    assert answer.status_code == 400
    assert "town" in answer.json["detail"]


def test_an_expanding_value_is_a_list(mount):
    kwargs = """
        url: sqlite:///shop.db
        query: SELECT id FROM sales WHERE id IN :ids ORDER BY id
        argstype: {ids: {type: int, expanding: true}}
    """
    assert mount(kwargs).get("/t?ids=1&ids=3").json == [{"id": 1}, {"id": 3}]


def test_a_value_is_never_sql(mount):
    client = mount("url: sqlite:///shop.db\nquery: SELECT * FROM sales WHERE city = :city")
    assert client.get("/t", query_string={"city": "x' OR '1'='1"}).json == []
    assert [row["id"] for row in client.get("/t?city=New York").json] == [4]


PLACED = "url: sqlite:///shop.db\nquery: SELECT {columns} FROM sales WHERE city = '{city}'\n"


def test_a_word_may_stand_in_sql(mount):
    client = mount(PLACED + "default: {columns: 'id,city'}")
    assert client.get("/t?city=Bergen").json == [{"id": 2, "city": "Bergen"}]


@pytest.mark.parametrize(
    "city",
    [
        "x' OR '1'='1",
        "x'/**/OR/**/1=1--",
        "x'--",
        "x--",
        "Oslo;DROP",
        "a(b)",
        "a\\b",
        'a"b',
        "a`b",
        "a#b",
        "a\tb",
        "New York",
        ":id",
        "@@version",
        "a::b",
    ],
)
def test_what_is_no_word_may_not_stand_in_sql(mount, city):
    answer = mount(PLACED + "default: {columns: id}").get("/t", query_string={"city": city})
    assert answer.status_code == 400
    assert "city: " in answer.json["detail"]


def test_sql_may_be_in_a_file(mount):
    kwargs = "url: sqlite:///shop.db\nqueryfile: '{which}.sql'\nquery: SELECT 1 AS no"
    client = mount(kwargs, {"all.sql": "SELECT id FROM sales WHERE city = :city"})
    assert client.get("/t?which=all&city=Bergen").json == [{"id": 2}]
    assert client.get("/t?which=none&city=Bergen").status_code == 404


def test_sql_may_come_from_a_function(mount):
    module = "def sql(args, key, handler):\n    return f'SELECT {len(args)} AS n, :city AS city, {key!r} AS key'\n"
    client = mount("url: sqlite:///shop.db\nqueryfunction: asked.sql", {"asked.py": module})
    assert client.get("/t?city=Oslo").json == [{"n": 1, "city": "Oslo", "key": "data"}]


def test_what_a_query_gives_is_kept_until_its_state_changes(mount):
    kwargs = """
        url: sqlite:///shop.db
        query: SELECT count(*) AS n FROM sales
        state: SELECT max(id) FROM sales
    """
    client = mount(kwargs)
    database = sqlite3.connect(client.folder / "shop.db")
    assert client.get("/t").json == [{"n": 4}]
    database.execute("DELETE FROM sales WHERE id = 1")
    database.commit()
    assert client.get("/t").json == [{"n": 4}]
    database.execute("INSERT INTO sales VALUES (9, 'x', 1)")
    database.commit()
    database.close()
    assert client.get("/t").json == [{"n": 4}]


@pytest.mark.parametrize("state", ["table: sales", "state: [sales]", "state: str(len(args))"])
def test_the_state_may_be_tables_or_an_expression(mount, state):
    client = mount(f"url: sqlite:///shop.db\nquery: SELECT count(*) AS n FROM sales\n{state}")
    database = sqlite3.connect(client.folder / "shop.db")
    assert client.get("/t").json == [{"n": 4}]
    database.execute("DELETE FROM sales WHERE id = 1")
    database.commit()
    database.close()
    assert client.get("/t?again=1").json == [{"n": 3}]


def test_links_of_an_address_with_signs_are_quoted(mount):
    client = mount("url: sales.csv", pattern="/t/(.*)")
    link = client.get("/t/a%20b%3E/%C3%A6?_limit=1").headers["Link"]
    assert link == '</t/a%20b%3E/%C3%A6?_limit=1&_offset=1>; rel="next"'


def test_pages_have_links_to_those_around(mount):
    client = mount("url: sales.csv")
    first = client.get("/t?_limit=2&_sort=sales")
    assert first.headers["Link"] == '</t?_limit=2&_sort=sales&_offset=2>; rel="next"'
    assert client.get("/t?_limit=2&_offset=2").headers["Link"] == '</t?_limit=2&_offset=0>; rel="prev"'
    assert "Link" not in client.get("/t?_limit=3").headers


def test_the_link_after_a_row_leads_through_all_rows(mount):
    client, url, ids = mount("url: sqlite:///shop.db\ntable: sales"), "/t?_limit=3&_sort=-sales&_after=", []
    while url:
        answer = client.get(url)
        ids += [row["id"] for row in answer.json]
        link = answer.headers.get("Link", "")
        url = link[1 : link.index(">")] if link else None
    assert ids == [4, 3, 2, 1]


def test_a_strict_dataset_refuses_what_names_no_column(mount):
    client = mount("url: sales.csv\nstrict: true", pattern="/t(/.*)?")
    assert client.get("/t/x?ctiy=Oslo").status_code == 400
    assert client.get("/t/x?city=Oslo&_sort=day").status_code == 200


@pytest.mark.parametrize(
    ("path", "mimetype"),
    [
        ("/sales", "application/json"),
        ("/sales.csv", "text/csv"),
        ("/sales.ndjson", "application/x-ndjson"),
        ("/sales.csv?_format=json", "application/json"),
    ],
)
def test_the_extension_of_the_path_says_the_format(mount, path, mimetype):
    client = mount(r"{url: sales.csv, default: {_format: json}, strict: true}", pattern=r"/sales(\.\w+)?")
    assert client.get(path).mimetype == mimetype


def test_a_path_without_an_extension_has_none(mount):
    assert mount("url: sales.csv", pattern="/csv").get("/csv").mimetype == "application/json"


def test_a_placeholder_of_the_pattern_may_be_the_extension(mount):
    client = mount("url: sales.csv", pattern="/sales.<ext>")
    assert client.get("/sales.csv").text.startswith("\ufeffcity,day")


def test_accept_says_the_format(mount):
    assert mount("url: sales.csv").get("/t", headers={"Accept": "text/csv"}).content_type.startswith("text/csv")


def test_head_is_answered_without_rows(mount):
    answer = mount("url: sales.csv").head("/t")
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"", "application/json")


def test_only_the_methods_of_the_yaml_are_answered(mount):
    answer = mount("url: sales.csv\nmethods: [GET]").post("/t")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_format_of_the_yaml_has_options_and_headers_that_win(mount):
    formats = "formats: {semi: {format: csv, sep: ';', headers: {X-A: own}}}"
    client = mount(f"url: sales.csv\nheaders: {{X-A: mount, X-B: mount}}\n{formats}")
    answer = client.get("/t?_format=semi")
    assert answer.text.startswith("\ufeffcity;day;sales")
    assert (answer.headers["X-A"], answer.headers["X-B"]) == ("own", "mount")


def test_a_row_that_is_asked_for_by_its_key_has_an_etag_of_its_own(mount):
    client = mount("url: sqlite:///shop.db\ntable: sales\nid: id")
    etag = client.get("/t?id=1").headers["ETag"]
    assert not etag.startswith("W/")
    assert client.get("/t?id=1", headers={"If-None-Match": etag}).status_code == 304
    assert client.get("/t?id=2").headers["ETag"] != etag
    assert client.get("/t").headers["ETag"].startswith("W/")


def test_validate_and_headers_are_those_of_every_mount(mount):
    client = mount("url: sales.csv\nvalidate: handler.get_arg('city')\nheaders: {X-A: b}")
    assert client.get("/t").status_code == 400
    assert client.get("/t?city=Oslo").headers["X-A"] == "b"


EDITED = "url: sqlite:///shop.db\ntable: sales\nid: id\nxsrf_cookies: false"


def test_rows_are_changed_by_the_other_methods(mount):
    client = mount(EDITED)
    assert client.post("/t", data={"id": 9, "city": "Rome", "sales": 1}).json["data"]["count"] == 1
    assert client.put("/t?id=9&sales=2").headers["Count-Data"] == "1"
    assert client.get("/t?id=9").json == [{"id": 9, "city": "Rome", "sales": 2}]
    assert client.delete("/t?id=9").json["data"]["count"] == 1
    assert client.get("/t?id=9").json == []


def test_a_row_is_changed_only_if_it_is_still_as_its_etag_says(mount):
    client = mount(EDITED)
    etag = client.get("/t?id=1").headers["ETag"]
    assert client.put("/t?id=1&sales=2", headers={"If-Match": etag}).status_code == 200
    assert client.put("/t?id=1&sales=3", headers={"If-Match": etag}).status_code == 412


def test_a_change_goes_on_to_where_redirect_says_and_a_read_does_not(mount):
    client = mount(EDITED + "\nredirect: /thanks")
    assert client.put("/t?id=1&sales=2").headers["Location"] == "/thanks"
    assert client.get("/t").status_code == 200
    assert client.get("/t", headers={"Accept": "text/html"}).status_code == 200


def test_what_is_no_table_cannot_be_changed(mount):
    client = mount("url: sqlite:///shop.db\nquery: SELECT * FROM sales\nid: id\nxsrf_cookies: false")
    answer = client.put("/t?id=1&sales=2")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_table_is_made_of_its_columns_when_it_is_first_used(mount):
    columns = "columns: {id: {type: INTEGER, primary_key: true}, name: TEXT}"
    client = mount(f"url: sqlite:///new.db\ntable: people\nid: id\n{columns}\nxsrf_cookies: false")
    assert client.get("/t").json == []
    assert client.post("/t?name=Ann").json["data"]["inserted"] == [{"id": 1}]


def test_a_mistake_in_columns_is_named(mount):
    client = mount("url: sqlite:///new.db\ntable: people\ncolumns: {id: {typ: INTEGER}}")
    assert "url.t.kwargs.columns.id.typ: unknown key, did you mean 'type'?" in mistakes(client)
