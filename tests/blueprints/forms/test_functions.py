"""The functions that a dataset names: prepare, function, modify."""

import pytest

SALES = "city,day,sales\nOslo,2026-01-05,10\nBergen,2026-02-01,20\nOslo,2026-02-15,30\n"
CODE = """
import pandas
calls = []

def doubled(data):
    calls.append(1)
    return data.assign(sales=data["sales"] * 2)

def for_user(data, handler):
    return data[data["city"] == handler.get_arg("who", "Oslo")]

def changed(args):
    args["city"] = "Oslo"

def returned(args, key, handler):
    return {"city": ["Bergen"], "_c": (key, "sales"), "_limit": 1}

def total(data, key, handler):
    handler.set_header("X-Key", str(key))
    return pandas.DataFrame({"total": [data["sales"].sum()], "day": [data["day"].max()]})

def both(data, key, handler):
    return {name: frame.head(1) for name, frame in data.items()}

def joined(data):
    return pandas.concat(data.values())[["city"]]

def broken(data):
    raise ValueError("no such region")

def crashed(data):
    raise KeyError("oops")
"""


@pytest.fixture
def mount(site):
    """`mount(kwargs)` -> a client of a site with this one mount, beside functions in work.py and a sales.csv."""

    def mount(kwargs):
        yaml = f"url: {{t: {{pattern: /t, handler: FormHandler, kwargs: {{{kwargs}}}}}}}"
        return site(yaml, {"sales.csv": SALES, "other.csv": SALES, "work.py": CODE})

    return mount


def test_a_function_makes_the_table_before_filters(mount):
    client = mount("url: sales.csv, function: work.doubled(data)")
    assert client.get("/t?sales>=30&_c=sales").json == [{"sales": 40}, {"sales": 60}]
    assert client.get("/t?_by=city&_c=sales|sum").json[1] == {"city": "Oslo", "sales|sum": 80}


def test_what_a_function_makes_is_kept_until_the_file_changes(mount):
    client = mount("url: sales.csv, function: work.doubled(data)")
    import work

    for _ in range(3):
        client.get("/t")
    assert work.calls == [1]
    (client.folder / "sales.csv").write_text(SALES + "Rome,2026-03-01,5\n")
    assert client.get("/t?city=Rome").json[0]["sales"] == 10
    assert work.calls == [1, 1]


@pytest.mark.parametrize(
    "function", ["'work.for_user(data, handler)'", "work.for_user", "work.for_user, args: ['=data', '=handler']"]
)
def test_what_depends_on_the_request_is_made_for_each(mount, function):
    client = mount(f"url: sales.csv, function: {function}")
    assert len(client.get("/t").json) == 2
    assert [row["city"] for row in client.get("/t?who=Bergen").json] == ["Bergen"]


def test_dates_and_types_survive_a_function(mount):
    row = mount("url: sales.csv, function: work.doubled(data)").get("/t?day=2026-01-05").json
    assert row == [{"city": "Oslo", "day": "2026-01-05", "sales": 20}]


def test_prepare_changes_arguments_in_place(mount):
    client = mount("url: sales.csv, prepare: work.changed(args)")
    assert [row["sales"] for row in client.get("/t?city=Bergen").json] == [10, 30]


def test_what_prepare_returns_by_the_way_is_passed_over(mount):
    client = mount('url: sales.csv, prepare: \'args.setdefault("city", ["Bergen"])\'')
    assert [row["sales"] for row in client.get("/t").json] == [20]


def test_prepare_may_return_arguments(mount):
    client = mount("url: sales.csv, prepare: work.returned")
    assert client.get("/t?city=Oslo").json == [{"sales": 20}]


def test_modify_gets_the_answer_as_a_dataframe(mount):
    answer = mount("url: sales.csv, modify: work.total").get("/t?city=Oslo")
    assert answer.json == [{"total": 40, "day": "2026-02-15"}]
    assert answer.headers["X-Key"] == "data"
    assert "ETag" not in answer.headers


def test_what_modify_makes_has_every_format_and_a_page(mount):
    client = mount("url: sales.csv, modify: work.total")
    assert client.get("/t?_format=csv&_c=sales&_c=day").text == "\ufefftotal,day\r\n60,2026-02-15\r\n"
    assert "<td" in client.get("/t", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(
    ("modify", "mimetype", "body"),
    [
        ('\'"<b>" + str(len(data)) + "</b>"\'', "text/html", b"<b>3</b>"),
        ("'b\"raw\"'", "text/html", b"raw"),
        ("'{\"n\": len(data)}'", "application/json", b'{"n":3}'),
        ("'data.city.tolist()'", "application/json", b'["Oslo","Bergen","Oslo"]'),
    ],
    ids=["text", "bytes", "dict", "list"],
)
def test_modify_may_return_what_is_no_table(mount, modify, mimetype, body):
    client = mount(f"url: sales.csv, modify: {modify}")
    answer = client.get("/t")
    assert (answer.mimetype, answer.data) == (mimetype, body)
    assert client.get("/t", headers={"Accept": "text/html"}).data == body


def test_what_is_no_table_has_no_csv(mount):
    answer = mount("url: sales.csv, modify: '{\"n\": len(data)}'").get("/t?_format=csv")
    assert answer.status_code == 400
    assert "use json" in answer.json["detail"]


def test_each_dataset_may_have_its_own_modify(mount):
    client = mount("a: {url: sales.csv, modify: data.head(1)}, b: {url: other.csv, modify: len(data)}")
    assert client.get("/t?_c=city").json == {"a": [{"city": "Oslo"}], "b": 3}


def test_the_modify_of_several_datasets_sees_all_of_them(mount):
    client = mount("a: {url: sales.csv}, b: {url: other.csv}, modify: work.both")
    assert client.get("/t?_c=city").json == {"a": [{"city": "Oslo"}], "b": [{"city": "Oslo"}]}


def test_the_modify_of_several_datasets_may_make_one_table(mount):
    client = mount("a: {url: sales.csv}, b: {url: other.csv}, modify: work.joined(data)")
    assert len(client.get("/t").json["b"]) == 6


@pytest.mark.parametrize("key", ["modify", "function"])
def test_a_value_error_of_a_function_is_400_and_others_are_500(mount, key):
    assert mount(f"url: sales.csv, {key}: work.broken(data)").get("/t").status_code == 400
    assert mount(f"url: sales.csv, {key}: work.crashed(data)").get("/t").status_code == 500


def test_a_function_may_refuse_a_request(mount):
    code = "url: sales.csv, prepare: 'handler.send_error(403)'"
    assert mount(code).get("/t").status_code == 403


def test_prepare_may_answer_itself(mount):
    answer = mount("url: sales.csv, prepare: 'handler.redirect(\"/elsewhere\")'").get("/t")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/elsewhere")


def test_a_function_may_make_a_table_of_nothing(mount):
    client = mount("engine: dataframe, function: 'pandas.DataFrame({\"n\": [3, 1, 2]})'")
    assert client.get("/t?_sort=n&n>=1").json == [{"n": 2}, {"n": 3}]
