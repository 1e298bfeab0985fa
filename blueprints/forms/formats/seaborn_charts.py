"""Charts by seaborn, by the name of its function (gramex.md §11)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from app.mistakes import did_you_mean
from blueprints.forms.formats.drawing import drawn
from blueprints.forms.formats.format import Context, Data, Format
from blueprints.forms.formats.options import LIFELESS, Options
from blueprints.forms.formats.texts import bounded, filled, picked

CHARTS = (
    *("barplot", "boxenplot", "boxplot", "catplot", "clustermap", "countplot", "displot", "ecdfplot", "heatmap"),
    *("histplot", "jointplot", "kdeplot", "lineplot", "lmplot", "pairplot", "pointplot", "regplot", "relplot"),
    *("residplot", "rugplot", "scatterplot", "stripplot", "swarmplot", "violinplot"),
)
"""Functions of seaborn that draw. Others, which load files and addresses, may not be named by a request."""

_TYPES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


class Seaborn(Options):
    """A picture by seaborn; options that are not of this model are its function's: x, y, hue, order ..."""

    model_config = ConfigDict(extra="allow")
    needs, extra = {"seaborn": "seaborn", "matplotlib": "matplotlib", "pandas": "pandas"}, "seaborn"

    format: Literal["seaborn", "sns"] = Field("seaborn", description="A picture by seaborn")
    chart: str = Field("barplot", description="Name of seaborn's function, as barplot, boxplot, heatmap")
    ext: Literal["png", "svg", "pdf"] = Field("png", description="What the picture is")
    data: str | None = Field(None, description="Which dataset, if there are several; the first one without it")
    dpi: float = Field(96, gt=0, le=600, description="Dots of an inch")
    width: int = Field(640, ge=50, le=4000, description="Pixels of the picture")
    height: int = Field(480, ge=50, le=4000, description="Pixels of the picture")

    @field_validator("chart")
    @classmethod
    def _draws(cls, chart: str) -> str:
        return chart if "{" in chart else known(chart)

    def written(self) -> Format:
        """See Options."""
        headers = LIFELESS if self.ext == "svg" else {}
        return Format(_TYPES[self.ext], self.ext, partial(_write, self), headers=headers)


def known(chart: str) -> str:
    """The name, if it is that of a function which draws. Raises ValueError."""
    if chart not in CHARTS:
        raise ValueError(f"chart: {chart!r} is not one of seaborn's {', '.join(CHARTS)}{did_you_mean(chart, CHARTS)}")
    return chart


def _write(options: Seaborn, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    data = bounded(picked(datasets, options.data))
    asked = {name: context.arg(arg) for arg, name in (("_x", "x"), ("_y", "y"), ("_color", "hue")) if context.arg(arg)}
    picture = drawn(
        "seaborn",
        chart=known(filled(options.chart, context)),
        columns=_columns(data),
        options=filled(options.model_extra or {}, context) | asked,
        kind=options.ext,
        size=(options.width / 96, options.height / 96),
        dpi=options.dpi,
    )
    return iter([picture])


def _columns(data: Data) -> dict[str, list[Any]]:
    rows = next(data.batches)
    return {name: [_plain(row[at]) for row in rows] for at, name in enumerate(data.names)}


def _plain(value: Any) -> Any:
    """A value as pandas and matplotlib know it."""
    if isinstance(value, Decimal):
        return float(value)
    return datetime(value.year, value.month, value.day) if type(value) is date else value
