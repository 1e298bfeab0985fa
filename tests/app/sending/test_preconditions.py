import pytest

from app.sending.preconditions import Validators, range_applies, verdict

MODIFIED = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
NOW = Validators('"now"', MODIFIED)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({}, 200, id="no condition"),
        pytest.param({"HTTP_IF_MATCH": '"now"'}, 200, id="if-match, same"),
        pytest.param({"HTTP_IF_MATCH": '"old", "now"'}, 200, id="if-match, listed"),
        pytest.param({"HTTP_IF_MATCH": "*"}, 200, id="if-match, any"),
        pytest.param({"HTTP_IF_MATCH": '"old"'}, 412, id="if-match, other"),
        pytest.param({"HTTP_IF_MATCH": 'W/"now"'}, 412, id="if-match compares strongly"),
        pytest.param({"HTTP_IF_UNMODIFIED_SINCE": DATE}, 200, id="if-unmodified-since, same"),
        pytest.param({"HTTP_IF_UNMODIFIED_SINCE": EARLIER}, 412, id="if-unmodified-since, earlier"),
        pytest.param({"HTTP_IF_UNMODIFIED_SINCE": "soon"}, 200, id="if-unmodified-since, not a date"),
        pytest.param({"HTTP_IF_MATCH": '"now"', "HTTP_IF_UNMODIFIED_SINCE": EARLIER}, 200, id="if-match comes first"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"now"'}, 304, id="if-none-match, same"),
        pytest.param({"HTTP_IF_NONE_MATCH": 'W/"now"'}, 304, id="if-none-match compares weakly"),
        pytest.param({"HTTP_IF_NONE_MATCH": "*"}, 304, id="if-none-match, any"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"old","now"'}, 304, id="if-none-match, listed"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"old"'}, 200, id="if-none-match, other"),
        pytest.param({"HTTP_IF_NONE_MATCH": "now"}, 200, id="if-none-match without quotes"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": DATE}, 304, id="if-modified-since, same"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": LATER}, 304, id="if-modified-since, later"),
        pytest.param({"HTTP_IF_MODIFIED_SINCE": EARLIER}, 200, id="if-modified-since, earlier"),
        pytest.param(
            {"HTTP_IF_NONE_MATCH": '"old"', "HTTP_IF_MODIFIED_SINCE": DATE}, 200, id="the tag outranks a date"
        ),
        pytest.param({"HTTP_IF_MATCH": '"old"', "HTTP_IF_NONE_MATCH": '"now"'}, 412, id="412 comes before 304"),
    ],
)
def test_preconditions_are_evaluated_in_the_order_of_rfc_9110(fields, status):
    assert verdict("GET", fields, NOW) == status


@pytest.mark.parametrize(
    "date",
    [
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", id="asctime"),
    ],
)
def test_the_two_obsolete_date_formats_are_understood(date):
    assert verdict("GET", {"HTTP_IF_MODIFIED_SINCE": date}, NOW) == 304


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "0", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "é" * 50],
)
def test_what_is_not_a_date_is_no_condition(date):
    assert verdict("GET", {"HTTP_IF_MODIFIED_SINCE": date}, NOW) == 200
    assert not range_applies({"HTTP_IF_RANGE": date}, NOW)


def test_writing_under_if_none_match_fails_instead_of_answering_304():
    assert verdict("PUT", {"HTTP_IF_NONE_MATCH": "*"}, NOW) == 412
    assert verdict("PUT", {"HTTP_IF_MODIFIED_SINCE": DATE}, NOW) == 200


def test_dates_are_ignored_when_the_modification_time_is_unknown():
    unknown = Validators('"now"')
    assert verdict("GET", {"HTTP_IF_MODIFIED_SINCE": DATE}, unknown) == 200
    assert verdict("GET", {"HTTP_IF_UNMODIFIED_SINCE": EARLIER}, unknown) == 200


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [('"now"', True), ('"old"', False), ('W/"now"', False), (DATE, True), (EARLIER, False), (LATER, False)],
)
def test_if_range_holds_only_for_the_very_same_state(if_range, applies):
    assert range_applies({"HTTP_IF_RANGE": if_range}, NOW) is applies


def test_a_weak_tag_never_holds_for_if_range_or_if_match():
    weak = Validators('W/"now"')
    assert not range_applies({"HTTP_IF_RANGE": 'W/"now"'}, weak)
    assert verdict("GET", {"HTTP_IF_MATCH": '"now"'}, weak) == 412
