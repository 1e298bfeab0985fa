"""Tables and charts on slides, in the look of our pages."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from app.mistakes import did_you_mean
from app.tables.columns import DATES, NUMBERS, BadValue, Column
from app.tables.source import Row
from blueprints.forms.formats.theme import COLOURS
from blueprints.forms.formats.values import is_finite, measures, text_of

if TYPE_CHECKING:
    from pptx.chart.chart import Chart as PptxChart
    from pptx.chart.data import CategoryChartData, XyChartData
    from pptx.presentation import Presentation
    from pptx.table import _Cell

Chart = Literal["bar", "column", "line", "area", "pie", "point"]

_LOOK = COLOURS["light"]
INCH = 914_400
_WIDTH, _HEIGHT = 13.333, 7.5
_MARGIN, _TOP, _ROW = 0.6, 1.35, 0.42
_WIDEST = 40
"""Characters by which a column of a table is made wider than the others."""

_LONGEST = 80
"""Characters of a cell."""


class Rows(NamedTuple):
    """A dataset whose rows are all there; `is_cut` says that it has more."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    is_cut: bool = False

    def column(self, arg: str, name: str) -> Column:
        """The column of that name. Raises BadValue."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise BadValue(arg, name, f"a column of the answer: {', '.join(names)}{did_you_mean(name, names)}")
        return self.columns[names.index(name)]

    def values(self, column: Column) -> list[Any]:
        """What is in a column."""
        at = self.columns.index(column)
        return [row[at] for row in self.rows]


class Axes(NamedTuple):
    """Which columns a chart shows."""

    x: Column
    y: Sequence[Column]


def axes(data: Rows, x: str, y: Sequence[str]) -> Axes:
    """The columns of a chart: by default the first that is no number, and all numbers. Raises ValueError, BadValue."""
    texts = [column for column in data.columns if column.kind not in NUMBERS]
    categories = data.column("x", x) if x else next(iter(texts or data.columns), None)
    if categories is None:
        raise ValueError("a chart needs columns: choose some by _c")
    series = [data.column("y", name) for name in y if name]
    series = series or measures(data.columns, [categories])
    if not series:
        raise ValueError("a chart needs a column of numbers: choose one by _c, or count with _by=...&_c=...|count")
    return Axes(categories, series)


def presentation() -> "Presentation":
    """One without slides, as wide as screens are."""
    import pptx
    from pptx.util import Inches

    made = pptx.Presentation()
    made.slide_width, made.slide_height = Inches(_WIDTH), Inches(_HEIGHT)
    return made


def add_tables(made: "Presentation", title: str, data: Rows, per_slide: int) -> None:
    """Slides with the rows; one with the head alone if there are none."""
    numbers = range(0, len(data.rows), per_slide) or [0]
    for first in numbers:
        slide = _titled(made, title)
        rows = data.rows[first : first + per_slide]
        add_table(slide, data._replace(rows=rows), (_MARGIN, _TOP, _WIDTH - 2 * _MARGIN))
        _note(slide, _range(data, first, len(rows)))


def _range(data: Rows, first: int, count: int) -> str:
    if len(data.rows) == count and not data.is_cut:
        return ""
    return f"Rows {first + 1:,} to {first + count:,} of {'the first ' if data.is_cut else ''}{len(data.rows):,}"


def add_chart(made: "Presentation", title: str, data: Rows, chart: Chart, along: Axes) -> None:
    """A slide with a chart."""
    from pptx.util import Inches

    slide = _titled(made, title)
    place = map(Inches, (_MARGIN, _TOP, _WIDTH - 2 * _MARGIN, _HEIGHT - _TOP - 0.5))
    put_chart(slide.shapes, data, chart, along, tuple(place))


def _titled(made: "Presentation", title: str) -> Any:
    from pptx.util import Inches, Pt

    slide = made.slides.add_slide(made.slide_layouts[5])  # Title Only
    place, height = slide.shapes.title, Inches(0.8)
    place.left, place.top, place.width, place.height = (
        Inches(_MARGIN),
        Inches(0.4),
        Inches(_WIDTH - 2 * _MARGIN),
        height,
    )
    place.text_frame.text = title
    paragraph = place.text_frame.paragraphs[0]
    paragraph.alignment = _align("LEFT")
    paragraph.font.size, paragraph.font.bold = Pt(28), True
    paragraph.font.color.rgb = _rgb(_LOOK.ink)
    return slide


def _note(slide: Any, text: str) -> None:
    from pptx.util import Inches, Pt

    if text:
        box = slide.shapes.add_textbox(Inches(_MARGIN), Inches(_HEIGHT - 0.5), Inches(6), Inches(0.35))
        box.text_frame.text = text
        font = box.text_frame.paragraphs[0].font
        font.size, font.color.rgb = Pt(11), _rgb(_LOOK.muted)


def add_table(slide: Any, data: Rows, place: tuple[float, float, float]) -> None:
    """A table; `place` is left, top and width in inches."""
    from pptx.util import Inches

    left, top, width = map(Inches, place)
    size = len(data.rows) + 1, max(len(data.columns), 1)
    frame = slide.shapes.add_table(*size, left, top, width, Inches(_ROW) * size[0])
    table = frame.table
    for at, share in enumerate(_shares(data)):
        table.columns[at].width = int(width * share)
    for at, column in enumerate(data.columns):
        _fill(table.cell(0, at), column.name, column, _LOOK.series[0], "#ffffff", bold=True)
        for number, value in enumerate(data.values(column), 1):
            _fill(table.cell(number, at), value, column, "#ffffff" if number % 2 else "#f0f4f5", _LOOK.ink)


def _shares(data: Rows) -> list[float]:
    """How much of the width each column takes."""
    widths = []
    for column in data.columns:
        longest = max([len(column.name), *(len(text_of(value)) for value in data.values(column))])
        widths.append(min(max(longest, 6), _WIDEST))
    return [width / sum(widths) for width in widths]


def _fill(cell: "_Cell", value: Any, column: Column, ground: str, ink: str, bold: bool = False) -> None:
    from pptx.util import Inches, Pt

    cell.text = shown(value)
    cell.fill.solid()
    cell.fill.fore_color.rgb = _rgb(ground)
    cell.margin_top = cell.margin_bottom = Inches(0.04)
    for paragraph in cell.text_frame.paragraphs:
        paragraph.font.size, paragraph.font.bold, paragraph.font.color.rgb = Pt(13), bold, _rgb(ink)
        paragraph.alignment = _align("RIGHT" if column.kind in NUMBERS else "LEFT")


def shown(value: Any) -> str:
    """A value as people read it: without U+0000 and its like, which XML does not have."""
    text = f"{value:,.10g}" if isinstance(value, float) and is_finite(value) else text_of(value)
    text = "".join(character if character >= " " or character in "\n\t" else " " for character in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def put_chart(shapes: Any, data: Rows, chart: Chart, along: Axes, place: Sequence[int]) -> None:
    """A chart among the shapes of a slide; `place` is left, top, width and height."""
    from pptx.enum.chart import XL_CHART_TYPE

    kinds = {
        "bar": XL_CHART_TYPE.BAR_CLUSTERED,
        "column": XL_CHART_TYPE.COLUMN_CLUSTERED,
        "line": XL_CHART_TYPE.LINE,
        "area": XL_CHART_TYPE.AREA_STACKED,
        "pie": XL_CHART_TYPE.PIE,
        "point": XL_CHART_TYPE.XY_SCATTER,
    }
    made = points(data, along) if chart == "point" else categories(data, along)
    _style(shapes.add_chart(kinds[chart], *place, made).chart, chart, len(along.y))


def categories(data: Rows, along: Axes) -> "CategoryChartData":
    """The data of a chart of categories."""
    from pptx.chart.data import CategoryChartData

    made = CategoryChartData()
    is_date = along.x.kind in DATES and None not in data.values(along.x)
    made.categories = data.values(along.x) if is_date else [shown(value) for value in data.values(along.x)]
    for column in along.y:
        made.add_series(column.name, [_number(value) for value in data.values(column)])
    return made


def points(data: Rows, along: Axes) -> "XyChartData":
    """The data of a chart of points. Raises ValueError if the x axis is of no numbers."""
    from pptx.chart.data import XyChartData

    if along.x.kind not in NUMBERS:
        raise ValueError(f"points need numbers along both axes, and {along.x.name} has none: choose another by _x")
    made = XyChartData()
    for column in along.y:
        series = made.add_series(column.name)
        for x, y in zip(data.values(along.x), data.values(column), strict=True):
            if _number(x) is not None and _number(y) is not None:
                series.add_data_point(_number(x), _number(y))
    return made


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) or hasattr(value, "as_tuple") and is_finite(value) else None


def _style(chart: "PptxChart", kind: Chart, series: int) -> None:
    from pptx.enum.chart import XL_LEGEND_POSITION
    from pptx.util import Pt

    chart.has_title = False
    chart.font.size, chart.font.color.rgb = Pt(13), _rgb(_LOOK.muted)
    chart.has_legend = series > 1 or kind == "pie"
    if chart.has_legend:
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    for part, colour in _parts(chart, kind):
        target = part.format.line if kind == "line" else part.format.fill
        if kind == "line":
            part.smooth, target.width = False, Pt(2.5)
            target.color.rgb = _rgb(colour)
        elif kind == "point":
            part.format.line.fill.background()
            part.marker.format.fill.solid()
            part.marker.format.fill.fore_color.rgb = _rgb(colour)
        else:
            target.solid()
            target.fore_color.rgb = _rgb(colour)
    if kind != "pie":
        _style_axes(chart, kind)


def _parts(chart: "PptxChart", kind: Chart) -> Iterator[tuple[Any, str]]:
    """What has a colour of its own: the series, or the slices of a pie."""
    plot = chart.plots[0]
    if kind == "pie":
        count = len(list(plot.categories))
        parts = [plot.series[0].points[at] for at in range(count)]
    else:
        parts = list(plot.series)
    return ((part, _LOOK.series[at % len(_LOOK.series)]) for at, part in enumerate(parts))


def _style_axes(chart: "PptxChart", kind: Chart) -> None:
    from pptx.enum.chart import XL_AXIS_CROSSES

    if kind in ("bar", "column"):
        chart.plots[0].gap_width = 60
    lines = chart.value_axis.major_gridlines.format.line
    lines.color.rgb = _rgb(_LOOK.line)
    chart.value_axis.format.line.fill.background()
    chart.category_axis.format.line.color.rgb = _rgb(_LOOK.edge)
    chart.category_axis.has_major_gridlines = False
    if kind == "bar":  # the first category stands at the top, as in the table
        chart.category_axis.reverse_order = True
        chart.category_axis.crosses = XL_AXIS_CROSSES.MAXIMUM  # and the numbers stay below


def _rgb(colour: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(colour.removeprefix("#"))


def _align(name: str) -> Any:
    from pptx.enum.text import PP_ALIGN

    return getattr(PP_ALIGN, name)
