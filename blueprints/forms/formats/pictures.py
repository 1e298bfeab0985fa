"""Charts as SVG, PNG and PDF: of a spec of Vega or Vega-Lite, or of what the request asks to see of the table."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import Field, field_validator

from blueprints.forms.formats import specs
from blueprints.forms.formats.automatic import Chart, Wish
from blueprints.forms.formats.drawing import drawn
from blueprints.forms.formats.format import Context, Data, Format
from blueprints.forms.formats.options import LIFELESS, Options
from blueprints.forms.formats.texts import filled
from blueprints.forms.formats.theme import Theme

_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


class Charted(Options):
    """What a chart shows, if it has no spec: each may be said by the request too."""

    chart: Chart | None = Field(None, description="bar, line, area or point; the argument _chart wins")
    x: str = Field("", description="Column along the x axis; the argument _x wins")
    y: str = Field("", description="Column along the y axis; the argument _y wins")
    color: str = Field("", description="Column that the colours tell apart; the argument _color wins")
    title: str = Field("", description="Title of the chart")
    theme: Theme = Field("light", description="light or dark; the argument _theme wins")
    width: int = Field(640, ge=50, le=4000, description="Pixels of the chart, without its legend")
    height: int = Field(360, ge=50, le=4000, description="Pixels of the chart")
    data: str | None = Field(None, description="Which dataset, if there are several; the first one without it")
    spec: dict[str, Any] | None = Field(None, description="A spec of Vega-Lite or Vega; {arg} in it are arguments")

    def wish(self, context: Context) -> Wish:
        """What is asked of the chart."""
        return Wish(
            chart=context.arg("_chart", self.chart or ""),
            x=context.arg("_x", filled(self.x, context)),
            y=context.arg("_y", filled(self.y, context)),
            color=context.arg("_color", filled(self.color, context)),
            title=filled(self.title, context),
            theme="dark" if context.arg("_theme", self.theme) == "dark" else "light",
            width=self.width,
            height=self.height,
        )


class Picture(Charted):
    """A picture of a chart."""

    needs, extra = {"vl_convert": "vl-convert-python"}, "charts"

    format: Literal["svg", "png", "pdf"] = Field("svg", description="A picture of a chart")
    scale: float = Field(2, gt=0, le=4, description="Pixels of a PNG for each of the chart's")

    @field_validator("spec")
    @classmethod
    def _reads_no_addresses(cls, spec: dict[str, Any] | None) -> dict[str, Any] | None:
        if spec is not None and (path := specs.address(spec)):
            raise ValueError(f"{path}: a picture reads no addresses; its data is the dataset's")
        return spec

    def written(self) -> Format:
        """See Options."""
        headers = LIFELESS if self.format == "svg" else {}
        return Format(_TYPES[self.format], self.format, partial(_write, self), headers=headers)


def _write(options: Picture, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    text = specs.with_data(options, datasets, context)
    language = specs.language(options.spec or {})
    return iter([drawn("vega", spec=text, language=language, kind=options.format, scale=options.scale)])
