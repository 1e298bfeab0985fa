"""The chart of a table of which nobody has said how it looks: of what it shows along which axis."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

from app.mistakes import did_you_mean
from app.tables.columns import DATES, NUMBERS, BadValue, Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Data
from blueprints.forms.formats.theme import COLOURS, Theme, config
from blueprints.forms.formats.values import measures, text_of

Chart = Literal["bar", "line", "area", "point"]
CHARTS: tuple[Chart, ...] = get_args(Chart)

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

_FLAT = 8
"""Names that stand beside one another below bars. More of them, or longer ones, stand one above the other."""

_SHORT = 12
"""Characters of such a name."""

_TALL = 60
"""Bars one above the other, each of which makes the picture taller."""

_SHORT_NUMBERS = "replace(format(datum.value, '~s'), 'G', 'B')"
"""1,200,000 as 1.2M."""

_UNITS = {
    "year": "year",
    "quarter": "yearquarter",
    "month": "yearmonth",
    "week": "yearweek",
    "day": "yearmonthdate",
    "hour": "yearmonthdatehours",
}
"""What `_by=date:month` is truncated to, in Vega-Lite's words: the width of its bars."""


class Wish(NamedTuple):
    """What is asked of a chart; what is empty is chosen."""

    chart: str = ""
    x: str = ""
    y: str = ""
    color: str = ""
    title: str = ""
    theme: Theme = "light"
    width: int = 640
    height: int = 360


def spec(data: Data, rows: Sequence[Row], wish: Wish) -> dict[str, Any]:
    """A spec of Vega-Lite with its data. Raises ValueError for a table without numbers, and BadValue."""
    return _Drawn(data.columns, rows, wish).spec()


def axes(columns: Sequence[Column], wish: Wish) -> tuple[Column, Column]:
    """The columns along the axes: by default the first that is no number, and the first number besides."""
    x = _named(columns, "_x", wish.x) or next((one for one in columns if one.kind not in NUMBERS), columns[0])
    besides = [x, *filter(None, [_named(columns, "_color", wish.color)])]
    y = _named(columns, "_y", wish.y) or next(iter(measures(columns, besides)), None)
    if y is None:
        raise ValueError("a chart needs a column of numbers: choose one by _c, or count with _by=...&_c=...|count")
    return x, y


def _named(columns: Sequence[Column], arg: str, name: str) -> Column | None:
    names = [column.name for column in columns]
    if name and name not in names:
        raise BadValue(arg, name, f"a column of the answer: {', '.join(names)}{did_you_mean(name, names)}")
    return columns[names.index(name)] if name else None


def _plain(value: Any) -> Any:
    """A value as JavaScript has it, whose numbers are doubles."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    return value if value is None or isinstance(value, float | bool | date) else text_of(value)


class _Drawn:
    """A chart of rows. Its fields are called x, y and color, as names of columns may mean something to Vega."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row], wish: Wish):
        if not columns:
            raise ValueError("a chart needs columns: choose some by _c")
        self.chart = wish.chart or "bar"
        if self.chart not in CHARTS:
            raise BadValue("_chart", self.chart, f"one of {', '.join(CHARTS)}{did_you_mean(self.chart, CHARTS)}")
        self.wish = wish
        self.x, self.y = axes(columns, wish)
        self.color = _named(columns, "_color", wish.color)
        chosen = {"x": self.x, "y": self.y} | ({"color": self.color} if self.color else {})
        places = [(field, columns.index(column)) for field, column in chosen.items()]
        self.values = [{field: _plain(row[at]) for field, at in places} for row in rows]

    def spec(self) -> dict[str, Any]:
        """The spec."""
        across, up = self._x(), self._y()
        if self._is_flat:
            across, up = up, across
        encoding = {"x": across, "y": up, **({"color": self._color(self.color)} if self.color else {})}
        return {
            "$schema": _SCHEMA,
            **({"title": self.wish.title} if self.wish.title else {}),
            "width": self.wish.width,
            "height": {"step": 24} if self._is_flat and len(self._names) > _FLAT else self.wish.height,
            "autosize": {"type": "fit", "contains": "padding"} if not self._is_flat else "pad",
            "config": self._config(),
            "data": {"values": self.values},
            "mark": self._mark(),
            "encoding": encoding,
        }

    @property
    def _names(self) -> set[Any]:
        return {value["x"] for value in self.values}

    @property
    def _is_flat(self) -> bool:
        """Whether bars lie, so that the names beside them can be read."""
        names = self._names if self.chart == "bar" and self._kind(self.x) == "nominal" else set()
        is_long = any(len(str(name)) > _SHORT for name in names)
        return (len(names) > _FLAT or is_long) and len(names) <= _TALL

    def _mark(self) -> dict[str, Any]:
        mark: dict[str, Any] = {"type": self.chart, "tooltip": True}
        if self.chart == "line" and len(self.values) <= 60:
            mark["point"] = True
        return mark

    def _config(self) -> dict[str, Any]:
        """The look; lines of a grid cross the bars, which may lie."""
        look = config(self.wish.theme)
        if self._is_flat:
            look["axisX"], look["axisY"] = {**look["axisY"], "grid": True}, {**look["axisX"], "ticks": False}
        if self.chart == "point":
            look["axisX"] = {"grid": True}
        return look

    @staticmethod
    def _kind(column: Column) -> str:
        return "quantitative" if column.kind in NUMBERS else "temporal" if column.kind in DATES else "nominal"

    def _x(self) -> dict[str, Any]:
        kind = self._kind(self.x)
        found = {"field": "x", "type": kind, "title": self.x.name}
        if kind == "temporal":
            return {**found, "axis": {"labelOverlap": "greedy", "labelSeparation": 12}, **self._unit()}
        if kind == "quantitative" and self.chart != "bar":
            return {**found, "scale": {"zero": False}}
        axis = {} if self._is_flat else {"axis": {"labelAngle": self._angle, "labelOverlap": True}}
        return {**found, "type": "nominal", "sort": None, **axis}

    def _unit(self) -> dict[str, Any]:
        """What a bar is as wide as."""
        unit = _UNITS.get(self.x.name.rpartition(":")[2], "yearmonthdate" if self.x.kind is Kind.DATE else "")
        return {"timeUnit": unit} if unit and self.chart == "bar" else {}

    @property
    def _angle(self) -> int:
        return 0 if len(self._names) <= _FLAT else -40

    def _y(self) -> dict[str, Any]:
        """Numbers of rows that share a place are added, but for points, which may lie on one another."""
        found: dict[str, Any] = {"field": "y", "type": self._kind(self.y), "title": self.y.name}
        if self._is_large:
            found["axis"] = {"labelExpr": _SHORT_NUMBERS}
        if self.chart in ("line", "point"):  # which need no common ground, as the lengths of bars do
            found["scale"] = {"zero": False}
        places = {(value["x"], value.get("color")) for value in self.values}
        if self.chart == "point" or len(places) == len(self.values) or self.y.kind not in NUMBERS:
            return found
        return {**found, "aggregate": "sum", "title": f"sum of {self.y.name}"}

    @property
    def _is_large(self) -> bool:
        numbers = [value["y"] for value in self.values if isinstance(value["y"], float)]
        return any(abs(number) >= 1e6 for number in numbers)

    def _color(self, column: Column) -> dict[str, Any]:
        kind, own = self._kind(column), COLOURS[self.wish.theme]
        look = {} if kind == "nominal" else {"scale": {"range": [own.series[1], own.series[0]]}}
        return {"field": "color", "type": kind, "title": column.name, "sort": None, **look}
