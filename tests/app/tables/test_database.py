"""Every case of `cases` against real databases, and what users may write and name things."""

import re

from app.tables.columns import Column, Kind
from app.tables.grammar import parse
from tests.app.tables.cases import CASES, COLUMNS, ROWS, arguments, plain
from tests.app.tables.databases import NUMBERS, answer, asked, filled

NAMES = ["select", "a b", 'double " quote', "single ' quote", "back`tick", "bracket ] [", "100 %s %(x)s", "Größe", ":x"]
NAMES += ["_sort", "_limit>", "日本語", "a|b", "%", "x!", "-x", "rowid"]
ATTACKS = [
    "' OR '1'='1",
    "x'; DROP TABLE cases; --",
    '" OR 1=1 --',
    "\\' OR 1=1 -- ",
    "1 UNION SELECT 1",
    "%' OR '%'='",
    "x) OR (1=1",
    "/* */ OR 1=1 #",
    "%(param_1)s %s ? :x $1",
]
PLACES = [
    "_sort={}",
    "_c=id&_c={}",
    "_c=id&_c=-{}",
    "{}=1",
    "_by=id&_by={}&_c=id|count",
    "_by=id&_c=id|count&_c={}|sum",
]


def test_databases_answer_every_case_alike(database, subtests):
    table = filled(database, COLUMNS, ROWS)
    for query, rows in CASES:
        with subtests.test(query):
            assert plain(answer(table, query)) == plain(rows)


def test_databases_count_what_they_answer_without_a_limit(database, subtests):
    table = filled(database, COLUMNS, ROWS)
    for query, rows in CASES:
        if "_limit" not in query and "_offset" not in query:
            with subtests.test(query), asked(table, f"{query}&_count=1&_limit=1") as result:
                assert result.count == len(rows)


def test_the_columns_of_an_answer_have_the_kinds_of_its_values(database, subtests):
    table = filled(database, COLUMNS, ROWS)
    for query, _ in CASES:
        with subtests.test(query), asked(table, query) as result:
            for row in next(result.batches(), []):
                kinds = zip(row, result.columns, strict=True)
                assert [value for value, column in kinds if not is_of_kind(value, column.kind)] == []


def is_of_kind(value, kind):
    names = {"boolean": "bool", "integer": "int", "decimal": "Decimal", "text": "str"}
    return value is None or type(value).__name__ == names.get(kind.value, kind.value)


def test_columns_may_have_any_name(database, subtests):
    for number, name in enumerate(NAMES):
        columns, rows = [Column(name, Kind.INTEGER), Column("city", Kind.TEXT)], [(2, "a"), (1, "b"), (3, "b")]
        table = filled(database, columns, rows, f"table{number}")
        with subtests.test(name):
            assert answer(table, f"{name}>=1&_sort=-{name}&_c={name}") == [(3,), (2,)]
            assert answer(table, f"_by=city&_c={name}|sum&_c={name}|median") == [("a", 2, 2.0), ("b", 4, 2.0)]


def test_tables_may_have_any_name(database, subtests):
    for name in [*NAMES, 'x"; DROP TABLE cases; --', "x`; DROP TABLE cases; --"]:
        with subtests.test(name):
            table = filled(database, [Column("id", Kind.INTEGER)], [(1,), (2,)], name)
            assert answer(table, "_sort=-id") == [(2,), (1,)]


def test_names_may_be_as_long_as_the_database_allows(database):
    name = "x" * 63
    table = filled(database, [Column(name, Kind.INTEGER)], [(1,), (2,)])
    with asked(table, f"_by=&_c={name}|nunique") as result:
        assert (result.columns[0].name, list(result.batches())) == (f"{name}|nunique", [[(2,)]])


def test_what_users_write_is_never_sql(database, subtests):
    table = filled(database, COLUMNS, ROWS)
    for attack in ATTACKS:
        with subtests.test(attack):
            same = [f"city={attack}", f"city>={attack}zzz&city={attack}", f"_q={attack}", f"city*={re.escape(attack)}"]
            assert [answer(table, query) for query in same] == [[], [], [], []]
            assert len(answer(table, f"city!={attack}")) == len(ROWS)


def test_columns_that_are_not_there_do_nothing_whatever_their_name(database, subtests):
    table = filled(database, NUMBERS, [(1, "a")])
    names = [re.sub("[=&|]", "", attack) for attack in ATTACKS]
    for query in [place.replace("{}", name) for place in PLACES for name in names]:
        with subtests.test(query):
            assert answer(table, query)[0][0] == 1


def test_an_attack_is_found_as_the_text_that_it_is(database):
    rows = list(enumerate(ATTACKS, 1))
    table = filled(database, NUMBERS, rows)
    found = [answer(table, f"city={attack}") for attack in ATTACKS]
    assert found == [[row] for row in rows]
    assert [answer(table, f"_by=city&_c=id|max&city|min={attack}") for attack in ATTACKS] == [
        [(text, number)] for number, text in rows
    ]


def test_no_value_is_written_into_the_sql(database):
    table = filled(database, COLUMNS, ROWS)
    query = parse(arguments("city=Xyzzy&note~=Xyzzy&_q=Xyzzy&units>=4711&_by=city&city|max=Xyzzy"), table.columns())
    text = table._plans().plan(query).select.sql
    assert "xyzzy" not in text.lower() and "4711" not in text


def test_text_is_equal_only_to_itself(database, subtests):
    texts = ["a", "A", "a ", "á", "a\u0301", "ａ", "ß", "ss", "%", "_", "\\"]
    table = filled(database, NUMBERS, list(enumerate(texts, 1)))
    for text in texts:
        with subtests.test(text):
            assert answer(table, f"city={text}&_c=city") == [(text,)]
    assert answer(table, "_by=city&_c=city") == [(text,) for text in sorted(texts)]
