"""FilterHandler: the values of columns."""

import pytest

SALES = """city,product,day,sales
Oslo,chair,2026-01-05,10
Bergen,table,2026-02-01,20
Oslo,table,2026-02-15,30
,lamp,2026-03-01,5
"""
YAML = """
url:
  choices:
    pattern: /choices
    handler: FilterHandler
    kwargs: {{url: sales.csv{more}}}
"""


@pytest.fixture
def choices(site):
    """`choices(more="")` -> a client whose `/choices` has the values of sales.csv."""
    return lambda more="", name="skerry.yaml": site(YAML.format(more=more), {"sales.csv": SALES}, name=name)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", {}),
        ("_c=city", {"city": [{"city": "Bergen"}, {"city": "Oslo"}]}),
        ("_c=city&city=Oslo", {"city": [{"city": "Bergen"}, {"city": "Oslo"}]}),
        ("_c=city&city!=Oslo&city~=x&product=table", {"city": [{"city": "Bergen"}, {"city": "Oslo"}]}),
        ("_c=city&product=chair", {"city": [{"city": "Oslo"}]}),
        ("_c=city&_sort=-city", {"city": [{"city": "Oslo"}, {"city": "Bergen"}]}),
        ("_c=city&_limit=1&_offset=1&_by=product", {"city": [{"city": "Bergen"}]}),
        (
            "_c=product&_c=city&city=Oslo",
            {"product": [{"product": "chair"}, {"product": "table"}], "city": [{"city": "Bergen"}, {"city": "Oslo"}]},
        ),
        (
            "_c=city,product&city=Bergen",
            {
                "city,product": [
                    {"city": "Bergen", "product": "table"},
                    {"city": "Oslo", "product": "chair"},
                    {"city": "Oslo", "product": "table"},
                ]
            },
        ),
        ("_c=sales|range", {"sales|range": [{"sales|min": 5, "sales|max": 30}]}),
        ("_c=sales|sum&city=Oslo", {"sales|sum": [{"sales|sum": 40}]}),
        ("_c=day|max", {"day|max": [{"day|max": "2026-03-01"}]}),
        (
            "_c=city,sales|sum",
            {"city,sales|sum": [{"city": "Bergen", "sales|sum": 20}, {"city": "Oslo", "sales|sum": 40}]},
        ),
        ("_c=nothing", {"nothing": []}),
    ],
)
def test_each_column_has_its_values(choices, query, answer):
    assert choices().get(f"/choices?{query}").json == answer


def test_pairs_may_have_another_separator(choices):
    assert choices(", separator: ';'").get("/choices?_c=city;product&_limit=1").json == {
        "city;product": [{"city": "Bergen", "product": "table"}]
    }


def test_a_limit_that_is_no_number_is_400(choices):
    assert choices().get("/choices?_c=city&_limit=x").status_code == 400


def test_a_strict_filter_refuses_what_is_no_column(choices):
    assert choices(", strict: true").get("/choices?_c=nothing").status_code == 400


def test_other_formats_have_a_table_for_each_column(choices):
    text = choices().get("/choices?_c=city&_c=product&_format=csv").text
    assert "city" in text and "lamp" in text


def test_a_table_in_memory_is_read_again_when_it_changes(choices):
    client = choices(", in_memory: true")
    assert len(client.get("/choices?_c=city").json["city"]) == 2
    (client.folder / "sales.csv").write_text(SALES + "Rome,lamp,2026-03-02,1\n")
    assert len(client.get("/choices?_c=city").json["city"]) == 3


def test_an_unchanged_list_is_a_304(choices):
    client = choices()
    etag = client.get("/choices?_c=city").headers["ETag"]
    assert client.get("/choices?_c=city", headers={"If-None-Match": etag}).status_code == 304


def test_default_columns_are_those_of_the_yaml(choices):
    assert list(choices(", default: {_c: [city, product]}").get("/choices").json) == ["city", "product"]


def test_a_filter_only_answers(choices):
    assert choices().post("/choices").status_code == 405


def test_a_filter_has_several_datasets(site):
    yaml = "url: {c: {pattern: /c, handler: Filter, kwargs: {a: {url: sales.csv}, b: {url: sales.csv}}}}"
    client = site(yaml, {"sales.csv": SALES})
    assert client.get("/c?_c=city&b:city=x&b:_limit=1").json["b:city"] == [{"city": "Bergen"}]


def test_a_mistake_is_named_with_the_key_that_was_meant(choices):
    (mistake,) = choices(", seperator: ';'").app.extensions["skerry"].application.mistakes
    assert mistake.message == "unknown key, did you mean 'separator'?"


def test_a_column_named_data_has_its_name(site):
    client = site("url: {c: {pattern: /c, handler: Filter, kwargs: {url: a.csv}}}", {"a.csv": "data\n1\n1\n"})
    assert client.get("/c?_c=data").json == {"data": [{"data": 1}]}
