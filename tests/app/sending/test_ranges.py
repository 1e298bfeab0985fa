import pytest

from app.sending.preconditions import Validators
from app.sending.ranges import parsed, wanted

NOW = Validators('"now"', 784111777)


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        pytest.param("bytes=0-0", [(0, 1)], id="first byte"),
        pytest.param("bytes=2-5", [(2, 6)], id="inside"),
        pytest.param("bytes=5-", [(5, 10)], id="open end"),
        pytest.param("bytes=-3", [(7, 10)], id="suffix"),
        pytest.param("bytes=-99", [(0, 10)], id="suffix longer than all"),
        pytest.param("bytes=5-999999999999999999", [(5, 10)], id="end beyond the last byte"),
        pytest.param("Bytes= 0-1 ,, 4-5 ", [(0, 2), (4, 6)], id="case, spaces and empty items"),
        pytest.param("bytes=6-7,0-1", [(0, 2), (6, 8)], id="out of order"),
        pytest.param("bytes=0-3,2-5", [(0, 6)], id="overlapping"),
        pytest.param("bytes=0-3,4-5", [(0, 6)], id="adjacent"),
        pytest.param("bytes=0-8,2-3", [(0, 9)], id="one inside another"),
        pytest.param("bytes=0-1,50-60", [(0, 2)], id="one cannot be satisfied"),
        pytest.param("bytes=10-", [], id="starts at the end"),
        pytest.param("bytes=-0", [], id="empty suffix"),
    ],
)
def test_ranges_of_ten_bytes(header, spans):
    assert parsed(header, 10) == [range(*span) for span in spans]


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0-1;4-5", "bytes=1--2", "lines=0-1"]
    + ["bytes=0x1-2", "bytes=+1-2", "bytes=٣-٤", "bytes=0-1,x", f"bytes={'9' * 5000}-", "bytes 0-1"],
)
def test_a_malformed_range_is_ignored(header):
    assert parsed(header, 10) is None


def test_an_attack_with_many_overlapping_ranges_is_ignored():
    assert parsed("bytes=0-," + ",".join(f"5-{last}" for last in range(5, 1300)), 10_000) is None


def test_fifty_ranges_are_still_served():
    assert len(parsed("bytes=" + ",".join(f"{n * 3}-{n * 3}" for n in range(50)), 1000)) == 50


def test_an_empty_file_has_no_ranges():
    assert parsed("bytes=0-", 0) == []
    assert parsed("bytes=-5", 0) is None


def test_only_get_has_ranges():
    fields = {"HTTP_RANGE": "bytes=0-1"}
    assert wanted("GET", fields, 10, NOW) == [range(0, 2)]
    assert wanted("HEAD", fields, 10, NOW) is None


def test_a_range_of_another_state_gets_the_whole():
    assert wanted("GET", {"HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": '"old"'}, 10, NOW) is None
