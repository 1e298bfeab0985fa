"""Edits of tables over HTTP."""

import json
import sqlite3
import threading

import pytest

from app import bus

CSV = "id,city,sales\n1,Oslo,10.5\n2,Bergen,\n3,Voss,3.25\n"
YAML = """
url:
  orders:
    pattern: /orders
    handler: FormHandler
    kwargs: {url: %s, id: id, xsrf_cookies: false%s}
"""
DATABASE = "'sqlite:///shop.db', table: orders"


@pytest.fixture(params=["file", "database"])
def orders(request, site):
    """`orders(more="")` -> a client of a site whose /orders is a CSV file, or a table of SQLite."""

    def make(more=""):
        if request.param == "file":
            return site(YAML % ("orders.csv", more), {"orders.csv": CSV})
        client = site(YAML % (DATABASE, more))
        database = sqlite3.connect(client.folder / "shop.db")
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, city TEXT, sales DOUBLE PRECISION)")
        database.execute("INSERT INTO orders VALUES (1, 'Oslo', 10.5), (2, 'Bergen', NULL), (3, 'Voss', 3.25)")
        database.commit()
        database.close()
        return client

    return make


def rows(client, query=""):
    return [tuple(row.values()) for row in client.get(f"/orders?_sort=id&{query}").json]


def test_a_form_inserts_rows(orders):
    client = orders()
    answer = client.post("/orders", data={"city": ["Bodø", "Moss"], "sales": "5", "nothing": "x"})
    assert (answer.status_code, answer.headers["Count-Data"]) == (200, "2")
    assert answer.headers["Cache-Control"] == "no-cache, no-store"
    assert answer.json == {
        "data": {
            "filters": [],
            "ignored": [["nothing", ["x"]]],
            "inserted": [{"id": 4}, {"id": 5}],
            "count": 2,
        }
    }
    assert rows(client)[3:] == [(4, "Bodø", 5.0), (5, "Moss", 5.0)]


def test_put_and_patch_change_and_delete_deletes(orders):
    client = orders()
    assert client.put("/orders?id=1&id=3", json={"city": "X", "sales": None}).json["data"]["count"] == 2
    assert client.patch("/orders", json=[{"id": 1, "city": "Y"}, {"id": 2, "sales": 7}]).json["data"]["count"] == 2
    answer = client.delete("/orders?id=2&id=3&sales>=5")
    assert answer.json["data"] == {"filters": [["id", "", [2, 3]], ["sales", ">", [5.0]]], "ignored": [], "count": 1}
    assert rows(client) == [(1, "Y", None), (3, "X", None)]


def test_no_match_is_no_failure(orders):
    answer = orders().delete("/orders?id=99")
    assert (answer.status_code, answer.headers["Count-Data"], answer.json["data"]["count"]) == (200, "0", 0)


@pytest.mark.parametrize(
    ("method", "request_", "status", "says"),
    [
        ("POST", {}, 400, "the request gives no values"),
        ("POST", {"json": [{"city": "a"}, {"sales": "x"}]}, 400, "row 2: sales: 'x' is not a number"),
        ("POST", {"data": b"{", "content_type": "application/json"}, 400, "the body is no JSON: line 1"),
        ("POST", {"data": b"[" * 9999, "content_type": "application/json"}, 400, "the body is no JSON|nested deeper"),
        ("POST", {"data": b"a,b", "content_type": "text/csv"}, 415, "the body is text/csv: send application/json"),
        ("POST", {"json": {"id": 1, "_upsert": 1}, "query_string": "_upsert=1"}, 200, ""),
        ("PUT", {"json": {"city": "a"}}, 400, "id: the key is missing"),
        ("PUT", {"json": {"id": 1}}, 400, "nothing to change"),
        ("DELETE", {"query_string": "city=Oslo"}, 400, "id: the key is missing"),
        ("DELETE", {"query_string": "id="}, 400, "id: the key is missing"),
        ("DELETE", {"query_string": "id=x"}, 400, "id: 'x' is not an integer"),
        ("DELETE", {"query_string": "id=1&city~=("}, 400, "not a regular expression"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_changes_nothing(orders, method, request_, status, says):
    client = orders()
    answer = client.open("/orders", method=method, **request_)
    assert answer.status_code == status, answer.text
    assert status == 200 or any(part in answer.json["detail"] for part in says.split("|"))
    assert len(rows(client)) == 3


def test_a_strict_table_refuses_unknown_names(orders):
    answer = orders(", strict: true").post("/orders", json={"citty": "x", "city": "y"})
    assert (answer.status_code, "citty" in answer.json["detail"]) == (400, True)


def test_a_body_that_is_too_large_is_413(site):
    client = site("app: {listen: {max_body_size: 1000}}\n" + YAML % ("orders.csv", ""), {"orders.csv": CSV})
    assert client.post("/orders", json=[{"city": "x" * 1000}]).status_code == 413
    assert (client.folder / "orders.csv").read_text() == CSV


def test_who_does_not_know_the_row_as_it_is_gets_412(orders):
    client = orders()
    etag = client.get("/orders?id=1").headers["ETag"]
    assert client.put("/orders?id=1", json={"city": "X"}, headers={"If-Match": etag}).status_code == 200
    answer = client.put("/orders?id=1", json={"city": "Y"}, headers={"If-Match": etag})
    assert (answer.status_code, "read it again" in answer.json["detail"]) == (412, True)
    assert client.delete("/orders?id=1", headers={"If-Match": '"other"'}).status_code == 412
    assert client.delete("/orders?id=9", headers={"If-Match": "*"}).status_code == 412
    etag = client.get("/orders?id=1").headers["ETag"]
    assert client.delete("/orders?id=1", headers={"If-Match": f"W/{etag}"}).status_code == 200


def test_a_table_without_id_is_not_changed(site):
    client = site(YAML.replace(", id: id", "") % ("orders.csv", ""), {"orders.csv": CSV})
    answer = client.post("/orders", data={"city": "x"})
    assert (answer.status_code, "`id:` in the YAML" in answer.json["detail"]) == (400, True)


def test_methods_say_what_may_be_done(orders):
    client = orders(", methods: [GET, POST]")
    assert client.post("/orders", data={"city": "x"}).status_code == 200
    assert client.delete("/orders?id=1").status_code == 405


def test_what_is_no_table_and_no_data_file_cannot_be_changed(site):
    client = site(YAML % ("'dir:///'", ""), {"a.txt": "x"})
    answer = client.post("/orders", data={"id": "x", "name": "y"})
    assert (answer.status_code, "cannot be changed" in answer.json["detail"]) == (405, True)


def test_a_conflict_is_409_and_a_rule_of_the_table_400(site):
    client = site(YAML % (DATABASE, ""))
    with sqlite3.connect(client.folder / "shop.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, city TEXT NOT NULL UNIQUE)")
    database.close()
    client.post("/orders", json={"city": "a"})
    assert client.post("/orders", json={"city": "a"}).status_code == 409
    answer = client.post("/orders", json={"id": 5})
    assert (answer.status_code, answer.json["detail"]) == (400, "city: needs a value")


def test_a_post_makes_the_table_or_file_that_is_not_there(site):
    people = "{url: 'sqlite:///new.db', table: people, id: id, xsrf_cookies: false}"
    yaml = YAML % ("new.csv", "") + f"  table: {{pattern: /table, handler: Data, kwargs: {people}}}"
    client = site(yaml)
    assert client.put("/orders?id=1", json={"name": "x"}).status_code == 503
    for url in ("/orders", "/table"):
        assert client.post(url, json={"name": "Ann"}).json["data"]["inserted"] == [{"id": 1}]
        assert client.get(url).json == [{"id": 1, "name": "Ann"}]


def test_a_request_makes_no_file_of_a_name_of_its_own(site):
    client = site(YAML.replace("/orders\n", "/orders/<year>\n") % ("'{year}.csv'", ""))
    assert client.post("/orders/2026", json={"name": "x"}).status_code == 404
    assert not (client.folder / "2026.csv").exists()


def test_columns_make_the_table(site):
    columns = "columns: {id: {type: INTEGER, primary_key: true}, name: TEXT, level: {type: INTEGER, default: 3}}"
    client = site(YAML % ("'sqlite:///new.db', table: people", f", {columns}"))
    client.post("/orders", json=[{"name": "Ann"}, {"name": "Bo", "other": 1}])
    assert rows(client) == [(1, "Ann", 3), (2, "Bo", 3)]


def test_a_redirect_follows_a_change_and_not_a_look(orders):
    client = orders(", redirect: /done")
    answer = client.post("/orders", data={"city": "x"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/done")
    assert client.get("/orders").status_code == 200


def test_modify_sees_how_many_rows_there_were(orders):
    client = orders(", modify: \"{'rows': data} if isinstance(data, int) else data\"")
    assert client.put("/orders?id=1&id=2", json={"city": "x"}).json["data"]["modify"] == {"rows": 2}


def test_each_dataset_of_several_is_changed_by_its_own_arguments(site):
    client = site(
        """
        url:
          both:
            pattern: /both
            handler: FormHandler
            kwargs: {a: {url: a.csv, id: id}, b: {url: b.csv, id: id}, xsrf_cookies: false}
        """,
        {"a.csv": "id,x\n1,p\n", "b.csv": "id,x\n1,q\n"},
    )
    assert client.post("/both", data={"a:x": "r"}).json.keys() == {"a"}
    answer = client.post("/both", json={"a": {"x": "s"}, "b": [{"x": "t"}, {"x": "u"}]})
    assert (answer.headers["Count-A"], answer.headers["Count-B"]) == ("1", "2")
    assert (client.folder / "a.csv").read_text() == "id,x\n1,p\n2,r\n3,s\n"
    bad = client.put("/both", json={"a": {"id": 1, "x": "lost"}, "b": {"x": "no id"}})
    assert bad.status_code == 400 and "lost" not in (client.folder / "a.csv").read_text()


def test_others_are_told_of_what_has_changed(orders):
    client = orders()
    application = client.app.extensions["skerry"].application
    with application.app_context(), bus.subscribe("changes/orders") as told:
        client.post("/orders", json=[{"city": "a"}, {"city": "b"}])
        client.put("/orders?id=4&id=5", json={"city": "x"})
        client.delete("/orders?id=99")
        client.post("/orders", json={"sales": "x"})
        client.delete("/orders?id=4")
        changes = [json.loads(told.get(20).data) for _ in range(3)]
        assert told.get(0.05) is None
    assert [(each["mount"], each["op"], each["ids"]) for each in changes] == [
        ("orders", "insert", [4, 5]),
        ("orders", "update", [4, 5]),
        ("orders", "delete", [4]),
    ]


SQL = [
    "'; DROP TABLE orders; --",
    '"; DELETE FROM orders; --',
    "1 OR 1=1",
    "1) OR (1=1",
    "`",
    "$1",
    ":x",
    "%s",
    "?",
    "\\",
]


@pytest.mark.parametrize("text", SQL)
def test_sql_is_text_wherever_a_user_can_write(orders, text):
    client = orders()
    assert client.post("/orders", json={"city": text, text: "x"}).json["data"]["ignored"] == [[text, ["x"]]]
    assert client.put("/orders", json={"id": 1, "city": text, f"{text}>": 1}).status_code == 200
    assert client.put("/orders", json={"id": text, "city": "x"}).status_code == 400
    assert client.delete("/orders", query_string={"id": text}).status_code == 400
    assert client.delete("/orders", query_string={"id": "2", "city": text, f"{text}!": "1"}).json["data"]["count"] == 0
    assert client.post("/orders", data={text: text, "city": text, "_upsert": ""}).status_code == 200
    assert [row[1] for row in rows(client)] == [text, "Bergen", "Voss", text, text]


@pytest.mark.parametrize("value", ["9" * 400, "-" + "9" * 19, "1e999", "nan", "0x10", "1_000", "١"])
def test_a_number_that_is_none_or_too_large_is_400(orders, value):
    client = orders()
    assert client.post("/orders", data={"id": value, "city": "x"}).status_code == 400
    assert client.delete("/orders", query_string={"id": value}).status_code == 400


def test_half_a_character_in_a_name_is_no_failure(orders):
    answer = orders().post("/orders", data=b'{"city": "a", "\\ud800": "\\udc00"}', content_type="application/json")
    assert (answer.status_code, answer.json["data"]["ignored"]) == (200, [["?", ["?"]]])


def test_ten_thousand_records_are_one_request(orders):
    client = orders()
    body = [{"city": f"c{number}", "sales": number / 4} for number in range(10_000)]
    assert client.post("/orders", json=body).headers["Count-Data"] == "10000"
    assert client.get("/orders?_by=&_c=id|count&_c=id|max").json == [{"id|count": 10003, "id|max": 10003}]


def test_several_workers_lose_no_change(serve):
    server = serve(YAML % ("orders.csv", ""), {"orders.csv": "id,n\n1,0\n"}, workers=3)

    def count():
        for _ in range(5):
            for _ in range(500):
                got = server.get("/orders?id=1")
                body, etag = json.loads(got.body), got.headers["ETag"]
                headers = {"If-Match": etag, "Content-Type": "application/json"}
                new = json.dumps({"id": 1, "n": body[0]["n"] + 1})
                if server.request("PUT", "/orders", headers, new).status == 200:
                    break

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(server.get("/orders?id=1").body) == [{"id": 1, "n": 20}]
