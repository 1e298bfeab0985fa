from datetime import date
from pathlib import Path

import pytest

from app.config.yaml_source import Report, load, parse
from app.mistakes import ConfigError

FILE = Path("x.yaml")


def value(text, gramex=False):
    report = Report()
    tree = parse(f"a: {text}", FILE, report, gramex=gramex)
    assert not report.mistakes
    return tree["a"]


def mistakes(text):
    report = Report()
    parse(text, FILE, report)
    return list(map(str, report.mistakes))


@pytest.mark.parametrize(
    ("text", "core", "original"),
    [
        ("yes", "yes", True),
        ("Off", "Off", False),
        ("True", True, True),
        ("12:30", "12:30", 750),
        ("017", 17, 15),
        ("0o17", 15, "0o17"),
        ("0x1F", 31, 31),
        ("1_000", "1_000", 1000),
        ("1e3", 1000.0, "1e3"),
        (".5", 0.5, 0.5),
        ("-.INF", float("-inf"), float("-inf")),
        ("2024-01-31", "2024-01-31", date(2024, 1, 31)),
        ("~", None, None),
        ("", None, None),
        ("'1'", "1", "1"),
        ("!!str 1", "1", "1"),
        ("!!float 1", 1.0, 1.0),
        ("=", "=", "="),
        ("<<", "<<", "<<"),
    ],
)
def test_plain_values_follow_yaml_1_2_and_1_1_for_a_site_of_the_original(text, core, original):
    assert (value(text), value(text, gramex=True)) == (core, original)
    assert type(value(text)) is type(core)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "x.yaml:1:5: a ':' is not allowed here"),
        ("a: @x", "x.yaml:1:4: a text cannot start with '@': put it in quotes"),
        ("é: *x", "x.yaml:1:4: the alias '*x' has no anchor '&' before it"),
        ("a: &x 1\nb: &x 2", "x.yaml:2:4: this anchor '&' is given twice"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: only one document per file"),
        ("a:\n  b: 1\n c: 2", "x.yaml:3:2: this does not fit the lines above"),
        ("a:\n- b\nc\n", "x.yaml:3:1: this key has no ':' after it"),
        ("a: - b", "x.yaml:1:4: a list item '- ' must start a line of its own"),
        ("a: {b: 1", "x.yaml:1:4: this '{' is not closed where expected: add ',' or '}'"),
        ('a: "\\q"', "x.yaml:1:5: unknown escape in double quotes"),
        ("é: 1\nb: \x01", "x.yaml:2:4: control characters are not allowed"),
        ("a: |\n\tx", "x.yaml:2:1: a tab cannot indent YAML"),
        ("a: !x!y z", "x.yaml:1:4: unknown tag"),
        ("a: &", "x.yaml:1:5: not valid YAML: did not find expected alphabetic or numeric character"),
    ],
)
def test_syntax_errors_are_in_plain_words(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE, Report())
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("depth", [101, 5_000, 200_000])
@pytest.mark.parametrize("text", ["[", "- ", "{a: ", "? "], ids=["flow list", "list", "flow map", "key"])
def test_deep_nesting_is_refused(text, depth):
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse(text * depth, FILE, Report())


@pytest.mark.parametrize("inner", ["[*a, *a]", "{x: *a, y: *a}", "[{<<: *a}]"])
def test_a_value_that_contains_itself_is_a_mistake(inner):
    assert "contains an alias '*' of itself" in mistakes(f"a: &a {inner}")[0]


@pytest.mark.parametrize("kind", ["[{}]", "{{{}}}"], ids=["lists", "maps"])
def test_aliases_that_multiply_without_end_are_refused(kind):
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        nine = [f"k{number}: *l{level - 1}" if "{{" in kind else f"*l{level - 1}" for number in range(9)]
        lines.append(f"l{level}: &l{level} " + kind.format(", ".join(nine)))
    with pytest.raises(ConfigError, match="aliases repeat more than 100,000 values"):
        parse("\n".join(lines), FILE, Report())


def test_an_alias_is_a_copy():
    tree = parse("a: &a {x: 1}\nb: *a", FILE, Report())
    assert tree["a"] == tree["b"] and tree["a"] is not tree["b"]


def test_duplicate_keys_name_both_places():
    (message,) = mistakes("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert message == "x.yaml:4:3: b.c: duplicate key, first given at line 3; remove one of them (the first is used)"


def test_a_merge_of_something_else_is_a_mistake():
    assert mistakes("a: {<<: 1}") == ["x.yaml:1:9: a: '<<' takes a mapping, or a list of mappings"]


@pytest.mark.parametrize("text", ["!!int x", "!!bool maybe", "!!null x", "!!float x", "!!int 0x", "9" * 5000])
def test_a_value_that_is_not_of_its_type_is_a_mistake_that_does_not_show_it(text):
    (message,) = mistakes(f"a: {text}")
    assert message.endswith("put it in quotes") and text.split()[-1] not in message.partition("value")[2]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "x.yaml").write_text("\ufeffa: 1", encoding="utf-8")
    assert load(tmp_path / "x.yaml", Report()) == {"a": 1}
