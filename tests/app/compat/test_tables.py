"""Tables in files and databases, by the real pandas and SQLAlchemy."""

import os
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from app.compat import tables
from app.compat.gramex import cache, data

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "ü"]})
RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": "ü"}]


@pytest.fixture
def engine(tmp_path):
    """A database with the table `sales`."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    FRAME.to_sql("sales", engine, index=False)
    yield engine
    engine.dispose()


def insert(engine, number):
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO sales VALUES (:a, NULL)"), {"a": number})


# Queries


def test_a_query_gives_a_dataframe(engine):
    pd.testing.assert_frame_equal(cache.query("SELECT * FROM sales", engine), FRAME)


def test_a_query_takes_the_options_of_pandas(engine):
    frame = cache.query(sa.text("SELECT * FROM sales WHERE a = :a"), engine, params={"a": 2}, index_col="a")
    assert frame.to_dict() == {"b": {2: "ü"}}


def test_without_a_state_a_query_is_made_every_time(engine):
    assert len(cache.query("SELECT * FROM sales", engine)) == 2
    insert(engine, 3)
    assert len(cache.query("SELECT * FROM sales", engine)) == 3


def test_a_result_is_kept_until_the_query_of_its_state_gives_something_else(engine):
    made = [cache.query("SELECT * FROM sales", engine, "SELECT max(a) FROM sales") for _ in range(2)]
    assert made[0] is made[1]
    insert(engine, 3)
    assert len(cache.query("SELECT * FROM sales", engine, "SELECT max(a) FROM sales")) == 3


def test_a_state_that_is_null_is_a_state(engine):
    empty = [cache.query("SELECT * FROM sales", engine, "SELECT max(b) FROM sales WHERE a > 9") for _ in range(2)]
    assert empty[0] is empty[1]


@pytest.mark.parametrize("states", [[1, 2], [None, 1], [FRAME, FRAME.head(1)]], ids=["numbers", "none", "frames"])
def test_a_state_may_be_a_function(engine, states):
    current = states[0]

    def state():
        return current

    first = cache.query("SELECT * FROM sales", engine, state)
    assert cache.query("SELECT * FROM sales", engine, state) is first
    current = states[1]
    assert cache.query("SELECT * FROM sales", engine, state) is not first


def test_queries_of_sqlalchemy_are_told_apart_by_their_values(engine):
    sales = sa.Table("sales", sa.MetaData(), autoload_with=engine)
    found = [cache.query(sa.select(sales).where(sales.c.a == a), engine, lambda: 1) for a in (1, 2)]
    assert [list(frame.b) for frame in found] == [["x"], ["ü"]]


def test_a_query_that_fails_says_what_the_database_says(engine):
    with pytest.raises(pd.errors.DatabaseError, match="no such table: stock"):
        cache.query("SELECT * FROM stock", engine)


def test_a_function_gives_a_query_as_json(run, engine):
    code = f"import sqlalchemy, gramex.cache\nengine = sqlalchemy.create_engine({str(engine.url)!r})\n"
    code += "def run(handler): return gramex.cache.query('SELECT * FROM sales', engine, 'SELECT count(*) FROM sales')\n"
    assert run(code).json == RECORDS


# Files


def test_a_csv_is_opened_as_a_dataframe(run):
    code = "import gramex.cache\ndef run(handler): return gramex.cache.open('a.csv', rel=True, encoding='latin-1')\n"
    assert run(code, files={"a.csv": "a,b\n1,x\n2,ü\n".encode("latin-1")}).json == RECORDS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "a,b\n1,x\n2,ü\n"),
        ("a.CSV", "a,b\n1,x\n2,ü\n"),
        ("a.json", '[{"a":1,"b":"x"},{"a":2,"b":"\\u00fc"}]'),
    ],
)
def test_a_dataframe_is_saved_by_the_files_extension(tmp_path, name, text):
    cache.save(FRAME, tmp_path / name)
    assert (tmp_path / name).read_text() == text


def test_the_index_is_saved_if_it_is_wanted(tmp_path):
    cache.save(FRAME, tmp_path / "a.csv", index=True)
    cache.save(FRAME, tmp_path / "a.json", index=True)
    assert (tmp_path / "a.csv").read_text().startswith(",a,b\n0,1,x\n")
    assert (tmp_path / "a.json").read_text().startswith('[{"index":0,"a":1')


def test_html_is_a_table(tmp_path):
    cache.save(FRAME, tmp_path / "a.html", border=0)
    assert "<td>ü</td>" in (tmp_path / "a.html").read_text()


def test_what_is_saved_is_opened_anew(tmp_path):
    cache.save(FRAME, tmp_path / "a.csv")
    assert len(cache.open(tmp_path / "a.csv")) == 2
    cache.save(FRAME.head(1), tmp_path / "a.csv")
    assert len(cache.open(tmp_path / "a.csv")) == 1


def test_a_file_that_cannot_be_saved_whole_stays_as_it_was(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        cache.save(FRAME, tmp_path / "a.csv", encoding="ascii")
    assert os.listdir(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


def test_a_saved_file_keeps_its_mode(tmp_path):
    (tmp_path / "a.csv").touch(0o640)
    cache.save(FRAME, tmp_path / "a.csv")
    cache.save(FRAME, tmp_path / "b.csv")
    (tmp_path / "c.csv").touch()
    modes = [(tmp_path / name).stat().st_mode for name in ("a.csv", "b.csv", "c.csv")]
    assert (modes[0] & 0o777, modes[1]) == (0o640, modes[2])


def test_another_extension_is_refused(tmp_path):
    with pytest.raises(TypeError, match="a.doc: the extension should be one of csv, json, html, xlsx, parquet"):
        cache.save(FRAME, tmp_path / "a.doc")


# Packages that are not there


@pytest.mark.parametrize(
    ("hidden", "call", "message"),
    [
        (
            ["python_calamine", "openpyxl"],
            "open",
            ".xlsx files need the package python-calamine or openpyxl: pip install",
        ),
        (
            ["xlsxwriter", "openpyxl"],
            "save",
            ".xlsx files need the package XlsxWriter or openpyxl: pip install XlsxWriter",
        ),
        (["pyarrow", "fastparquet"], "open", ".parquet files need the package pyarrow: pip install pyarrow"),
        (["pyarrow", "fastparquet"], "save", ".parquet files need the package pyarrow: pip install pyarrow"),
    ],
    ids=["open xlsx", "save xlsx", "open parquet", "save parquet"],
)
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, hidden, call, message):
    monkeypatch.setattr(tables, "find_spec", lambda name: None if name in hidden else find_spec(name))
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / f"a{message.split()[0]}"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("xl/workbook.xml", "")  # by this pandas knows its kind
    with pytest.raises(ImportError, match=re.escape(message)):
        cache.open(path) if call == "open" else cache.save(FRAME, path)


def test_pandas_itself_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(ImportError, match="a.csv needs the package pandas: pip install pandas"):
        cache.open(tmp_path / "a.csv")


def test_a_site_that_uses_no_pandas_does_not_import_it(write_site):
    yaml = "url: {f: {pattern: /f, handler: Function, kwargs: {function: old.run}}}"
    code = "import gramex.cache, gramex.services, gramex.transforms\ndef run(handler): return [1, {'a': 2.5}]\n"
    config = write_site(yaml, {"old.py": code})
    look = "import sys, wsgi\nassert wsgi.app.test_client().get('/f').json == [1, {'a': 2.5}]\n"
    look += "print({'pandas', 'numpy', 'sqlalchemy', 'tornado', 'pyarrow'} & set(sys.modules))"
    environment = {**os.environ, "SKERRY_CONFIG": str(config)}
    folder = Path(tables.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", look], cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.stdout.splitlines()[-1:], done.stderr) == (["set()"], "")


# gramex.data


def test_the_rows_that_arguments_ask_for_are_a_dataframe(tmp_path, engine):
    FRAME.to_csv(tmp_path / "sales.csv", index=False)
    meta = {}
    for source in ({"url": tmp_path / "sales.csv"}, {"url": str(engine.url), "table": "sales"}):
        found = data.filter(**source, args={"a>": ["1"], "_c": "b", "x": 1}, meta=meta)
        pd.testing.assert_frame_equal(found, pd.DataFrame({"b": ["ü"]}))
        assert (meta["filters"], meta["ignored"]) == ([["a", ">", [1]]], [["x", ["1"]]])


def test_bad_arguments_of_a_filter_are_a_value_error(tmp_path):
    FRAME.to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(ValueError, match="'x' is not an integer"):
        data.filter(tmp_path / "sales.csv", {"a": "x"})
