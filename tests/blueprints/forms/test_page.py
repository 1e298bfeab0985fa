"""What the page of a table asks its source for, and the addresses that it links to."""

from urllib.parse import parse_qsl

import pytest

from app.tables.columns import Column, Kind
from app.tables.source import TooLong
from blueprints.forms import page

COLUMNS = (
    Column("id", Kind.INTEGER, nullable=False, key=True),
    Column("city", Kind.TEXT),
    Column("day", Kind.DATE),
    Column("sales", Kind.FLOAT),
)


class Answer:
    def __init__(self, columns, rows, count):
        self.columns, self.rows, self.count = columns, rows, count

    def batches(self):
        yield self.rows

    def close(self):
        pass


class Source:
    """So many rows, which are only counted; it notes what it is asked."""

    def __init__(self, total, slow=False):
        self.total, self.slow, self.asked = total, slow, []

    def run(self, query, timeout):
        self.asked.append(query)
        if query.count and self.slow and timeout < 5:
            raise TooLong
        columns = [column for column in COLUMNS if column.name in query.columns]
        left = range(query.offset, min(self.total, query.offset + query.limit))
        rows = [[{"id": number}.get(column.name) for column in columns] for number in left]
        return Answer(columns, rows, self.total if query.count else None)


def shown(source, asked=None, default=None, **options):
    args = {**(default or {}), **(asked or {})}
    return page.answer("/sales", args, COLUMNS, source.run, 30, asked=asked or {}, **options)


def arguments(url):
    return parse_qsl(url.partition("?")[2], keep_blank_values=True)


def test_a_page_asks_for_its_rows_and_one_more():
    source = Source(1000)
    found = shown(source)
    assert ([query.limit for query in source.asked], len(found.rows)) == ([51, 0], 50)
    assert (found.first, found.last, found.total, found.pages) == (1, 50, 1000, (1, 20))


def test_the_last_page_needs_no_count():
    source = Source(120)
    found = shown(source, {"_offset": ["100"]})
    assert (len(source.asked), found.total, found.after, found.end) == (1, 120, None, None)


@pytest.mark.parametrize("limit", ["-1", "100000"])
def test_no_page_is_longer_than_a_thousand_rows(limit):
    assert len(shown(Source(5000), {"_limit": [limit]}).rows) == 1000


def test_rows_that_take_long_to_count_are_shown_without_their_number():
    found = shown(Source(1000, slow=True))
    assert (found.total, found.pages, found.end) == (None, None, None)
    assert arguments(found.after) == [("_offset", "50")]


def test_groups_are_counted_however_long_it_takes():
    assert shown(Source(1000, slow=True), {"_by": ["city"], "_c": ["sales|sum"]}).total == 1000


def test_the_key_is_read_although_it_is_not_shown():
    found = shown(Source(2), {"_c": ["city"]}, editable=True, id=("id",))
    assert [head.name for head in found.heads] == ["city"]
    assert list(found.lines) == [("id=0", [""]), ("id=1", [""])]


def test_links_have_what_was_asked_and_no_defaults():
    found = shown(Source(100), {"city": ["Oslo"]}, default={"_sort": ["-day"]})
    assert arguments(found.after) == [("city", "Oslo"), ("_offset", "50")]
    assert arguments(found.heads[0].url) == [("city", "Oslo"), ("_sort", "id")]


def test_a_default_is_taken_away_by_an_empty_value():
    found = shown(Source(100), default={"_sort": ["-day"]})
    assert [head.order for head in found.heads] == ["", "", "descending", ""]
    assert arguments(found.heads[2].url) == [("_sort", "")]


def test_a_second_column_joins_the_order():
    found = shown(Source(1), {"_sort": ["city", "-day"]})
    assert arguments(found.heads[3].also) == [("_sort", "city"), ("_sort", "-day"), ("_sort", "sales")]
    assert arguments(found.heads[1].also) == [("_sort", "-city"), ("_sort", "-day")]
    assert arguments(found.heads[2].also) == [("_sort", "city")]


def test_one_of_several_datasets_changes_its_own_arguments():
    asked = {"one:_sort": ["city"], "two:_offset": ["50"], "_limit": ["10"]}
    found = page.answer(
        "/x", {"_sort": ["city"], "_limit": ["10"]}, COLUMNS, Source(99).run, 30, asked=asked, prefix="one:", name="one"
    )
    others = [("two:_offset", "50"), ("_limit", "10")]
    assert arguments(found.heads[1].url) == [*others, ("one:_sort", "-city")]
    assert arguments(found.after) == [("one:_sort", "city"), *others, ("one:_offset", "10")]
    assert arguments(found.download("csv"))[-2:] == [("one:_limit", "-1"), ("_download", "x.csv")]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"city": ["Oslo", "Bergen"]}, "city is Oslo or Bergen"),
        ({"city!": [""]}, "city is empty"),
        ({"city": [""]}, "city has a value"),
        ({"sales>~": ["5"]}, "sales ≥ 5"),
        ({"city*": [r"os\."]}, "city contains os."),
        ({"city!*": ["^os"]}, "city does not match ^os"),
    ],
    ids=["values", "empty", "filled", "bound", "text", "pattern"],
)
def test_filters_are_said_in_words_and_can_be_taken_away(asked, text):
    chip = shown(Source(1), {**asked, "_offset": ["0"]}).filters[0]
    assert (chip.text, chip.url) == (text, "/sales")


def test_a_filter_knows_what_it_filters_by_now():
    found = shown(Source(1), {"sales>~": ["5"], "day<~": ["2026"], "city": ["Oslo"]})
    assert [field.value for field in found.heads[3].filter.inputs] == ["5", ""]
    assert [field.value for field in found.heads[2].filter.inputs] == ["", "2026-01-01"]
    assert (found.heads[1].filter.values, found.heads[0].filter.active) == (["Oslo"], False)


def test_a_form_keeps_what_it_has_no_field_for():
    found = shown(Source(1), {"city": ["Oslo"], "_q": ["a"], "_offset": ["0"], "sales>~": ["5"]})
    assert found.heads[3].filter.kept == [("city", "Oslo"), ("_q", "a")]


def test_a_page_has_a_number_and_no_token():
    found = shown(Source(100), {"_after": ["token"], "_limit": ["10"]})
    assert (found.pages, arguments(found.after)) == ((1, 10), [("_limit", "10"), ("_offset", "10")])
