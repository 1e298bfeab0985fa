"""What may stand where a text of the YAML has `{name}`."""

import pytest

from app.tables.columns import BadValue
from blueprints.forms import placeholders
from blueprints.forms.placeholders import filled, in_name, in_path, in_sql, in_url, names, of_url


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.csv", set()),
        ("{year}/{month-1}.csv", {"year", "month-1"}),
        ("{_0}", {"_0"}),
        ("SELECT '{{x}}'", set()),
        ("a } b", set()),
    ],
)
def test_names_are_those_in_braces(text, found):
    assert names(text) == found


@pytest.mark.parametrize("text", ["{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{}", "{a b}"])
def test_what_is_no_name_is_a_mistake(text):
    with pytest.raises(ValueError, match="should be the name of an argument"):
        names(text)


def test_the_first_value_fills_and_doubled_braces_are_one():
    assert filled("{a}-{{b}}-{a}", {"a": ["x", "y"]}, in_sql) == "x-{b}-x"


@pytest.mark.parametrize("args", [{}, {"a": []}, {"a": [""]}])
def test_a_missing_argument_is_named(args):
    with pytest.raises(BadValue, match="a: this needs the argument"):
        filled("{a}", args, in_sql)


@pytest.mark.parametrize(
    "value", ["Oslo", "2026-01-05", "2026-01-05T10:30", "a,b", "-1.5", "1e+3", "ann@example.org", "Ærø"]
)
def test_words_numbers_and_dates_may_stand_in_sql(value):
    assert in_sql("a", value) == value


@pytest.mark.parametrize("value", ["sales", "2026/sales", "a b", "x..y", "Ærø"])
def test_names_and_paths_below_may_stand_in_a_path(value):
    assert in_path("a", value) == value


@pytest.mark.parametrize("value", ["..", "a/..", "../a", "/a", "a/", "a//b", ".a", "a/.git", "http://x", "a\\b", "a\0"])
def test_what_leads_elsewhere_may_not_stand_in_a_path(value):
    with pytest.raises(BadValue):
        in_path("a", value)


def test_a_web_address_keeps_its_parts():
    assert in_url("a", "x/../y?z#@") == "x%2F..%2Fy%3Fz%23%40"
    with pytest.raises(BadValue):
        in_url("a", "a b")


@pytest.mark.parametrize("value", ["a/b", "a?b", "a@b", "-a b", ""])
def test_a_database_is_named_by_a_name(value):
    with pytest.raises(BadValue):
        in_name("a", value)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("data/{a}.csv", in_path),
        ("sqlite:///{a}.db", in_path),
        ("dir:///{a}", in_path),
        ("https://example.org/{a}.csv", in_url),
        ("postgresql+psycopg://u@h/{a}", in_name),
    ],
)
def test_the_rule_follows_from_the_url(url, rule):
    assert of_url(url) is rule


@pytest.mark.parametrize("url", ["https://{a}/x", "{a}://h/x", "postgresql://{a}@h/x", "https://h:{a}/x"])
def test_a_request_never_names_the_host(url):
    with pytest.raises(ValueError, match="may not say which host"):
        placeholders.of_url(url)
