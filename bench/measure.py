"""What a benchmark yields, and the comparison of two servers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from bench import load
from bench.server import Server


class Effort(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float
    """Of each load in a round."""
    starts: int
    downloads: int
    """Of a large file in a round."""
    parallel: int
    reloads: int


FULL = Effort(rounds=5, seconds=2, starts=5, downloads=24, parallel=50, reloads=10)
QUICK = Effort(rounds=1, seconds=0.1, starts=1, downloads=8, parallel=5, reloads=1)


@dataclass(frozen=True)
class Figure:
    """One line of the table; use `at_least` and `at_most`."""

    name: str
    value: float
    unit: str
    wanted: str
    met: bool
    note: str
    why: tuple[str, ...]
    """Where the time went, if the figure is missed."""


def at_least(name: str, value: float, bound: float, note: str) -> Figure:
    """A ratio that should not be smaller than its bound."""
    return Figure(name, value, "", f">= {bound:g}", value >= bound, note, ())


def at_most(
    name: str, value: float, bound: float, note: str, unit: str = "", why: Callable[[], Sequence[str]] = tuple
) -> Figure:
    """A figure that should not be larger than its bound; `why` is asked only if it is."""
    met = value <= bound
    return Figure(name, value, unit, f"<= {bound:g}{unit}", met, note, () if met else tuple(why()))


class Target(NamedTuple):
    """What is requested of a server: the paths in turn."""

    server: Server
    paths: Sequence[str]
    cookie: str = ""


class Reading(NamedTuple):
    """Of one load: requests in a second, and seconds of the worker's processor time for each."""

    rate: float
    cpu: float


class Comparison(NamedTuple):
    """Readings of two servers, taken in turns."""

    floor: list[Reading]
    ours: list[Reading]

    @property
    def capacity(self) -> float:
        """Our requests in a second of the worker's processor time, as a part of the floor's."""
        return median(floor.cpu / ours.cpu for floor, ours in zip(self.floor, self.ours, strict=True))

    @property
    def cpu(self) -> float:
        """Our processor time for a request, as a multiple of the floor's."""
        return median(ours.cpu / floor.cpu for floor, ours in zip(self.floor, self.ours, strict=True))

    @property
    def note(self) -> str:
        """What lies behind the ratios."""
        ours, floor = _median(self.ours), _median(self.floor)
        return (
            f"{ours.rate:,.0f}/s of {floor.rate:,.0f}/s; "
            f"CPU {ours.cpu * 1e6:,.0f} µs against {floor.cpu * 1e6:,.0f} µs a request"
        )


def compare(floor: Target, ours: Target, effort: Effort) -> Comparison:
    """Load both with requests in turns, so that whatever else the machine does hits both."""

    def take(target: Target) -> load.Load:
        return load.timed(target.server.port, target.paths, effort.seconds, target.cookie)

    return compare_by(take, floor, ours, effort)


def compare_by(take: Callable[[Target], load.Load], floor: Target, ours: Target, effort: Effort) -> Comparison:
    """Compare two servers under a load of the caller's; the first readings only warm them up."""
    found = Comparison([], [])
    take(floor)
    take(ours)
    for _ in range(effort.rounds):
        found.floor.append(_reading(take, floor))
        found.ours.append(_reading(take, ours))
    return found


def _reading(take: Callable[[Target], load.Load], target: Target) -> Reading:
    before = target.server.cpu()
    done = take(target)
    return Reading(done.requests / done.seconds, (target.server.cpu() - before) / done.requests)


def _median(readings: Sequence[Reading]) -> Reading:
    return Reading(median(reading.rate for reading in readings), median(reading.cpu for reading in readings))
