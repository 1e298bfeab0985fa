import pytest

from blueprints.processes.arguments import BadArgument, check, fill


def lookup(**values):
    return lambda name: values.get(name)


@pytest.mark.parametrize(
    "item, filled",
    [
        ("{a}", "x y"),
        ("--name={a}", "--name=x y"),
        ("{a}{b}", "x y; rm"),
        ("{{a}}", "{a}"),
        ("${a}", "${a}"),
        ("{print $1}", "{print $1}"),
        ("{}", "{}"),
        ("{ a }", "{ a }"),
    ],
)
def test_placeholders_are_filled_and_other_braces_stay(item, filled):
    assert fill(["cmd", item], lookup(a="x y", b="; rm"), options=False) == ["cmd", filled]


def test_a_value_is_not_filled_again():
    assert fill(["cmd", "{a}"], lookup(a="{b}", b="secret"), options=False) == ["cmd", "{b}"]


@pytest.mark.parametrize("item", ["{a}", "{a}.txt", "{empty}{a}"])
def test_a_value_does_not_become_an_option(item):
    with pytest.raises(BadArgument, match="should not begin with '-'"):
        fill(["cmd", item], lookup(a="-rf", empty=""), options=False)


@pytest.mark.parametrize("args", [["cmd", "--", "{a}"], ["cmd", "x{a}"], ["cmd", "-n", "-{a}"]])
def test_a_value_may_begin_with_a_dash_where_it_is_no_option(args):
    assert fill(args, lookup(a="-1"), options=False)[-1].endswith("-1")


def test_options_allows_options():
    assert fill(["cmd", "{a}"], lookup(a="-l"), options=True) == ["cmd", "-l"]


@pytest.mark.parametrize("value, message", [(None, "missing argument 'a'"), ("x\0y", "null character")])
def test_a_value_that_cannot_be_passed_is_refused(value, message):
    with pytest.raises(BadArgument, match=message):
        fill(["cmd", "{a}"], lookup(a=value), options=True)


@pytest.mark.parametrize(
    "args",
    [
        ["{a}"],
        ["/bin/{a}"],
        ["sh", "-c", "grep {a}"],
        ["/bin/bash", "-ec", "grep {a}"],
        ["python3.12", "-c", "print('{a}')"],
        ["perl", "-ne", "print {a}"],
        ["node", "--eval", "{a}"],
        ["php", "-r", "{a}"],
    ],
    ids=" ".join,
)
def test_a_client_writes_no_code_and_chooses_no_program(args):
    with pytest.raises(ValueError, match="client must not"):
        check(args)


@pytest.mark.parametrize("args", [["sh", "-c", 'echo "$1"', "sh", "{a}"], ["python3", "tool.py", "{a}"], ["ls", "{a}"]])
def test_values_beside_code_are_fine(args):
    check(args)
