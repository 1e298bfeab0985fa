import datetime
import decimal
import json
import pathlib
import uuid
from collections import namedtuple

import pytest

from app.json_provider import dumps

Point = namedtuple("Point", "x y")


class Record:
    def to_dict(self):
        return {"a": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (float("nan"), "null"),
        (10**30, "1" + "0" * 30),
        ({"a": 2**64}, '{"a":18446744073709551616}'),
        ("é", '"é"'),
        ((1, "a"), '[1,"a"]'),
        ({"a": [1, {}]}, '{"a":[1,{}]}'),
        ({1: "a", None: "b"}, '{"1":"a","null":"b"}'),
        (b"\x00\xff", '"AP8="'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        (datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC), '"2024-02-29T12:00:00+00:00"'),
        (datetime.datetime(2024, 2, 29, 12), f'"{datetime.datetime(2024, 2, 29, 12).astimezone().isoformat()}"'),
        (datetime.time(13, 45), '"13:45:00"'),
        (decimal.Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (decimal.Decimal("NaN"), "null"),
        ([decimal.Decimal("0.5"), 2**64], "[0.5,18446744073709551616]"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (pathlib.PurePosixPath("a/b"), '"a/b"'),
        (Point(1, 2), '{"x":1,"y":2}'),
        (Record(), '{"a":1}'),
        (datetime.timedelta(days=1, hours=2, seconds=3.5), '"P1DT2H0M3.5S"'),
        (datetime.timedelta(seconds=-90), '"-P0DT0H1M30S"'),
        (
            {("a", 1): 2**64, (): uuid.UUID(int=1)},
            '{"a|1":18446744073709551616,"":"00000000-0000-0000-0000-000000000001"}',
        ),
        ([decimal.Decimal("1.50"), float("nan"), 2**64], "[1.50,null,18446744073709551616]"),
    ],
)
def test_values_have_a_json_form(value, text):
    assert dumps(value).decode() == text


@pytest.mark.parametrize("value", [{1, 2}, object(), lambda: 1, {"a": {1}}], ids=lambda v: type(v).__name__)
def test_what_has_no_json_form_is_named(value):
    with pytest.raises(TypeError, match=r"has no JSON form|not JSON serializable"):
        dumps(value)


def test_flask_s_json_is_the_same(site):
    client = site("""
        url:
          echo: {pattern: /echo, handler: Function, kwargs: {function: flask.jsonify(handler.request.json)}}
    """)
    answer = client.post("/echo", json={"a": [1, None, "é"]})
    assert (answer.content_type, answer.text) == ("application/json", '{"a":[1,null,"é"]}')
    assert client.post("/echo", data="{", content_type="application/json").status_code == 400


def test_large_whole_numbers_come_back_as_they_are():
    assert json.loads(dumps([10**30, 1.5, "a"])) == [10**30, 1.5, "a"]
