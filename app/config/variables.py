"""Variables of a site: the `variables:` section, and `$NAME` in values.

::

    variables:
      DATA: $YAMLPATH/data                      # always sets
      PORT: {default: 9988}                     # unless the environment or an importing file has set it
      STARTED: {function: datetime.date.today}  # a function, or an expression; `key` is the variable's name
"""

import os.path
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from app.config.conditions import Keys
from app.config.evaluation import described, evaluate
from app.config.yaml_source import Map, Report, Seq, copied
from app.mistakes import KeyPath, Place

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})", re.ASCII)
_APP = str(Path(__file__).parents[1])


def starting(environ: Mapping[str, str], secrets: Mapping[str, Any], site: Path) -> dict[str, Any]:
    """What is set before any file is read: secrets win over the environment, and both over the defaults."""
    defaults = {"GRAMEXDATA": str(site / "var"), "GRAMEXHOST": socket.gethostname()}
    return {**defaults, "GRAMEXPATH": _APP, "GRAMEXAPPS": _APP, **environ, **secrets}


def predefined(file: Path, site: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that tell a YAML file where it stands, and those that its importer gives it.

    YAMLURL is the path from the site's folder to the file's. For the site's own folder it is `.`: a pattern
    `/$YAMLURL/x` becomes `/./x`, which routing reads as `/x`.
    """
    url = str(given.get("YAMLURL") or Path(os.path.relpath(file.parent, site)).as_posix())
    return {"YAMLPATH": str(file.parent), "YAMLFILE": str(file), **given, "YAMLURL": url.strip("/") or "."}


class Scope:
    """The variables that one file sees. `defined` are those that its own `variables:` and its imports set."""

    def __init__(self, values: dict[str, Any], report: Report, chance: Random):
        self.values = values
        self.defined: dict[str, Any] = {}
        self.report = report
        self.keys = Keys(values, report, chance)

    def define(self, section: Any, place: Place, at: KeyPath) -> None:
        """Set the variables of a `variables:` section; each sees those before it."""
        if section is None:
            return
        if not isinstance(section, Map):
            self.report.mistake(place, at, "must be a mapping of names to values")
            return
        for written, value in section.items():
            key_place, value_place = section.places[written]
            name = self.keys.kept(written, key_place, at)
            if name is not None:
                path = (*at, str(name))
                self._set(path, self.expanded(self.keys.resolved(value, path), value_place, path), value_place)

    def adopt(self, defined: Mapping[str, Any]) -> None:
        """Take over what an imported file has set, where this file sees no variable of that name yet."""
        for name, value in defined.items():
            if name not in self.values:
                self._assign(name, value)

    def _set(self, path: KeyPath, value: Any, place: Place) -> None:
        name = str(path[-1])
        if not isinstance(value, Map) or not value.keys() & {"default", "function"}:
            return self._assign(name, value)
        for unknown in value.keys() - {"default", "function"}:
            where = value.places[unknown][0]
            self.report.mistake(where, (*path, unknown), "unknown key: a variable takes 'default' and 'function'")
        if "function" in value:
            self._assign(name, self._computed(name, value, path, place))
        elif name not in self.values:
            self._assign(name, self._computed(name, value["default"], (*path, "default"), place))

    def _assign(self, name: str, value: Any) -> None:
        self.values[name] = self.defined[name] = value

    def _computed(self, name: str, value: Any, path: KeyPath, place: Place) -> Any:
        """The value; or for `{function: ..., default: ...}` what the function gives, the default if that is None."""
        if not isinstance(value, dict) or "function" not in value:
            return value
        result = None
        try:
            result = evaluate(str(value["function"]), {**self.values, "key": name}, str(place))
            result = result(name) if callable(result) else result
        except Exception as error:  # the site's own code may raise anything, and the rest is still read
            self.report.mistake(place, (*path, "function"), f"the function failed: {described(error)}")
        return value.get("default") if result is None else result

    def substitute(self, node: Any, at: KeyPath, place: Place) -> None:
        """Put the variables into every text below, in place; the places of the tree stay as they are."""
        for key, value, where in _entries(node, place):
            if isinstance(value, str):
                if "$" in value:
                    node[key] = self.expanded(value, where, (*at, key))
            else:
                self.substitute(value, (*at, key), where)

    def expanded(self, value: Any, place: Place, path: KeyPath) -> Any:
        """A value with the variables put in. A text that is exactly `$NAME` takes the variable with its type."""
        if not isinstance(value, str):
            self.substitute(value, path, place)
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:  # copied, so that what is merged into one use does not show in the others
            return copied(self._referred(whole, place, path))
        return _REFERENCE.sub(lambda found: _as_text(self._referred(found, place, path)), value)

    def _referred(self, found: re.Match[str], place: Place, path: KeyPath) -> Any:
        if found["dollar"]:
            return "$"
        name = found["name"] or found["braced"]
        if name not in self.values:
            self.report.warn(place, path, f"the variable {name} is not set: it becomes empty")
        return self.values.get(name, "")


def _entries(node: Any, place: Place) -> Iterator[tuple[Any, Any, Place]]:
    """Key, value and the value's place, for each entry of a Map or a Seq."""
    if isinstance(node, Map):
        for key, value in node.items():
            yield key, value, node.places[key][1] if key in node.places else place
    elif isinstance(node, Seq):
        for index, (value, where) in enumerate(zip(node, node.places, strict=True)):
            yield index, value, where


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
