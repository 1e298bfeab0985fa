"""Presentations, read back by python-pptx."""

import io
from datetime import date

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from app.tables.columns import BadValue, Column, Kind
from tests.blueprints.forms.written import COLUMNS, body, data

POINTS = (Column("a", Kind.FLOAT), Column("b", Kind.FLOAT))


def slides(*args, **kwargs):
    return list(pptx.Presentation(io.BytesIO(body(*args, **kwargs))).slides)


def shape(slide, kind):
    return next(shape for shape in slide.shapes if getattr(shape, f"has_{kind}"))


def cells(table):
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_a_table_goes_over_several_slides():
    made = slides({"format": "pptx", "title": "Sales of {year}", "rows_per_slide": 2}, args={"year": "2026"})
    assert [slide.shapes.title.text_frame.text for slide in made] == ["Sales of 2026"] * 2
    assert cells(shape(made[0], "table").table) == [["city", "sales"], ["Oslo", "10.5"], ["Bergen", ""]]
    assert cells(shape(made[1], "table").table) == [["city", "sales"], ["Tromsø", "3"]]


def test_a_long_table_says_that_it_is_cut():
    made = slides({"format": "pptx", "rows": 2})
    texts = [shape.text_frame.text for shape in made[0].shapes if shape.has_text_frame]
    assert "Rows 1 to 2 of the first 2" in texts


def test_no_rows_are_a_slide_with_the_head():
    assert cells(shape(slides("pptx", data(rows=[]))[0], "table").table) == [["city", "sales"]]


def test_each_dataset_has_its_slides():
    made = slides("pptx", data(name="north_sea"), data(name="b"))
    assert [slide.shapes.title.text_frame.text for slide in made] == ["North sea", "B"]


@pytest.mark.parametrize(
    ("chart", "kind"),
    [
        ("bar", XL_CHART_TYPE.BAR_CLUSTERED),
        ("column", XL_CHART_TYPE.COLUMN_CLUSTERED),
        ("line", XL_CHART_TYPE.LINE),
        ("area", XL_CHART_TYPE.AREA_STACKED),
        ("pie", XL_CHART_TYPE.PIE),
    ],
)
def test_charts(chart, kind):
    found = shape(slides("pptx", args={"_chart": chart})[0], "chart").chart
    assert found.chart_type == kind
    assert list(found.plots[0].categories) == ["Oslo", "Bergen", "Tromsø"]
    assert list(found.plots[0].series[0].values) == [10.5, None, 3.0]


def test_a_chart_of_points():
    points = data(POINTS, [(1.0, 2.0), (3.0, None), (4.0, 5.0)])
    found = shape(slides("pptx", points, args={"_chart": "point", "_x": "a"})[0], "chart").chart
    assert found.chart_type == XL_CHART_TYPE.XY_SCATTER
    assert list(found.plots[0].series[0].values) == [2.0, 5.0]


def test_dates_are_dates():
    days = data((Column("day", Kind.DATE), COLUMNS[1]), [(date(2026, 1, 5), 1.0), (date(2026, 1, 6), 2.0)])
    found = shape(slides("pptx", days, args={"_chart": "line"})[0], "chart").chart
    assert found.plots[0].categories.are_dates if hasattr(found.plots[0].categories, "are_dates") else True
    assert "dateAx" in found._chartSpace.xml


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"_chart": "pyramid"}, "_chart: 'pyramid' is not one of table, bar"),
        ({"_chart": "bar", "_y": "sale"}, "is not a column of the answer: city, sales, did you mean 'sales'"),
        ({"_chart": "point"}, "points need numbers along both axes, and city has none"),
    ],
)
def test_a_chart_that_cannot_be(args, says):
    with pytest.raises(ValueError) as error:
        body("pptx", args=args)
    assert says in str(error.value)


def test_a_chart_needs_numbers():
    with pytest.raises(ValueError, match="a chart needs a column of numbers"):
        body("pptx", data(COLUMNS[:1], [("Oslo",)]), args={"_chart": "bar"})


@pytest.fixture
def template(tmp_path):
    """A presentation with a title in bold, a text box, a table of two columns, and a pie."""
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[5])
    title = slide.shapes.title
    title.name, title.text_frame.text = "Headline", "Old title"
    title.text_frame.paragraphs[0].runs[0].font.bold = True
    place = Inches(1), Inches(2), Inches(4), Inches(3)
    slide.shapes.add_textbox(*place).name = "Place"
    slide.shapes.add_table(3, 2, *place).name = "Numbers"
    chart = CategoryChartData()
    chart.categories, _ = ["a"], chart.add_series("old", [1])
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, *place, chart).name = "Pie"
    made.save(tmp_path / "report.pptx")
    return tmp_path


def filled(template, **shapes):
    options = {"format": "pptx", "source": "report.pptx", "shapes": shapes}
    slide = slides(options, args={"city": "Oslo"}, folder=template)[0]
    return {shape.name: shape for shape in slide.shapes}, slide


def test_texts_of_a_template_keep_their_look(template):
    found, _ = filled(template, Headline={"text": "{{ data | length }} rows, at most {{ meta.limit }}"})
    run = found["Headline"].text_frame.paragraphs[0].runs[0]
    assert (run.text, run.font.bold) == ("3 rows, at most 10", True)


def test_data_is_a_dataframe_in_texts(template):
    found, _ = filled(template, Headline={"text": "{{ data['sales'].sum() }}"})
    assert found["Headline"].text_frame.text == "13.5"


def test_a_table_of_a_template_gets_as_many_rows_and_columns_as_there_are(template):
    found, _ = filled(template, Numbers={"table": True})
    assert cells(found["Numbers"].table) == [["city", "sales"], ["Oslo", "10.5"], ["Bergen", ""], ["Tromsø", "3"]]
    found, _ = filled(template, Numbers={"table": {"rows": 1, "columns": "sales"}})
    assert cells(found["Numbers"].table) == [["sales"], ["10.5"]]


def test_a_chart_of_a_template_keeps_its_kind(template):
    found, _ = filled(template, Pie={"chart": {"x": "city", "y": "sales"}})
    chart = found["Pie"].chart
    assert chart.chart_type == XL_CHART_TYPE.PIE
    assert list(chart.plots[0].series[0].values) == [10.5, None, 3.0]


@pytest.mark.parametrize("kind", ["chart", "table"])
def test_a_shape_without_a_chart_or_a_table_gets_one_in_its_place(template, kind):
    _, slide = filled(template, Place={kind: True})
    made = [shape for shape in slide.shapes if getattr(shape, f"has_{kind}")][-1]
    assert (made.left, made.top, made.width) == (Inches(1), Inches(2), Inches(4))


def test_the_rules_of_the_original_name_shapes(template):
    rule = {"slide-number": 1, "Headline": {"text": "New"}, "Pie": {"chart": {"data": "sales"}}}
    made = slides({"format": "pptx", "source": "report.pptx", "target": "x.pptx", "rule": rule}, folder=template)
    assert made[0].shapes.title.text_frame.text == "New"
    assert shape(made[0], "chart").chart.plots[0].series[0].name == "sales"


def test_a_shape_that_is_not_there_is_named(template):
    with pytest.raises(ValueError, match="'Headlin': no shape has this name, did you mean 'Headline'"):
        filled(template, Headlin={"text": "x"})


def test_characters_that_xml_does_not_have_are_spaces():
    table = shape(slides("pptx", data(rows=[("a\x01b", 1.0)]))[0], "table").table
    assert table.cell(1, 0).text == "a b"


def test_a_column_that_is_not_there_is_a_bad_value(template):
    with pytest.raises(BadValue):
        filled(template, Numbers={"table": {"columns": "nope"}})
