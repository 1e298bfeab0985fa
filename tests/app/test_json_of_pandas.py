"""What pandas and NumPy give, as JSON: the real packages, whose warnings are errors here."""

import datetime
import re

import numpy as np
import orjson
import pandas as pd
import pytest

from app.json_provider import dumps

NOON = '"' + datetime.datetime(2024, 1, 2, 12).astimezone().isoformat() + '"'
"""A time without a zone gets the server's."""

TIMES = pd.to_datetime(["2024-01-02T12:00", None])


@pytest.mark.parametrize(
    ("frame", "records"),
    [
        pytest.param(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), '[{"a":1,"b":"x"},{"a":2,"b":null}]', id="plain"),
        pytest.param(pd.DataFrame(), "[]", id="empty"),
        pytest.param(pd.DataFrame({"a": []}), "[]", id="no rows"),
        pytest.param(pd.DataFrame({"a": [1.5, np.nan, np.inf]}), '[{"a":1.5},{"a":null},{"a":null}]', id="nan"),
        pytest.param(pd.DataFrame({"t": TIMES}), f'[{{"t":{NOON}}},{{"t":null}}]', id="times"),
        pytest.param(pd.DataFrame({"d": pd.to_timedelta(["36h", None])}), '[{"d":"P1DT12H0M0S"},{"d":null}]', id="td"),
        pytest.param(pd.DataFrame({"c": pd.Categorical(["a", None])}), '[{"c":"a"},{"c":null}]', id="categorical"),
        pytest.param(pd.DataFrame({"i": pd.array([1, None], "Int64")}), '[{"i":1},{"i":null}]', id="Int64"),
        pytest.param(pd.DataFrame({"b": pd.array([True, None], "boolean")}), '[{"b":true},{"b":null}]', id="boolean"),
        pytest.param(pd.DataFrame({"p": pd.period_range("2024-01", periods=1, freq="M")}), '[{"p":"2024-01"}]', id="p"),
        pytest.param(pd.DataFrame({"i": pd.interval_range(0, 1)}), '[{"i":"(0, 1]"}]', id="interval"),
        pytest.param(pd.DataFrame({"o": [{1: pd.NaT}, [2]]}), '[{"o":{"1":null}},{"o":[2]}]', id="objects"),
        pytest.param(pd.DataFrame({"n": [2**70]}), '[{"n":1180591620717411303424}]', id="large"),
        pytest.param(pd.DataFrame([[1, 2]]), '[{"0":1,"1":2}]', id="numbered columns"),
        pytest.param(pd.DataFrame([[1]], columns=TIMES[:1]), '[{"2024-01-02T12:00:00":1}]', id="columns of times"),
    ],
)
def test_a_dataframe_is_its_records(frame, records):
    assert dumps(frame).decode() == records


class GeoFrame(pd.DataFrame):
    """As geopandas has it."""


def test_a_dataframe_of_another_package_is_its_records_too():
    assert dumps(GeoFrame({"a": [1]})).decode() == '[{"a":1}]'


def test_columns_of_several_levels_are_joined():
    columns = pd.MultiIndex.from_tuples([("sales", "sum"), ("sales", 1)])
    assert dumps(pd.DataFrame([[1, 2]], columns=columns)).decode() == '[{"sales|sum":1,"sales|1":2}]'


def test_an_aggregate_of_groups_is_written_by_its_groups():
    frame = pd.DataFrame({"a": ["x", "x", "y"], "b": [1, 1, 2], "n": [1, 2, 4]})
    assert dumps(frame.groupby("a").n.sum()).decode() == '{"x":3,"y":4}'
    assert dumps(frame.groupby(["a", "b"]).n.sum()).decode() == '{"x|1":3,"y|2":4}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(pd.Series([1, 2], ["a", "b"]), '{"a":1,"b":2}', id="Series"),
        pytest.param(pd.Series([1.5, None]), '{"0":1.5,"1":null}', id="Series of floats"),
        pytest.param(pd.Series([1], TIMES[:1]), '{"2024-01-02T12:00:00":1}', id="Series by time"),
        pytest.param(pd.Series([1], TIMES[1:]), '{"null":1}', id="Series by NaT"),
        pytest.param(pd.Index(["a", "b"]), '["a","b"]', id="Index"),
        pytest.param(TIMES, f"[{NOON},null]", id="DatetimeIndex"),
        pytest.param(pd.MultiIndex.from_tuples([("a", 1)]), '[["a",1]]', id="MultiIndex"),
        pytest.param(pd.Categorical(["a"]), '["a"]', id="Categorical"),
        pytest.param(pd.array([1, None], "Int64"), "[1,null]", id="array"),
        pytest.param(TIMES[0], NOON, id="Timestamp"),
        pytest.param(pd.Timestamp("2024-01-02", tz="UTC"), '"2024-01-02T00:00:00+00:00"', id="Timestamp with zone"),
        pytest.param(pd.Timestamp("2024-01-02T00:00:00.123456789Z"), '"2024-01-02T00:00:00.123456+00:00"', id="ns"),
        pytest.param([pd.NaT, pd.NA], "[null,null]", id="missing"),
        pytest.param(pd.Timedelta("-90s"), '"-P0DT0H1M30S"', id="Timedelta"),
        pytest.param({pd.Timestamp("2024-01-02"): 1, np.int64(2): 3}, '{"2024-01-02T00:00:00":1,"2":3}', id="keys"),
        pytest.param({"x": pd.DataFrame({"a": [1]}), "y": [np.float64(0.5)]}, '{"x":[{"a":1}],"y":[0.5]}', id="nested"),
    ],
)
def test_what_else_pandas_has(value, text):
    assert dumps(value).decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(1), "1"),
        (np.uint8(255), "255"),
        (np.float32(1.5), "1.5"),
        (np.float64("nan"), "null"),
        (np.longdouble(1.5), "1.5"),
        (np.bool_(True), "true"),
        (np.str_("x"), '"x"'),
        (np.bytes_(b"x"), '"eA=="'),
        (np.datetime64("2024-01-02T12:00"), NOON),
        (np.datetime64("2024-01-02T12:00:00.000000000"), NOON),
        (np.datetime64("NaT"), "null"),
        (np.timedelta64(90, "s"), '"P0DT0H1M30S"'),
        (np.timedelta64(1500, "ns"), '"P0DT0H0M0.000001S"'),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array([[1, 2], [3, 4]]).T, "[[1,3],[2,4]]"),
        (np.array(5), "5"),
        (np.array([]), "[]"),
        (np.array([1.5, np.nan, np.inf]), "[1.5,null,null]"),
        (np.array([1.5], np.float16), "[1.5]"),
        (np.array([1.5], np.longdouble), "[1.5]"),
        (np.array([1, 2], ">i4"), "[1,2]"),
        (np.array([True, False]), "[true,false]"),
        (np.array(["a", "b"]), '["a","b"]'),
        (np.array([1, "a", None], object), '[1,"a",null]'),
        (np.array(["2024-01-02T12:00", "NaT"], "datetime64[ns]"), f"[{NOON},null]"),
        (np.array([(1, "a")], [("x", int), ("y", "U1")]), '[[1,"a"]]'),
        (np.ma.masked_array([1, 2], [False, True]), "[1,null]"),
    ],
    ids=lambda value: f"{getattr(value, 'dtype', '')}",
)
def test_values_and_arrays_of_numpy(value, text):
    assert dumps(value).decode() == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "a DataFrame that has the column 'a' twice has no JSON form: rename",
        ),
        (pd.Series([1, 2], ["a", "a"]), "a Series whose index has 'a' twice has no JSON form: reset_index"),
        (pd.DataFrame({"a": [1]}).groupby("a"), "pandas' DataFrameGroupBy has no JSON form"),
        (np.complex128(1j), "complex has no JSON form"),
    ],
    ids=["columns", "index", "groups", "complex"],
)
def test_what_would_lose_values_is_refused(value, message):
    with pytest.raises(TypeError, match=message):
        dumps(value)


def test_large_arrays_are_the_same_numbers():
    array = np.random.default_rng(1).random((100, 3))
    assert orjson.loads(dumps(array)) == array.tolist()


# In a site


def mount(function, more=""):
    return f"url: {{f: {{pattern: /f, handler: Function, kwargs: {{{more}function: {function!r}}}}}}}"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("pd.DataFrame({'a': [1, 2]}).query('a > 1')", [{"a": 2}]),
        ("pd.Timestamp('2024-01-02', tz='UTC')", "2024-01-02T00:00:00+00:00"),
        ("np.arange(3) * 2", [0, 2, 4]),
        ("np.mean([1, 2])", 1.5),
        ("pd.Series([np.nan, 1])", {"0": None, "1": 1}),
        ("str(pd.isna(np.nan))", True),
        ("flask.jsonify(a=np.int64(1))", {"a": 1}),
    ],
)
def test_pd_and_np_are_names_of_expressions(site, function, value):
    answer = site(mount(function)).get("/f")
    assert (answer.json if answer.is_json else answer.text == str(value)) == (value if answer.is_json else True)


def test_a_function_page_shows_a_dataframe_as_a_table(site):
    code = (
        "import pandas as pd\ndef run(n: int): return pd.DataFrame({'n': range(n), 't': pd.NaT, ('x', 1): [0.5] * n})\n"
    )
    client = site(mount("work.run", "form: true, "), {"work.py": code})
    page = client.get("/f?n=2", headers={"Accept": "text/html"}).text
    assert re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", page) == ["n", "t", "x|1", "0", "", "0.5", "1", "", "0.5"]


def test_a_generator_may_yield_dataframes(site):
    code = "import pandas as pd\ndef run(handler):\n    for n in 1, 2: yield pd.DataFrame({'n': [n]})\n"
    assert site(mount("work.run"), {"work.py": code}).get("/f").text == '[{"n":1}][{"n":2}]'


def test_what_cannot_be_json_is_told_in_the_log(site, caplog):
    code = "import pandas as pd\ndef run(handler): return pd.DataFrame([[1, 2]], columns=['a', 'a'])\n"
    assert site(mount("work.run"), {"work.py": code}).get("/f").status_code == 500
    assert "a DataFrame that has the column 'a' twice has no JSON form: rename one" in caplog.text


def test_pandas_works_in_a_worker_of_gunicorn(serve):
    code = (
        "import pandas as pd, sqlalchemy, gramex.cache\nengine = sqlalchemy.create_engine(f'sqlite:///{__file__}.db')\n"
        "frame = pd.DataFrame({'t': [pd.Timestamp('2024-01-02')]})\n"
        "def run(handler):\n    frame.to_sql('a', engine, if_exists='replace')\n"
        "    return gramex.cache.query('SELECT count(*) AS n FROM a', engine, 'SELECT max(t) FROM a')\n"
    )
    server = serve(mount("work.run", "offload: true, "), {"work.py": code})
    assert [server.get("/f").text for _ in range(2)] == ['[{"n":1}]'] * 2
