"""The functions of the demo site: what they return is what the browser gets.

`skerry.yaml` names them, as `weather.summary(handler)`. They are plain Python over plain files; nothing here needs
a package that Python does not bring.
"""

import csv
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, Literal, NamedTuple

from werkzeug.exceptions import BadRequest

FILE = Path(__file__).parent / "data" / "weather" / "seattle.csv"
YEARS = ("2012", "2013", "2014", "2015")


class Day(NamedTuple):
    """One row of the file."""

    date: date
    rain: float
    high: float
    low: float


@cache
def days(year: str) -> tuple[Day, ...]:
    """The days of a year; the file is read once for each."""
    with FILE.open(newline="") as file:
        return tuple(_day(row) for row in csv.DictReader(file) if row["date"].startswith(year))


def _day(row: dict[str, str]) -> Day:
    rain, high, low = (float(row[name]) for name in ("precipitation", "temp_max", "temp_min"))
    return Day(date.fromisoformat(row["date"]), rain, high, low)


def wanted_year(handler: Any) -> str:
    """The year in the query, 2014 if there is none. BadRequest becomes a page that says so, with status 400."""
    year: str = handler.get_arg("year", "2014")
    if year not in YEARS:
        raise BadRequest(f"year should be {YEARS[0]} to {YEARS[-1]}, not {year!r}")
    return year


def summary(handler: Any) -> dict[str, Any]:
    """The months of a year. A dict or a list is sent as JSON."""
    year = wanted_year(handler)
    months = [[day for day in days(year) if day.date.month == month] for month in range(1, 13)]
    return {"year": int(year), "place": "Seattle", "months": [_month(month) for month in months]}


def _month(month: list[Day]) -> dict[str, Any]:
    return {
        "month": f"{month[0].date:%B}",
        "high": round(mean(day.high for day in month), 1),
        "low": round(mean(day.low for day in month), 1),
        "rain": round(sum(day.rain for day in month), 1),
        "wet_days": sum(day.rain > 0 for day in month),
    }


def on(handler: Any, day: str) -> dict[str, Any]:
    """One day, from the address: `/weather/2014-07-01`."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise BadRequest(f"{day!r} is not a day of the calendar") from None
    found = next((row for row in days(str(wanted.year)) if row.date == wanted), None)
    if found is None:
        raise BadRequest(f"there are records for {YEARS[0]} to {YEARS[-1]}, not for {wanted.year}")
    return {"date": day, "high": found.high, "low": found.low, "rain": found.rain}


def story(handler: Any) -> Iterator[str]:
    """A text, sent line by line while it is made: what a generator yields is not kept in memory.

    The year is looked at before the first line is sent, as long as the answer can still become a 400.
    """
    year = wanted_year(handler)
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    return _lines(year)


def _lines(year: str) -> Iterator[str]:
    for number in range(1, 13):
        month = _month([day for day in days(year) if day.date.month == number])
        rain = f"{month['rain']:>6} mm of rain on {month['wet_days']} days"
        yield f"{month['month']:<10}{month['high']:>5} °C high {rain}\n"


def in_fahrenheit(content: str) -> Iterator[str]:
    """A `transform:` of the CSV file: the two columns of temperatures in degrees Fahrenheit."""
    for line in content.splitlines():
        day, rain, high, low, wind = line.split(",")
        if day != "date":
            high, low = (f"{float(degrees) * 1.8 + 32:.1f}" for degrees in (high, low))
        yield f"{day},{rain},{high},{low},{wind}\n"


def wettest(year: Literal["2012", "2013", "2014", "2015"] = "2014", count: int = 5, least: float = 0.0) -> list[Any]:
    """The days with the most rain.

    Args:
        year: Which year
        count: How many days, at most
        least: Only days with at least so many millimetres
    """
    wet = sorted((day for day in days(year) if day.rain >= least), key=lambda day: -day.rain)
    return [{"date": day.date, "rain": day.rain, "high": day.high} for day in wet[: max(0, count)]]


def extremes(year: Literal["2012", "2013", "2014", "2015"] = "2014") -> dict[str, Day]:
    """The hottest, the coldest and the wettest day of a year.

    Args:
        year: Which year
    """
    found = days(year)
    return {
        "hottest": max(found, key=lambda day: day.high),
        "coldest": min(found, key=lambda day: day.low),
        "wettest": max(found, key=lambda day: day.rain),
    }


def key(handler: Any) -> str:
    """An API key for an hour, and how to use it."""
    made = handler.apikey(expire=3600, mounts=["analysts"])
    here = f"{handler.request.protocol}://{handler.request.host}"
    return f"curl -H 'Authorization: Bearer {made}' '{here}/desk/analysts?year=2015'\n"
