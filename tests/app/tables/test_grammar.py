import random
from datetime import date
from decimal import Decimal

import pytest

from app.tables.columns import BadValue, Column, Kind
from app.tables.grammar import Aggregate, Filter, Function, Group, Having, Op, Sort, Unit, meta, parse
from tests.app.tables.cases import arguments

COLUMNS = [
    Column("id", Kind.INTEGER, key=True),
    Column("city", Kind.TEXT),
    Column("sales", Kind.DECIMAL),
    Column("day", Kind.DATE),
    Column("at", Kind.DATETIME),
    Column("ok", Kind.BOOLEAN),
    Column("raw", Kind.BINARY),
]
NAMES = ("id", "city", "sales", "day", "at", "ok", "raw")
SUM = Aggregate("sales", Function.SUM, "sales|sum", Kind.DECIMAL)

OPERATORS = {
    "": Op.EQUAL,
    "!": Op.NOT_EQUAL,
    ">": Op.GREATER,
    ">~": Op.GREATER_EQUAL,
    "<": Op.LESS,
    "<~": Op.LESS_EQUAL,
    "~": Op.MATCH,
    "!~": Op.NOT_MATCH,
    "*": Op.MATCH_NOCASE,
    "!*": Op.NOT_MATCH_NOCASE,
}

ODD_NAMES = [
    *("a", "a b", " a ", 'say "hi"', "it's", "a]b", "`a`", "a;b--", "%s", ":a", "?a", "a.b", "a=b", "a\\b", ""),
    *("a!", "!", "a>~", "a>", "<", "a<~", "~", "a!~", "*", "a!*", "!!", "a|b", "a|sum", "|", "a|b|sum>", "a||"),
    *("-a", "--a", "a:b", "a:month", "day:month", "_id", "__", "_C", "select", "Åse", "日本語", "e\u0301", "🧮 n", "ß"),
]


def read(query, columns=COLUMNS):
    return parse(arguments(query), columns)


def refused(query, columns=COLUMNS):
    with pytest.raises(BadValue) as caught:
        read(query, columns)
    return str(caught.value)


def test_no_arguments_ask_for_all_columns_and_ten_thousand_rows():
    query = parse({}, COLUMNS)
    assert (query.columns, query.by, query.limit, query.offset) == (NAMES, None, 10_000, 0)
    assert not (query.filters or query.sort or query.words or query.ignored or query.distinct or query.count)


# Filters


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
@pytest.mark.parametrize(("text", "op"), OPERATORS.items(), ids=lambda item: str(item))
def test_every_operator_works_on_every_name(name, text, op):
    query = parse({name + text: ["v"]}, [Column(name, Kind.TEXT)])
    assert query.filters == (Filter(name, op, ("v",)),)


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_the_exact_name_of_a_column_wins(name):
    columns = [Column(other, Kind.INTEGER) for other in ODD_NAMES]
    assert parse({name: ["1"]}, columns).filters == (Filter(name, Op.EQUAL, (1,)),)
    assert parse({name: ["1"], "_by": ["a"]}, columns).filters == (Filter(name, Op.EQUAL, (1,)),)


def test_the_longest_operator_wins_where_two_columns_would_fit():
    columns = [Column("a", Kind.TEXT), Column("a!", Kind.TEXT)]
    assert read("a!~=x", columns).filters == (Filter("a", Op.NOT_MATCH, ("x",)),)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("city", Filter("city", Op.NOT_NULL)),
        ("city=", Filter("city", Op.NOT_NULL)),
        ("city!", Filter("city", Op.NULL)),
        ("city!=", Filter("city", Op.NULL)),
        ("city=Oslo&city=", Filter("city", Op.EQUAL, ("Oslo",))),
        ("city=b&city=a&city=b", Filter("city", Op.EQUAL, ("b", "a"))),
        ("sales>~=0.10", Filter("sales", Op.GREATER_EQUAL, (Decimal("0.10"),))),
        ("day!=2026-02-01", Filter("day", Op.NOT_EQUAL, (date(2026, 2, 1),))),
        ("ok=no&ok=0&ok=maybe", Filter("ok", Op.EQUAL, (False, True))),
        ("id~=^1", Filter("id", Op.MATCH, ("^1",))),
        ("day!*=^2026", Filter("day", Op.NOT_MATCH_NOCASE, ("^2026",))),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_values_are_of_the_columns_kind_and_patterns_are_text(query, expected):
    assert read(query).filters == (expected,)


@pytest.mark.parametrize("text", [text for text in OPERATORS if text not in {"", "!"}])
def test_an_operator_without_a_value_is_ignored(text):
    query = read(f"city{text}=")
    assert (query.filters, query.ignored) == ((), ((f"city{text}", ("",)),))


@pytest.mark.parametrize("arg", ["nowhere", "City", "city!!", "!city", "nowhere|sum>", "_other", "city ", ""])
def test_what_names_no_column_is_listed_as_ignored(arg):
    query = parse({arg: ["1", ""]}, COLUMNS)
    assert (query.filters, query.ignored) == ((), ((arg, ("1", "")),))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("id=x", "id: 'x' is not an integer"),
        ("id=1&id!=2.5", "id: '2.5' is not an integer"),
        ("day>=soon", "day: 'soon' is not a date"),
        ("city~=(", "city~: '(' is not a regular expression"),
        ("city~=ok&city~=[", "city~: '[' is not a regular expression"),
        ("id*=a{99999}", "id*: 'a{99999}' is not a regular expression"),
        ("city!~=\0", "city!~: '\\x00' is not text of Unicode"),
        ("raw~=a", "raw~: 'a' is not a search in text: raw holds binary"),
    ],
)
def test_a_bad_value_is_an_error_that_names_it(query, message):
    assert refused(query).startswith(message)


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "((a{100}){100}){100}"])
def test_a_pattern_that_could_take_more_than_linear_time_is_an_error(pattern):
    assert "is not a regular expression" in refused(f"city~={pattern}")


# Columns


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("_c=city&_c=id", ("city", "id"), ()),
        ("_c=city&_c=city", ("city",), ()),
        ("_c=", NAMES, ()),
        ("_c=-raw&_c=-at", ("id", "city", "sales", "day", "ok"), ("raw", "at")),
        ("_c=city&_c=id&_c=-id", ("city",), ("id",)),
        ("_c=nowhere&_c=-nothing", NAMES, ()),
        ("_c=sales|sum&_c=day", ("day",), ()),
    ],
)
def test_columns_are_chosen_in_order_and_hidden(query, shown, hidden):
    read_query = read(query)
    assert (read_query.columns, read_query.excluded) == (shown, hidden)


def test_unknown_columns_to_choose_and_sort_by_are_listed_as_ignored():
    query = read("_c=id&_c=x&_c=-y&_sort=-z&_sort=id&_by=w&_by=id&_c=id|sum")
    assert query.ignored == (("_by", ("w",)), ("_c", ("x", "-y")), ("_sort", ("-z",)))


def test_hiding_every_column_is_an_error():
    assert refused("_c=id&_c=-id") == "_c: 'id, -id' is not a choice that leaves a column to show"


@pytest.mark.parametrize("name", ODD_NAMES[:14] + ODD_NAMES[15:], ids=repr)
def test_odd_names_can_be_chosen_hidden_sorted_and_grouped(name):
    columns = [Column(name, Kind.DATE), Column("z", Kind.INTEGER)]
    assert parse({"_c": [name]}, columns).columns == (name,)
    assert parse({"_c": ["-" + name]}, columns).columns == ("z",)
    assert parse({"_sort": ["-" + name]}, columns).sort == (Sort(name, False),)
    assert parse({"_by": [name, name + ":month"]}, columns).by == (
        Group(name, Kind.DATE),
        Group(name, Kind.DATE, Unit.MONTH),
    )


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_odd_names_can_be_aggregated(name):
    columns = [Column(name, Kind.INTEGER)]
    aggregate = Aggregate(name, Function.MAX, f"{name}|max", Kind.INTEGER)
    args = {"_by": [""], "_c": [f"{name}|max"], "_sort": [f"-{name}|max"], f"{name}|max>~": ["3"]}
    query = parse(args, columns)
    assert query.aggregates == (aggregate,)
    assert query.sort == (Sort(aggregate.name, False, aggregate),)
    assert query.having == (Having(aggregate, Op.GREATER_EQUAL, (3,)),)


def test_a_name_that_begins_with_a_minus_wins_over_reversing():
    columns = [Column("a", Kind.TEXT), Column("-a", Kind.TEXT)]
    assert read("_sort=-a&_c=-a", columns).sort == (Sort("-a"),)
    assert read("_sort=-a&_c=-a", columns).columns == ("-a",)


# Groups


@pytest.mark.parametrize("query", ["_by", "_by=", "_by=nowhere", "_by=&_by="])
def test_groups_without_a_key_are_one_row_over_all(query):
    assert read(query).by == ()


def test_without_a_choice_the_numbers_that_are_no_keys_are_summed():
    assert [aggregate.name for aggregate in read("_by=city").aggregates] == ["id|sum", "sales|sum"]
    assert [aggregate.name for aggregate in read("_by=id").aggregates] == ["sales|sum"]
    assert [aggregate.name for aggregate in read("_by=city&_c=-id").aggregates] == ["sales|sum"]


def test_a_column_without_an_aggregate_is_no_choice_but_of_the_groups():
    query = read("_by=city&_c=city&_c=day")
    assert (query.aggregates, query.ignored) == ((), (("_c", ("day",)),))


def test_aggregates_keep_their_order_and_the_names_as_written():
    query = read("_by=city&_c=sales|sum&_c=id|COUNT&_c=sales|avg&_c=sales|SUM")
    assert query.aggregates == (
        SUM,
        Aggregate("id", Function.COUNT, "id|COUNT", Kind.INTEGER),
        Aggregate("sales", Function.MEAN, "sales|avg", Kind.FLOAT),
    )


@pytest.mark.parametrize(
    ("aggregate", "kind"),
    [
        ("city|count", Kind.INTEGER),
        ("city|nunique", Kind.INTEGER),
        ("day|size", Kind.INTEGER),
        ("city|min", Kind.TEXT),
        ("day|last", Kind.DATE),
        ("ok|max", Kind.BOOLEAN),
        ("ok|sum", Kind.INTEGER),
        ("ok|mean", Kind.FLOAT),
        ("id|sum", Kind.INTEGER),
        ("id|average", Kind.FLOAT),
        ("id|prod", Kind.FLOAT),
        ("sales|std", Kind.FLOAT),
        ("any|sum", Kind.FLOAT),
    ],
)
def test_an_aggregate_has_a_kind(aggregate, kind):
    query = read(f"_by=&_c={aggregate}", [*COLUMNS, Column("any", Kind.OTHER)])
    assert query.aggregates[0].kind == kind


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "_by=city&_c=id|total",
            "_c: 'id|total' is not an aggregate: known are average, avg, count, first, last, max,",
        ),
        ("_by=city&_sort=-id|total", "_sort: 'id|total' is not an aggregate"),
        ("_by=city&id|total>=1", "id|total>: 'id|total' is not an aggregate"),
        ("_by=city&_c=city|sum", "_c: 'city|sum' is not an aggregate of numbers: city holds text"),
        ("_by=city&_c=day|mean", "_c: 'day|mean' is not an aggregate of numbers: day holds date"),
        ("_by=&_c=city", "_c: 'city' is not an aggregate: without a group key at least one is needed"),
        ("_by=city:day", "_by: 'city:day' is not a group of dates: city holds text"),
        ("_by=day:era", "_by: 'day:era' is not a group of dates: the units are year, quarter, month, week, day"),
        ("_by=day:hour", "_by: 'day:hour' is not a group of dates: the units are year, quarter, month, week, day"),
        ("_by=at:era", "_by: 'at:era' is not a group of dates: the units are year, quarter, month, week, day, hour"),
        ("_by=city&sales|sum>=many", "sales|sum: 'many' is not a decimal number"),
    ],
)
def test_groups_and_aggregates_that_make_no_sense_are_errors(query, message):
    assert refused(query).startswith(message)


def test_dates_are_truncated_in_groups():
    query = read("_by=at:hour&_by=day:week&_by=day:week&_sort=-day:week")
    assert query.by == (Group("at", Kind.DATETIME, Unit.HOUR), Group("day", Kind.DATE, Unit.WEEK))
    assert query.sort == (Sort("day:week", False),)


def test_a_condition_on_groups_needs_no_choice_of_its_aggregate():
    query = read("_by=city&_c=id|count&sales|sum>=10&sales|sum!=")
    assert query.having == (Having(SUM, Op.GREATER, (Decimal(10),)), Having(SUM, Op.NULL))


def test_without_groups_conditions_and_order_by_aggregates_are_ignored():
    query = read("sales|sum>=10&_sort=sales|sum&id|total=1")
    assert (query.having, query.sort, query.filters) == ((), (), ())
    assert query.ignored == (("sales|sum>", ("10",)), ("id|total", ("1",)), ("_sort", ("sales|sum",)))


# Order, pages, words


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("_sort=city&_sort=-id", (Sort("city"), Sort("id", False))),
        ("_sort=city&_sort=-city", (Sort("city"),)),
        ("_sort=&_sort=x", ()),
        ("_by=city&_sort=-sales|sum&_sort=day", (Sort("sales|sum", False, SUM),)),
        ("_by=city&_sort=-city", (Sort("city", False),)),
        ("_distinct=1&_c=city&_sort=id&_sort=-city", (Sort("city", False),)),
    ],
)
def test_sorts_are_in_order_and_of_what_the_answer_has(query, sort):
    assert read(query).sort == sort


@pytest.mark.parametrize(
    ("query", "limit", "offset"),
    [
        ("_limit=5&_limit=3&_offset=7&_offset=2", 3, 2),
        ("_limit=0", 0, 0),
        ("_limit=-1", None, 0),
        ("_limit=-1&_limit=5", 5, 0),
        ("_limit=&_offset=", 10_000, 0),
    ],
)
def test_the_smallest_limit_and_offset_count(query, limit, offset):
    assert (read(query).limit, read(query).offset) == (limit, offset)


@pytest.mark.parametrize(
    "query", ["_limit=x", "_limit=1.5", "_limit=-2", "_limit=" + "9" * 30, "_offset=-1", "_offset=²"]
)
def test_a_limit_that_is_no_whole_number_is_an_error(query):
    assert "is not a whole number from 0" in refused(query)


def test_words_are_split_and_taken_once():
    assert read("_q=big  city&_q=city a%&_q=").words == ("big", "city", "a%")


def test_more_than_fifty_words_or_patterns_are_an_error():
    assert refused("_q=" + " ".join(map(str, range(51)))).endswith("is not at most 50 words")
    assert refused("&".join(f"city~={i}" for i in range(51))).endswith("is not at most 50 patterns")


def test_flags_are_on_unless_their_value_says_no():
    query = read("_distinct=1&_count=no")
    assert (query.distinct, query.count) == (True, False)
    assert (read("_count=y").count, read("_distinct=").distinct) == (True, False)


def test_the_callers_parameters_are_passed_over():
    assert parse({"_format": ["csv"], "_download": ["x"], "_meta": ["y"]}, COLUMNS).ignored == ()


def test_meta_says_what_was_understood():
    query = read("city!=Oslo&x=1&_by=city&_c=-id&sales|sum>=3&_sort=-sales|sum&_limit=-1&_offset=4")
    assert meta(query) == {
        "filters": [["city", "!", ["Oslo"]], ["sales|sum", ">", [Decimal(3)]]],
        "ignored": [["x", ["1"]]],
        "sort": [["sales|sum", False]],
        "offset": 4,
        "limit": -1,
        "by": ["city"],
        "excluded": ["id"],
    }


def test_a_table_without_columns_can_be_asked():
    query = read("x=1&_c=y&_sort=z", [])
    assert query.columns == ()
    assert [arg for arg, _ in query.ignored] == ["_c", "x", "_sort"]


@pytest.mark.parametrize("seed", range(20))
def test_any_arguments_are_understood_ignored_or_refused(seed):
    chance = random.Random(seed)
    parts = [
        *NAMES,
        *OPERATORS,
        "|",
        "|sum",
        "|avg",
        ":day",
        "-",
        "_by",
        "_c",
        "_sort",
        "_limit",
        "_q",
        "1",
        "(",
        "\0",
        "",
    ]
    for _ in range(100):
        texts = ["".join(chance.choices(parts, k=chance.randint(0, 4))) for _ in range(12)]
        args = {texts[i]: texts[i + 1 : i + 4] for i in range(0, 12, 4)}
        try:
            query = parse(args, COLUMNS)
        except BadValue:
            continue
        conditions = {arg for arg in args if arg not in {"_by", "_c", "_sort", "_limit", "_q"}}
        unread = {arg for arg, _ in query.ignored} & conditions
        assert len(query.filters) + len(query.having) + len(unread) == len(conditions)


def test_strict_passes_over_fields_of_a_form_that_nobody_filled():
    columns = (Column("seats", Kind.INTEGER),)
    assert parse({"seats>~": [""]}, columns, strict=True).filters == ()
    with pytest.raises(BadValue, match="seatz>~"):
        parse({"seatz>~": [""]}, columns, strict=True)
