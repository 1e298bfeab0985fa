"""Settings from the environment, which win over every file.

::

    SKERRY_SET="listen.port=9090; app.settings.debug=true; url.home.pattern=/start"
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.config.yaml_source import Map, Report, Seq, parse
from app.mistakes import ConfigError, Place

VARIABLE = "SKERRY_SET"

SERVICES = frozenset(
    "alert app cache email eventlog gramexlog handlers import log mime schedule sms storelocations test threadpool url "
    "variables version watch".split()
)
"""The top-level keys of a site. A setting whose path begins with none of them is one of `app:`."""


class Override(NamedTuple):
    """One `dotted.path=value`, and where it stands in the variable."""

    path: tuple[str, ...]
    value: Any
    place: Place


def apply(text: str, tree: Map, report: Report) -> None:
    """Put the settings into the tree. A path that is given several times makes a list of its values."""
    given: dict[tuple[str, ...], list[Override]] = {}
    for override in _overrides(text, report):
        given.setdefault(override.path, []).append(override)
    for path, overrides in given.items():
        _put(tree, path, _one_or_list(overrides), overrides[-1].place)


def _overrides(text: str, report: Report) -> Iterator[Override]:
    for number, line in enumerate(text.splitlines(), 1):
        for entry in re.finditer(r"[^;\s][^;]*", line):
            place = Place(Path(VARIABLE), number, entry.start() + 1)
            dotted, equals, value = entry[0].partition("=")
            path = tuple(part.strip() for part in dotted.split("."))
            if equals and all(path):
                yield from _parsed(path if path[0] in SERVICES else ("app", *path), value, place, report)
            else:
                report.mistake(
                    place, (), "must be 'dotted.path=value', several of them on lines of their own or after ';'"
                )


def _parsed(path: tuple[str, ...], value: str, place: Place, report: Report) -> Iterator[Override]:
    try:
        yield Override(path, parse(value, place.file, report, path), place)
    except ConfigError as error:
        report.mistake(place, path, error.mistakes[0].message)


def _one_or_list(overrides: list[Override]) -> Any:
    if len(overrides) == 1:
        return overrides[0].value
    items = Seq()
    items.extend(override.value for override in overrides)
    items.places.extend(override.place for override in overrides)
    return items


def _put(tree: Map, path: tuple[str, ...], value: Any, place: Place) -> None:
    *parents, last = path
    for key in parents:
        if not isinstance(tree.get(key), Map):
            tree.put(key, Map(), (place, place))
        tree = tree[key]
    tree.put(last, value, (place, place))
