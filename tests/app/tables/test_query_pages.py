"""Pages by `_after`: every row once, in order, whatever the sort, and whatever changes meanwhile."""

import base64
import json
from pathlib import Path

import pytest

from app.tables.columns import BadValue, Column, Kind
from app.tables.files.file import File
from app.tables.grammar import links, parse
from app.tables.query import Query
from tests.app.tables.cases import COLUMNS, NET, ROWS, arguments, plain
from tests.app.tables.databases import NUMBERS, filled, run


def pages(source, query, size=2, key=()):
    """All pages of a query, each as its rows."""
    columns, after, found = source.columns(), "", []
    while after is not None:
        asked = parse(arguments(f"{query}&_limit={size}") | {"_after": [after]}, columns, key=key)
        rows = rows_of(source, asked)
        found.append(rows)
        after = links(asked, rows[-1]) if len(rows) == size else None
    return found


def rows_of(source, query):
    result = source.run(query, 10)
    try:
        return [row for batch in result.batches() for row in batch]
    finally:
        result.close()


def joined(found):
    return plain([row for rows in found for row in rows])


SORTS = [
    *("", "_sort=id", "_sort=-id", "_sort=city", "_sort=-city", "_sort=units", "_sort=-units", "_sort=-sales"),
    *("_sort=paid", "_sort=-paid", "_sort=day", "_sort=-day", "_sort=at", "_sort=-at", f"_sort=-{NET}"),
    *("_sort=paid&_sort=-city", "_sort=-units&_sort=day", "_sort=note&units>=0", "_sort=-day&_c=id&_c=day", "_q=o"),
]
GROUPS = [
    "_by=city&_c=id|count",
    "_by=city&_c=units|sum&_sort=-units|sum",
    "_by=paid&_by=day:month&_c=id|count&_sort=-day:month",
    "_by=city&_c=day|max&_c=id|count&_sort=day|max&id|count>~=1",
    "_by=city&_c=units|median&_sort=units|median",
    "_c=city&_c=paid&_distinct=1&_sort=-paid",
]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_pages_of_a_table_have_each_row_once_in_order(database, subtests, size):
    table = filled(database, COLUMNS, ROWS)
    for query in SORTS + GROUPS:
        with subtests.test(query):
            all_rows = plain(rows_of(table, parse(arguments(query), table.columns())))
            assert joined(pages(table, query, size=size)) == all_rows


def test_files_have_pages_where_somebody_says_what_their_key_is(tmp_path, subtests):
    file = Path(tmp_path / "data.csv")
    file.write_text("id,city,units\n3,b,1\n1,a,\n2,,1\n5,b,7\n4,a,1\n")
    source = File(file)
    for query, ids in {"": [1, 2, 3, 4, 5], "_sort=-units": [5, 2, 3, 4, 1], "_sort=city": [1, 4, 3, 5, 2]}.items():
        with subtests.test(query):
            assert [row[0] for row in joined(pages(source, query, key=["id"]))] == ids


def test_rows_that_come_and_go_move_no_others_between_pages(database):
    table = filled(database, NUMBERS, [(number, "Oslo") for number in range(10, 50, 10)])
    first = parse(arguments("_limit=2&_after="), table.columns())
    rows = rows_of(table, first)
    run(database, "INSERT INTO cases VALUES (1, 'a'), (25, 'b')", "DELETE FROM cases WHERE id = 10")
    rest = parse(arguments("_limit=9") | {"_after": [links(first, rows[-1])]}, table.columns())
    assert ([row[0] for row in rows], [row[0] for row in rows_of(table, rest)]) == ([10, 20], [25, 30, 40])


def test_a_page_far_down_is_found_by_the_key(tmp_path):
    table = filled(f"sqlite:///{tmp_path}/data.db", NUMBERS, [(1, "Oslo")])
    asked = parse(arguments("_limit=10&_after="), table.columns())
    later = parse({"_limit": ["10"], "_after": [links(asked, (900, "Oslo"))]}, table.columns())
    select = table._plans().plan(later).select
    with table._engine.sql.connect() as connection:
        explain = f"EXPLAIN QUERY PLAN {select.sql}"
        steps = connection.exec_driver_sql(explain, select.parameters([900, 10])).fetchall()
    assert [step[3] for step in steps] == ["SEARCH cases USING INTEGER PRIMARY KEY (rowid>?)"]


def test_the_count_is_that_of_all_pages(database):
    table = filled(database, COLUMNS, ROWS)
    first = parse(arguments("_limit=2&_after=&_count=1&city"), table.columns())
    later = parse(arguments("_limit=2&_count=1&city") | {"_after": [links(first, ROWS[1])]}, table.columns())
    assert table.run(later, 10).count == 6


@pytest.mark.parametrize("value", ["it's", "100 %", "日本", "a\nb", '"', "\\", ""])
def test_any_text_can_be_where_a_page_begins(database, value):
    table = filled(database, NUMBERS, [(1, value), (2, value), (3, "a")])
    assert joined(pages(table, "_sort=city", size=1)) == sorted(
        [(1, value), (2, value), (3, "a")], key=lambda row: row[1]
    )


GARBAGE = [
    *("x", "!", "=", "ééé", "A" * 5000, "bnVsbA", "W10", "WzEsMl0", "e30", "W1siK2lkIl0sMV0", "\0"),
    base64.urlsafe_b64encode(json.dumps([["+id"], [{"a": 1}]]).encode()).decode(),
    base64.urlsafe_b64encode(json.dumps([["+id"], []]).encode()).decode(),
    base64.urlsafe_b64encode(json.dumps([["+id"], ["x"]]).encode()).decode(),
    base64.urlsafe_b64encode(json.dumps([["+id"], ["1", "2"]]).encode()).decode(),
    base64.urlsafe_b64encode(("[" * 3000).encode()).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
]


@pytest.mark.parametrize("token", GARBAGE, ids=lambda token: repr(token[:20]))
def test_what_is_no_link_of_ours_is_refused(token):
    with pytest.raises(BadValue, match="^_after"):
        parse({"_after": [token]}, NUMBERS)


def test_a_link_of_another_sort_is_refused_by_name():
    asked = parse(arguments("_sort=city&_after="), NUMBERS)
    token = links(asked, (1, "Oslo"))
    with pytest.raises(BadValue, match="of this sort: begin again with an empty `_after`"):
        parse({"_sort": ["-city"], "_after": [token]}, NUMBERS)


def test_a_table_without_a_key_has_no_such_pages():
    with pytest.raises(BadValue, match="the table has no key"):
        parse(arguments("_after="), [Column("city", Kind.TEXT)])


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("_sort=city", (1, "Oslo")),
        ("_after=&_c=city", ("Oslo",)),
        ("_after=&_sort=city", (1, "a\0b")),
        ("_after=", ("one", "Oslo")),
        ("_by=city&_c=id|max&_sort=id|min&_after=", ("Oslo", 1)),
    ],
)
def test_there_is_no_link_where_the_row_does_not_say_where_it_is(query, row):
    assert links(parse(arguments(query), NUMBERS), row) is None


def test_one_row_over_all_has_no_other_pages():
    asked = parse(arguments("_by=&_c=id|count&_after="), NUMBERS)
    assert (asked.after, links(asked, (1,)), isinstance(asked, Query)) == (None, None, True)
