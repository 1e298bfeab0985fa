"""The named shapes of a presentation, filled: texts keep the look of their first words, charts and tables theirs."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from app.mistakes import did_you_mean
from blueprints.forms.formats import deck
from blueprints.forms.formats.deck import Axes, Rows

if TYPE_CHECKING:
    from pptx.presentation import Presentation


class Fill(NamedTuple):
    """What fills a shape: one of the three."""

    text: str | None = None
    table: Rows | None = None
    chart: tuple[deck.Chart, Rows, Axes] | None = None


def filled(source: Any, fills: Mapping[str, Fill]) -> "Presentation":
    """The presentation at a path with its shapes filled. Raises ValueError for a name that no shape has."""
    import pptx

    made = pptx.Presentation(source)
    shapes = [shape for slide in made.slides for shape in _all(slide.shapes)]
    names = [shape.name for shape in shapes]
    for name, fill in fills.items():
        if name not in names:
            raise ValueError(f"{name!r}: no shape has this name{did_you_mean(name, names)}")
        for shape in shapes:
            if shape.name == name:
                _fill(shape, fill)
    return made


def _all(shapes: Any) -> Iterator[Any]:
    """The shapes, those in groups too."""
    for shape in shapes:
        yield shape
        if hasattr(shape, "shapes"):
            yield from _all(shape.shapes)


def _fill(shape: Any, fill: Fill) -> None:
    if fill.text is not None:
        _text(shape, fill.text)
    elif fill.table is not None:
        _table(shape, fill.table)
    elif fill.chart is not None:
        _chart(shape, *fill.chart)


def _text(shape: Any, text: str) -> None:
    if not shape.has_text_frame:
        raise ValueError(f"{shape.name!r}: has no text")
    first, *others = shape.text_frame.paragraphs
    for paragraph in others:
        paragraph._p.getparent().remove(paragraph._p)
    _in_first_run(first, text)


def _in_first_run(paragraph: Any, text: str) -> None:
    """Replace the text of a paragraph; its first run says how it looks."""
    runs = paragraph.runs
    for run in runs[1:]:
        run._r.getparent().remove(run._r)
    if runs:
        runs[0].text = deck.shown(text)
    else:
        paragraph.text = deck.shown(text)


def _table(shape: Any, data: Rows) -> None:
    """Fill a table cell by cell, with as many rows and columns as the data has; or put one where the shape is."""
    if not getattr(shape, "has_table", False):
        slide, place = shape.part.slide, (shape.left, shape.top, shape.width)
        shape._element.getparent().remove(shape._element)
        return deck.add_table(slide, data, tuple(length / deck.INCH for length in place))
    table = shape.table
    _resize(table, len(data.rows) + 1, len(data.columns))
    for at, column in enumerate(data.columns):
        for number, value in enumerate([column.name, *data.values(column)]):
            _in_first_run(table.cell(number, at).text_frame.paragraphs[0], deck.shown(value))


def _resize(table: Any, rows: int, columns: int) -> None:
    """Repeat the last row and the last column, or take some away. The width of the table stays."""
    grid, lines = table._tbl.tblGrid, list(table._tbl.tr_lst)
    _repeat(lines[-1], rows - len(lines), lines)
    width, count = sum(column.width for column in table.columns), len(table.columns)
    for line in table._tbl.tr_lst:
        cells = list(line.tc_lst)
        _repeat(cells[-1], columns - count, cells)
    _repeat(list(grid)[-1], columns - count, list(grid))
    for column in table.columns if columns != count else ():
        column.width = width // max(columns, 1)


def _repeat(last: Any, more: int, all: Sequence[Any]) -> None:
    for _ in range(more):
        last.addnext(deepcopy(last))
    for element in all[len(all) + more :] if more < 0 else ():
        element.getparent().remove(element)


def _chart(shape: Any, kind: deck.Chart, data: Rows, along: Axes) -> None:
    """New numbers for a chart, which keeps its look; or a chart where the shape is."""
    if getattr(shape, "has_chart", False):
        is_of_points = "XY_" in str(shape.chart.chart_type)
        shape.chart.replace_data(deck.points(data, along) if is_of_points else deck.categories(data, along))
        return
    slide, place = shape.part.slide, (shape.left, shape.top, shape.width, shape.height)
    shape._element.getparent().remove(shape._element)
    deck.put_chart(slide.shapes, data, kind, along, place)
