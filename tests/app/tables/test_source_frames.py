"""DataFrames as tables, and tables as DataFrames."""

import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.tables.columns import Column, Kind
from app.tables.files.frames import Frame, to_data, to_frame
from app.tables.files.loading import Engine
from tests.app.tables.reading import all_rows

REPO = Path(__file__).parents[3]
NOON = datetime(2026, 1, 1, 12)


SERIES = [
    ("int64", pd.Series([1, -2]), "integer", [1, -2]),
    ("int8", pd.Series([1, -2], dtype="int8"), "integer", [1, -2]),
    ("Int64 with null", pd.Series([1, None], dtype="Int64"), "integer", [1, None]),
    ("uint64", pd.Series([1, 2**64 - 1], dtype="uint64"), "decimal", [1, 2**64 - 1]),
    ("float64 with NaN", pd.Series([1.5, np.nan]), "float", [1.5, None]),
    ("Float64 with null", pd.Series([1.5, None], dtype="Float64"), "float", [1.5, None]),
    ("float32", pd.Series([1.5, 2], dtype="float32"), "float", [1.5, 2]),
    ("bool", pd.Series([True, False]), "boolean", [True, False]),
    ("boolean with null", pd.Series([True, None], dtype="boolean"), "boolean", [True, None]),
    ("booleans as objects", pd.Series([True, None], dtype=object), "boolean", [True, None]),
    ("str", pd.Series(["x", None]), "text", ["x", None]),
    ("string", pd.Series(["x", None], dtype="string"), "text", ["x", None]),
    ("texts as objects", pd.Series(["x", np.nan], dtype=object), "text", ["x", None]),
    ("mixed objects", pd.Series(["x", 1, None], dtype=object), "text", ["x", "1", None]),
    ("integers as objects", pd.Series([1, None], dtype=object), "integer", [1, None]),
    ("integers and floats", pd.Series([1, 2.5], dtype=object), "float", [1.0, 2.5]),
    ("large integers", pd.Series([10**30, 1], dtype=object), "decimal", [Decimal(10**30), Decimal(1)]),
    ("Decimal", pd.Series([Decimal("1.50"), None]), "decimal", [Decimal("1.50"), None]),
    ("datetime64", pd.Series([NOON, pd.NaT]), "datetime", [NOON, None]),
    ("datetime64[ns]", pd.Series([NOON]).astype("datetime64[ns]"), "datetime", [NOON]),
    (
        "with a zone",
        pd.Series([NOON, pd.NaT]).dt.tz_localize("Etc/GMT-2"),
        "datetime",
        [datetime(2026, 1, 1, 10), None],
    ),
    ("datetimes as objects", pd.Series([NOON.replace(tzinfo=UTC), None], dtype=object), "datetime", [NOON, None]),
    ("datetime64[s] of days", pd.Series([date(2026, 1, 1)], dtype="datetime64[s]"), "date", [date(2026, 1, 1)]),
    ("datetime64[s] of times", pd.Series([NOON], dtype="datetime64[s]"), "datetime", [NOON]),
    ("dates", pd.Series([date(2026, 1, 1), None]), "date", [date(2026, 1, 1), None]),
    ("times", pd.Series([time(10, 30), None]), "time", [time(10, 30), None]),
    ("timedelta", pd.Series(pd.to_timedelta(["1 days 02:00:01", None])), "text", ["26:00:01", None]),
    ("period", pd.Series(pd.period_range("2026-01", periods=2, freq="M")), "text", ["2026-01", "2026-02"]),
    ("category of texts", pd.Series(["x", None, "x"], dtype="category"), "text", ["x", None, "x"]),
    ("category of numbers", pd.Series([3, 4, 3]).astype("category"), "integer", [3, 4, 3]),
    ("bytes", pd.Series([b"\x00a", None]), "binary", [b"\x00a", None]),
    ("lists", pd.Series([[1, 2], None]), "other", [[1, 2], None]),
    ("objects", pd.Series([{"k": [1]}, None]), "other", [{"k": [1]}, None]),
    ("arrays", pd.Series([np.array([1, 2]), None]), "other", [[1, 2], None]),
    ("only nulls", pd.Series([None, None], dtype=object), "text", [None, None]),
    ("complex", pd.Series([1 + 2j]), "text", ["(1+2j)"]),
]


@pytest.mark.parametrize(("series", "kind", "wanted"), [case[1:] for case in SERIES], ids=[name for name, *_ in SERIES])
def test_values_of_a_frame_have_kinds_in_queries_and_in_answers(engine, series, kind, wanted):
    frame = pd.DataFrame({"x": series})
    source = Frame(lambda: frame, tables=engine)
    columns, batches = to_data(frame)
    assert source.columns() == columns == (Column("x", Kind(kind)),)
    assert [value for (value,) in all_rows(source)] == wanted
    assert [value for rows in batches for (value,) in rows] == wanted


FRAMES = [
    ("a range", pd.DataFrame({"a": [1]}), ["a"]),
    ("an index without name", pd.DataFrame({"a": [1, 2]})[1:], ["a"]),
    ("an index with a name", pd.DataFrame({"a": [1]}, index=pd.Index([7], name="key")), ["key", "a"]),
    ("a name that is there", pd.DataFrame({"a": [1]}, index=pd.Index([7], name="a")), ["a", "a_1"]),
    ("groups", pd.DataFrame({"a": [1], "b": [2], "c": [3]}).groupby(["a", "b"]).sum(), ["a", "b", "c"]),
    ("columns of two levels", pd.DataFrame({("a", "x"): [1], ("b", ""): [2]}), ["a_x", "b"]),
    ("the same names", pd.DataFrame([[1, 2, 3]], columns=["a", "A", "a"]), ["a", "A_1", "a_2"]),
    ("numbers as names", pd.DataFrame([[1, 2]]), ["0", "1"]),
    ("a series", pd.Series([1], name="s"), ["s"]),
    ("odd names", pd.DataFrame({'say "x"': [1], "": [2]}), ['say "x"', "column1"]),
]


@pytest.mark.parametrize(("frame", "names"), [case[1:] for case in FRAMES], ids=[name for name, *_ in FRAMES])
def test_names_of_columns(engine, frame, names):
    source = Frame(lambda: frame, tables=engine)
    assert [column.name for column in source.columns()] == names
    assert len(all_rows(source)) == 1


def test_a_frame_is_made_once_and_filtered_by_the_grammar(engine):
    made = []

    def make():
        made.append(1)
        return pd.DataFrame({"city": ["Oslo", "Bergen", "Oslo"], "n": [1, 2, 3]})

    source = Frame(make, "v1", engine)
    assert all_rows(source, city=["Oslo"], _sort=["-n"]) == [("Oslo", 3), ("Oslo", 1)]
    assert all_rows(source, _by=["city"]) == [("Bergen", 2), ("Oslo", 4)]
    assert (source.state(), len(made)) == ("v1", 1)


def test_many_at_once_make_one_frame(engine):
    made = []
    source = Frame(lambda: made.append(1) or pd.DataFrame({"a": [1]}), tables=engine)
    threads = [threading.Thread(target=source.columns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


@pytest.mark.parametrize(("made", "said"), [({"a": 1}, "not dict"), (None, "not NoneType")])
def test_what_is_no_frame_is_an_error(engine, made, said):
    with pytest.raises(ValueError, match=f"needs a DataFrame, {said}"):
        Frame(lambda: made, tables=engine).columns()


def test_what_a_function_raises_is_raised(engine):
    with pytest.raises(ZeroDivisionError):
        Frame(lambda: 1 / 0, tables=engine).columns()


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame({"a": [1]})[:0]])
def test_a_frame_without_rows(engine, frame):
    source = Frame(lambda: frame, tables=engine)
    assert len(source.columns()) == len(frame.columns)
    assert all_rows(source) == []


def test_the_table_of_a_frame_goes_with_it():
    engine = Engine()
    for _ in range(3):
        Frame(lambda: pd.DataFrame({"a": [1]}), tables=engine).columns()
    kept = Frame(lambda: pd.DataFrame({"a": [1]}), tables=engine)
    kept.columns()
    assert engine.cursor().execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (1,)


COLUMNS = tuple(Column(kind.value, kind) for kind in Kind)
ROW = (True, 1, 1.5, Decimal("1.5"), "x", date(2026, 1, 31), time(10), NOON, b"b", {"k": [1]})


def test_rows_become_a_frame_as_pandas_has_them():
    frame = to_frame(COLUMNS, [[ROW], [ROW]])
    types = "bool int64 float64 float64 str datetime64[s] object datetime64[us] object object"
    assert [str(kind) for kind in frame.dtypes] == types.split()
    assert frame.date.dt.month.tolist() == [1, 1]


def test_nulls_in_a_frame_are_what_pandas_knows_as_missing():
    frame = to_frame(COLUMNS, [[ROW, (None,) * len(ROW)]])
    assert frame.isna().all(axis=1).tolist() == [False, True]
    assert [str(frame[name].dtype) for name in ("integer", "boolean")] == ["float64", "object"]
    large = to_frame([Column("n", Kind.INTEGER)], [[(2**60 + 1,), (None,)]])
    assert large.n[0] == 2**60 + 1


def test_what_goes_to_a_frame_and_back_is_the_same():
    columns, batches = to_data(to_frame(COLUMNS, [[ROW] * 3000]))
    kinds = [Kind.FLOAT if column.kind is Kind.DECIMAL else column.kind for column in COLUMNS]
    rows = [row for batch in batches for row in batch]
    assert [column.kind for column in columns] == kinds
    assert (len(rows), rows[-1]) == (3000, (*ROW[:3], 1.5, *ROW[4:]))


def test_a_frame_of_no_rows_has_its_columns():
    frame = to_frame(COLUMNS, [])
    assert (list(frame.columns), len(frame)) == ([kind.value for kind in Kind], 0)


def test_pandas_is_not_imported_without_a_frame():
    imports = "from app.tables import sources; from app.tables.files import file, folders, frames, remote"
    code = f"import sys; {imports}; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
