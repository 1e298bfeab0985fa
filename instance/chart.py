"""`/weather/chart.svg`: a year of weather, drawn in plain Python.

The picture brings its own colours for light and dark. `?width=420` draws it for a phone, so that its text stays
readable there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from statistics import mean
from typing import Any

import weather
from werkzeug.exceptions import BadRequest

WIDTHS = ("420", "960")
LEFT, HEIGHT = 34, 420
TOP, BOTTOM, WARM, COLD = 28, 268, 36, -8  # the upper part, and the degrees Celsius at its top and bottom
BASE, PER_MM = 394, 1.5  # where the bars of the rain stand, and how high a millimetre is

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #526570; font-variant-numeric: tabular-nums }
.name { fill: #15252c; font-weight: 600 }
.grid { stroke: #dae3e6 }
.range { fill: #0a5c72; opacity: .22 }
.mean { fill: none; stroke: #0a5c72; stroke-width: 2; stroke-linejoin: round }
.rain { stroke: #3d7fb8; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #9db0b9 } .name { fill: #e2ebee } .grid { stroke: #26373f }
  .range { fill: #7cc8db } .mean { stroke: #7cc8db } .rain { stroke: #6fb0e6 }
}
"""


def draw(handler: Any) -> str:
    """The chart of the year in the query. It is one text, not a generator, so that `cache:` can keep it."""
    year = weather.wanted_year(handler)
    width = handler.get_arg("width", WIDTHS[-1])
    if width not in WIDTHS:
        raise BadRequest(f"width should be {' or '.join(WIDTHS)}, not {width!r}")
    handler.set_header("Content-Type", "image/svg+xml")
    return "".join(Chart(year, weather.days(year), int(width)).parts())


@dataclass(frozen=True)
class Chart:
    """A year, and the width of its picture."""

    year: str
    days: tuple[weather.Day, ...]
    width: int

    def parts(self) -> Iterator[str]:
        """The picture from its first tag to its last."""
        box = f"0 0 {self.width} {HEIGHT}"
        yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-labelledby="title desc">'
        yield f'<title id="title">Weather at Seattle in {self.year}</title>'
        yield f'<desc id="desc">{self.description()}</desc><style>{STYLE}</style>'
        yield from self.axes()
        yield from self.months()
        yield self.range()
        yield self.mean()
        yield self.rain()
        yield "</svg>\n"

    def description(self) -> str:
        warm, cold = max(self.days, key=lambda day: day.high), min(self.days, key=lambda day: day.low)
        return (
            f"The warmest day was {_name(warm.date)} with {warm.high} °C, the coldest {_name(cold.date)} with "
            f"{cold.low} °C. {sum(day.rain for day in self.days):.0f} mm of rain fell in the year."
        )

    def axes(self) -> Iterator[str]:
        yield f'<text class="name" x="{LEFT}" y="14">Lowest to highest temperature, °C</text>'
        yield from (self.grid(_y(degrees), str(degrees)) for degrees in (0, 10, 20, 30))
        yield f'<text class="name" x="{LEFT}" y="300">Rain, mm</text>'
        yield from (self.grid(BASE - rain * PER_MM, str(rain or "")) for rain in (0, 25, 50))

    def grid(self, y: float, label: str) -> str:
        line = f'<path class="grid" d="M{LEFT} {y}H{self.width}"/>'
        return f'{line}<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>'

    def months(self) -> Iterator[str]:
        for month in range(1, 13):
            middle = date(int(self.year), month, 15)
            name = f"{middle:%b}" if self.width > 600 else f"{middle:%b}"[0]
            yield f'<text x="{self.x(middle)}" y="{HEIGHT - 6}" text-anchor="middle">{name}</text>'

    def range(self) -> str:
        highs = [(self.x(day.date), _y(day.high)) for day in self.days]
        lows = [(self.x(day.date), _y(day.low)) for day in reversed(self.days)]
        return f'<path class="range" d="M{_points(highs)} {_points(lows)}Z"/>'

    def mean(self) -> str:
        """The mean of each day with the week around it."""
        weeks = [self.days[max(at - 3, 0) : at + 4] for at in range(len(self.days))]
        means = [mean((day.high + day.low) / 2 for day in week) for week in weeks]
        line = [(self.x(day.date), _y(degrees)) for day, degrees in zip(self.days, means, strict=True)]
        return f'<path class="mean" d="M{_points(line)}"/>'

    def rain(self) -> str:
        bars = [f"M{self.x(day.date)} {BASE}v-{day.rain * PER_MM:.1f}" for day in self.days if day.rain]
        return f'<path class="rain" d="{"".join(bars)}"/>'

    def x(self, day: date) -> float:
        return round(LEFT + (self.width - LEFT) * (day.timetuple().tm_yday - 0.5) / 366, 1)


def _y(degrees: float) -> float:
    return round(TOP + (BOTTOM - TOP) * (WARM - degrees) / (WARM - COLD), 1)


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x} {y}" for x, y in points)


def _name(day: date) -> str:
    return f"{day.day} {day:%B}"
