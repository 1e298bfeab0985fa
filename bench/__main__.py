"""`python -m bench [area ...] [--quick]`: print every area's figures; exit with 1 if one is missed."""

import argparse
import sys
import time
from collections.abc import Iterator

from bench import files, functions, limits, load, login, processes, reload, sessions, startup, tables
from bench.measure import FULL, QUICK, Effort, Figure

AREAS = {
    "functions": functions,
    "files": files,
    "processes": processes,
    "login": login,
    "startup": startup,
    "reload": reload,
    "sessions": sessions,
    "limits": limits,
    "tables": tables,
}
SAID = 12
"""Lines of what a server said before it failed."""


def main() -> int:
    """Measure the areas that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="area", help=f"one of {', '.join(AREAS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="measure too briefly to mean much, to try the benchmarks")
    asked = parser.parse_args()
    unknown = [area for area in asked.areas if area not in AREAS]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(AREAS)}")
    started = time.monotonic()
    print(f"Load by {load.generator()}. One gevent worker each, ratios are medians of neighbouring loads.")
    met = [_shown(figure) for figure in _figures(asked.areas or list(AREAS), QUICK if asked.quick else FULL)]
    print(f"{met.count(True)} met, {met.count(False)} missed, in {time.monotonic() - started:.0f} s")
    return 0 if all(met) else 1


def _figures(areas: list[str], effort: Effort) -> Iterator[Figure]:
    for area in areas:
        try:
            yield from AREAS[area].figures(effort)
        except load.Failed as failure:
            yield Figure(area, float("nan"), "", "", False, "not measured", tuple(str(failure).splitlines()[-SAID:]))


def _shown(figure: Figure) -> bool:
    value, verdict = f"{figure.value:z.2f}{figure.unit}", "met" if figure.met else "MISSED"
    print(f"{figure.name:<54} {value:>9}  {figure.wanted:>9}  {verdict:<6}  {figure.note}")
    for line in figure.why:
        print(f"    {line}")
    sys.stdout.flush()
    return figure.met


if __name__ == "__main__":
    sys.exit(main())
