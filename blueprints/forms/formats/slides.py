"""PowerPoint presentations, by python-pptx: a table or a chart on slides, or the shapes of a template filled.

::

    formats:
      report:
        format: pptx
        source: report.pptx             # its shapes are found by their names (Selection pane)
        shapes:
          Title 1: {text: "Sales of {{ handler.get_arg('city', 'all cities') }}"}
          Chart 3: {chart: {x: city, y: [sales]}}
          Table 4: {table: {rows: 8}}
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, get_args

from jinja2 import Environment, TemplateSyntaxError
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app import extras, offload, settings
from app.settings import SitePath, Texts
from app.tables.columns import BadValue
from app.tables.files.frames import to_frame
from app.tables.source import Row
from blueprints.forms.formats import deck, filling
from blueprints.forms.formats.deck import Rows
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options, there
from blueprints.forms.formats.spooled import spooled
from blueprints.forms.formats.texts import CHARTED, filled, picked

_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


_JINJA = Environment()
"""Texts of slides: no markup, so nothing is escaped."""


def _compiles(text: str | None) -> str | None:
    try:
        _JINJA.parse(text or "")
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from error
    return text


def _switch(value: Any) -> Any:
    """`true` for a table or a chart with the defaults."""
    return {} if value is True else value


class Table(settings.Settings):
    """A table of a template."""

    rows: int = Field(20, ge=1, le=500, description="Rows, the first of the data")
    columns: Texts = Field((), description="Columns; all without it")
    data: str | None = Field(None, description="Which dataset, if there are several; the first one without it")


class ChartOfShape(settings.Settings):
    """A chart of a template; its look is the template's."""

    x: str = Field("", description="Column of the categories")
    y: Texts = Field((), description="Columns of the series; all numbers without it")
    chart: deck.Chart = Field("column", description="What it is, where the template has no chart")
    data: str | None = Field(None, description="Which dataset, if there are several; the first one without it")


class Shape(settings.Settings):
    """What fills a shape of a template."""

    text: Annotated[str | None, AfterValidator(_compiles)] = Field(
        None, description="Text in Jinja, with data, meta and handler"
    )
    table: Annotated[Table | None, BeforeValidator(_switch)] = Field(None, description="The rows")
    chart: Annotated[ChartOfShape | None, BeforeValidator(_switch)] = Field(None, description="A chart of the rows")

    @model_validator(mode="after")
    def _one(self) -> "Shape":
        if sum(part is not None for part in (self.text, self.table, self.chart)) != 1:
            raise ValueError("needs one of text, table and chart")
        return self


class Pptx(Options):
    """A presentation."""

    needs, extra = {"pptx": "python-pptx"}, "slides"

    format: Literal["pptx"] = Field("pptx", description="A PowerPoint presentation")
    source: Annotated[SitePath, AfterValidator(there)] | None = Field(None, description="Path of a template")
    shapes: dict[str, Shape] = Field(default_factory=dict, description="Names of its shapes, and what fills them")
    title: str = Field("", description="Title of the slides; {arg} in it are arguments")
    chart: Literal["table"] | deck.Chart = Field("table", description="What is shown; the argument _chart wins")
    x: str = Field("", description="Column of the categories of a chart; the argument _x wins")
    y: Texts = Field((), description="Columns of its series; the argument _y wins")
    data: str | None = Field(None, description="Which dataset, if there are several; all without it")
    rows: int = Field(200, ge=1, le=2000, description="Rows of a table, the first of the data")
    rows_per_slide: int = Field(12, ge=1, le=40, description="Rows of a table on each slide")

    @classmethod
    def ours(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options with shapes in place of the original's rules: `change-title: {Title 1: {text: ...}}`."""
        rules = {key: rule for key, rule in value.items() if key not in cls.model_fields and isinstance(rule, Mapping)}
        named = {name: shape for rule in rules.values() for name, shape in rule.items() if isinstance(shape, Mapping)}
        shapes = {name: found for name, shape in named.items() if (found := _commands(shape))}
        if not shapes:
            return value
        rest = {key: item for key, item in value.items() if key not in rules and key != "target"}
        return {**rest, "shapes": {**shapes, **value.get("shapes", {})}}

    @model_validator(mode="after")
    def _fills_something(self) -> "Pptx":
        if self.shapes and self.source is None:
            raise ValueError("shapes: are those of a template: name it by `source:`")
        if any(_has_data(shape.text or "") for shape in self.shapes.values()):
            extras.need({"pandas": "pandas"}, "frames", "a text with data")
        return self

    def written(self) -> Format:
        """See Options."""
        return Format(_CONTENT_TYPE, "pptx", partial(_write, self), "download.pptx")


def _commands(shape: Mapping[str, Any]) -> dict[str, Any]:
    """What fills a shape, of the commands of the original: texts, and tables and charts of the rows."""
    if "text" in shape:
        return {"text": str(shape["text"])}
    return next(({name: True} for name in ("table", "chart") if name in shape), {})


def _write(options: Pptx, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    """The rows are awaited here, and the slides made in a thread."""
    wanted = [picked(datasets, options.data)] if options.data else datasets
    if options.source is None:
        kept = [_kept(data, options.rows) for data in wanted]
        made = offload.run(_slides, options, kept, context)
    else:
        kept = [_kept(data, CHARTED) for data in datasets]
        made = offload.run(filling.filled, str(options.source), _fills(options, kept, datasets, context))
    return spooled(partial(offload.run, made.save))


def _kept(data: Data, limit: int) -> Rows:
    """The first rows."""
    rows: list[Row] = []
    for batch in data.batches:
        rows += batch
        if len(rows) > limit:
            break
    return Rows(data.name, data.columns, rows[:limit], len(rows) > limit)


def _slides(options: Pptx, datasets: Sequence[Rows], context: Context) -> Any:
    made = deck.presentation()
    kind = _CHARTS.get(context.arg("_chart", options.chart))
    if kind is None:
        raise BadValue("_chart", context.arg("_chart"), f"one of {', '.join(_CHARTS)}")
    y = [value for value in context.args.get("_y", ()) if value] or [filled(name, context) for name in options.y]
    for data in datasets:
        title = filled(options.title, context) or data.name.replace("_", " ").strip().capitalize()
        if kind == "table":
            deck.add_tables(made, title, data, options.rows_per_slide)
        else:
            along = deck.axes(data, context.arg("_x", filled(options.x, context)), y)
            deck.add_chart(made, title, data, kind, along)
    return made


_CHARTS: dict[str, Any] = {name: name for name in ("table", *get_args(deck.Chart))}


def _fills(options: Pptx, kept: Sequence[Rows], datasets: Sequence[Data], context: Context) -> dict[str, filling.Fill]:
    """What fills the shapes, by their names. Raises ValueError."""
    return {name: _fill(shape, kept, datasets, context) for name, shape in options.shapes.items()}


def _fill(shape: Shape, kept: Sequence[Rows], datasets: Sequence[Data], context: Context) -> filling.Fill:
    if shape.table is not None:
        return filling.Fill(table=_cut(picked(kept, shape.table.data), shape.table))
    if shape.chart is not None:
        data = picked(kept, shape.chart.data)
        along = deck.axes(data, filled(shape.chart.x, context), [filled(name, context) for name in shape.chart.y])
        return filling.Fill(chart=(shape.chart.chart, data, along))
    return filling.Fill(text=_rendered(shape.text or "", kept, datasets, context))


def _cut(data: Rows, table: Table) -> Rows:
    """The first rows, and the columns that are wanted."""
    columns = tuple(data.column("columns", name) for name in table.columns) or data.columns
    places = [data.columns.index(column) for column in columns]
    return data._replace(columns=columns, rows=[tuple(row[at] for at in places) for row in data.rows[: table.rows]])


def _rendered(text: str, kept: Sequence[Rows], datasets: Sequence[Data], context: Context) -> str:
    """Text in Jinja. `data` is a DataFrame, or a dict of them, which only a text that has the word pays for."""
    if "{" not in text:
        return text
    variables: dict[str, Any] = {"handler": context.handler}
    if _has_data(text):
        frames = {rows.name: to_frame(rows.columns, [list(rows.rows)]) for rows in kept}
        variables["data"] = frames[datasets[0].name] if is_single(datasets) else frames
    metas = {data.name: data.meta for data in datasets}
    variables["meta"] = metas[datasets[0].name] if is_single(datasets) else metas
    return _JINJA.from_string(text).render(variables)


def _has_data(text: str) -> bool:
    return "{" in text and "data" in text
