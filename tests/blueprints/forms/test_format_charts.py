"""Charts: what their specs say, and that pictures are pictures."""

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import date

import pytest
from PIL import Image

from app.tables.columns import BadValue, Column, Kind
from app.tables.source import TooLong
from blueprints.forms.formats import automatic, drawing
from blueprints.forms.formats.automatic import Wish
from tests.blueprints.forms.written import COLUMNS, ROWS, body, data

SPEC = {
    "mark": "bar",
    "encoding": {"x": {"field": "city", "title": "{title}"}, "y": {"field": "sales", "type": "quantitative"}},
}
DAYS = (Column("day:month", Kind.DATE), Column("city", Kind.TEXT), Column("sales", Kind.DECIMAL))
MONTHS = [(date(2026, month, 1), city, month) for month in range(1, 7) for city in ("Oslo", "Bergen")]


def spec(columns=COLUMNS, rows=ROWS, **wish):
    return automatic.spec(data(columns, rows), rows, Wish(**wish))


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]


def test_a_chart_shows_the_first_number_along_the_first_text():
    made = spec()
    assert (made["mark"]["type"], made["encoding"]["x"]["title"], made["encoding"]["y"]["title"]) == (
        "bar",
        "city",
        "sales",
    )
    assert made["data"]["values"][0] == {"x": "Oslo", "y": 10.5}


@pytest.mark.parametrize(
    ("names", "color", "shown"),
    [
        (["id", "qty", "city"], "", "qty"),
        (["id", "city"], "", "id"),
        (["city", "qty", "sales|sum"], "", "sales|sum"),
        (["city", "qty", "sales"], "qty", "sales"),
    ],
)
def test_the_number_that_is_worth_a_chart(names, color, shown):
    columns = [Column(name, Kind.TEXT if name == "city" else Kind.INTEGER) for name in names]
    assert automatic.axes(columns, Wish(color=color))[1].name == shown


def test_large_numbers_are_short():
    assert "2M" in texts(body("svg", data(rows=[("a", 2_000_000.0)])))


def test_many_or_long_names_stand_beside_lying_bars():
    rows = [(f"a rather long name {number}", 1.0) for number in range(20)]
    assert spec(rows=rows)["encoding"]["y"]["field"] == "x"


def test_bars_of_months_are_months_wide_and_rows_of_one_are_added():
    made = spec(DAYS, MONTHS)["encoding"]
    assert made["x"]["timeUnit"] == "yearmonth"
    assert (made["y"]["aggregate"], made["y"]["title"]) == ("sum", "sum of sales")
    assert "aggregate" not in spec(DAYS, MONTHS, color="city")["encoding"]["y"]


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"chart": "pie"}, "_chart: 'pie' is not one of bar, line, area, point"),
        ({"x": "town"}, "_x: 'town' is not a column of the answer: city, sales"),
        ({"y": "sale"}, "did you mean 'sales'?"),
        ({"color": "x"}, "_color: 'x' is not a column"),
    ],
)
def test_what_a_chart_cannot_show(wish, says):
    with pytest.raises(BadValue) as error:
        spec(**wish)
    assert says in str(error.value)


def test_a_table_without_numbers_or_columns_has_no_chart():
    with pytest.raises(ValueError, match="a chart needs a column of numbers"):
        spec(COLUMNS[:1], [("Oslo",)])
    with pytest.raises(ValueError, match="a chart needs columns"):
        spec((), [])


@pytest.mark.parametrize("chart", ["bar", "line", "area", "point"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_svg_has_names_and_colours(chart, theme):
    svg = body("svg", args={"_chart": chart, "_theme": theme}).decode()
    assert {"city", "sales", "Oslo", "Tromsø"} <= set(texts(svg))
    assert {"light": "#0a5c72", "dark": "#7cc8db"}[theme] in svg
    assert {"light": 'fill="#ffffff"', "dark": 'fill="#142026"'}[theme] in svg


def test_names_of_columns_mean_nothing_to_vega():
    columns = [Column("a.b[0]|sum", Kind.TEXT), Column("datum['x']", Kind.FLOAT)]
    svg = body("svg", data(columns, [("<b>", 1.0), (None, 2.0)]))
    assert {"a.b[0]|sum", "datum['x']", "<b>"} <= set(texts(svg))


def test_a_png_has_the_size_that_was_asked_for():
    options = {"format": "png", "width": 300, "height": 200, "scale": 1}
    picture = Image.open(io.BytesIO(body(options)))
    assert picture.format == "PNG"
    assert picture.size == (300, 200)


def test_a_pdf():
    assert body("pdf").startswith(b"%PDF-")


def test_a_spec_is_drawn_with_arguments_in_its_texts():
    svg = body({"format": "svg", "spec": SPEC}, args={"title": "Where & why"})
    assert {"Where & why", "Oslo"} <= set(texts(svg))


def test_an_argument_that_a_spec_needs():
    with pytest.raises(ValueError, match=r"needs the argument 'title': add &title="):
        body({"format": "svg", "spec": SPEC})


def test_arguments_cannot_add_code_to_a_spec():
    options = {"format": "vega-lite", "spec": {"mark": "bar", "transform": [{"filter": "datum.city == '{city}'"}]}}
    assert "== 'Oslo'" in body(options, args={"city": "Oslo"}).decode()
    with pytest.raises(ValueError, match="city: .* may have letters, digits"):
        body(options, args={"city": "' || true || '"})


def test_a_spec_of_vega_keeps_what_it_does_with_the_data():
    first = {"name": "data", "transform": [{"type": "filter", "expr": "datum.sales > 5"}]}
    marks = [{"type": "text", "from": {"data": "data"}, "encode": {"enter": {"text": {"field": "city"}}}}]
    vega = {"$schema": "https://vega.github.io/schema/vega/v5.json", "width": 50, "height": 50}
    assert texts(body({"format": "svg", "spec": {**vega, "data": [first], "marks": marks}})) == ["Oslo"]


def test_several_datasets_are_named_in_a_spec():
    layers = [{"data": {"name": name}, "mark": "text", "encoding": {"text": {"field": "city"}}} for name in "ab"]
    two = [data(name="a", rows=ROWS[:1]), data(name="b", rows=ROWS[2:])]
    assert set(texts(body({"format": "svg", "spec": {"layer": layers}}, *two))) == {"Oslo", "Tromsø"}
    chosen = body({"format": "svg", "data": "b"}, data(name="a"), data(name="b", rows=[("Rome", 1.0)]))
    assert "Rome" in texts(chosen)


def test_a_dataset_that_is_not_there():
    with pytest.raises(ValueError, match="there is no dataset 'x': there are data"):
        body({"format": "svg", "data": "x"})


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.png", "file:///etc/hostname", "/etc/hostname"])
def test_pictures_read_no_addresses_of_the_data(kind, url):
    options = {"format": kind, "spec": {"mark": "image", "encoding": {"url": {"field": "city"}}}}
    with pytest.raises(ValueError, match="it has an image at an address"):
        body(options, data(rows=[(url, 1.0)]))


def test_pictures_read_no_addresses_of_expressions():
    url = {"signal": "'http://127.0.0.1:1/x.csv'"}
    vega = {"$schema": "https://vega.github.io/schema/vega/v5.json", "data": [{"name": "x", "url": url}]}
    with pytest.raises(ValueError, match="External data url not allowed"):
        body({"format": "svg", "spec": vega})


def test_a_spec_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="^the chart cannot be drawn: [^\n]*$"):
        body({"format": "svg", "spec": {"mark": "no such mark"}})


def test_a_chart_has_a_bounded_number_of_rows():
    many = data(rows=[("x", 1.0)] * 10_001, size=1000)
    with pytest.raises(ValueError, match="a chart has at most 10,000 rows"):
        body("svg", many)


def test_a_chart_of_no_rows_is_a_picture():
    assert body("svg", data(rows=[])).startswith(b"<svg")


def test_values_that_json_does_not_have():
    rows = [("a", float("nan")), ("b", float("inf")), ("c", 2**70), ("d", None)]
    assert body("svg", data(rows=rows)).startswith(b"<svg")


def test_the_process_that_draws_is_replaced_when_it_has_ended():
    painter = drawing.Painter()
    job = drawing.job("vega", spec='{"mark":"bar","data":{"values":[]}}', language="vegalite", kind="svg", scale=1)
    assert painter.draw(job).startswith(b"<svg")
    painter._process.kill()
    painter._process.wait()
    assert painter.draw(job).startswith(b"<svg")
    painter.stop()


def test_a_chart_that_takes_too_long_is_given_up():
    painter = drawing.Painter(seconds=0.01)
    with pytest.raises(TooLong, match="the chart took longer than 0.01 s"):
        painter.draw(drawing.job("vega", spec="{}", language="vegalite", kind="svg", scale=1))
    painter.stop()


@pytest.mark.parametrize("language", ["vega", "vega-lite"])
def test_scripts_draw_the_spec(language):
    script = body(language).decode()
    made = re.search(r"const spec = (\{.*\});", script)
    assert "vega" in json.loads(made[1])["$schema"]
    assert f'const language = "{language}"' in script


def test_the_spec_alone():
    made = json.loads(body({"format": "vega-lite", "spec": SPEC, "script": False}, args={"title": "T"}))
    assert made["datasets"]["data"][0] == {"city": "Oslo", "sales": 10.5}
    assert made["data"] == {"name": "data"}


def test_vegam_reads_the_rows_in_its_first_step():
    made = json.loads(body({"format": "vegam", "spec": [{"apply": "bar", "x": "city"}], "script": False}))
    assert made[0]["fromjson"][0]["data"][0] == {"city": "Oslo", "sales": 10.5}
    assert made[1] == {"apply": "bar", "x": "city"}


def test_a_picture_by_seaborn():
    options = {"format": "seaborn", "chart": "{chart}", "x": "city", "y": "sales", "width": 400, "height": 300}
    picture = Image.open(io.BytesIO(body(options, args={"chart": "barplot"})))
    assert picture.size == (400, 300)
    with pytest.raises(ValueError, match="'load_dataset' is not one of seaborn's"):
        body(options, args={"chart": "load_dataset"})


@pytest.mark.parametrize(
    ("chart", "options"),
    [
        ("boxplot", {"x": "city", "y": "sales"}),
        ("heatmap", {"annot": True}),
        ("relplot", {"x": "day:month", "y": "sales", "hue": "city", "kind": "line"}),
        ("pairplot", {}),
    ],
)
def test_charts_of_seaborn(chart, options):
    columns = DAYS if chart == "relplot" else COLUMNS
    rows = MONTHS if chart == "relplot" else ROWS
    svg = body({"format": "sns", "chart": chart, "ext": "svg", **options}, data(columns, rows))
    assert b"<svg" in svg


def test_options_that_seaborn_does_not_have():
    with pytest.raises(ValueError, match="the chart cannot be drawn: "):
        body({"format": "sns", "x": "town"})
