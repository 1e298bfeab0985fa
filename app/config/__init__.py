"""The YAML files of a site -> one tree, in which each value still knows its file and line.

Layers, the later winning: defaults that the caller gives, the site's file with what it imports, `SKERRY_SET` from the
environment. Maps merge key by key, anything else replaces, and null removes the key. Nothing is kept between two reads.
"""

import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from app.config import overrides
from app.config.imports import Import, add_namespaces, entries, find_files, searched
from app.config.secrets import Secrets, redacted
from app.config.variables import Scope, predefined, starting
from app.config.yaml_source import Map, Report, Seq, copied, fill, load
from app.mistakes import ConfigError, KeyPath, Mistake, Place, shown

__all__ = ["Config", "Map", "Seq", "find", "read"]

NAMES = ("skerry.yaml", "gramex.yaml")
MAX_IMPORT_DEPTH = 20
MAX_FILES = 10_000
"""Files that a site may import, one that is imported twice counted twice."""


@dataclass(frozen=True)
class Config:
    """A site as it was read. What is wrong with it is in `mistakes`, and what does no harm in `warnings`."""

    tree: Map = field(repr=False)
    file: Path
    folder: Path
    files: frozenset[Path] = field(repr=False)
    """Files and folders whose change, or appearance, changes the site."""
    variables: dict[str, Any] = field(repr=False)
    gramex: bool
    """The site's file is a `gramex.yaml`: the original's rules apply."""
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]

    def place(self, path: KeyPath) -> Place:
        """Where the value at a key path stands, or the deepest of its ancestors that is there."""
        return self._places(path)[1]

    def key_place(self, path: KeyPath) -> Place:
        """Where the key at the end of a key path stands, or the value of its deepest ancestor."""
        return self._places(path)[0]

    def _places(self, path: KeyPath) -> tuple[Place, Place]:
        node: Any = self.tree
        here = there = Place(self.file)
        for step in path:
            if isinstance(node, Map) and step in node:
                here, there = node.places.get(step, (there, there))
            elif isinstance(node, Seq) and isinstance(step, int) and step < len(node):
                here = there = node.places[step]
            else:
                return there, there
            node = node[step]
        return here, there


def find(setting: str | None, default: Path) -> Path:
    """The site's file: `SKERRY_CONFIG`, a file or a folder with a `skerry.yaml` or `gramex.yaml`, or the default.

    Raises ConfigError if there is none.
    """
    path = Path(os.path.abspath(Path(setting).expanduser() if setting else default))
    if path.is_dir():
        for name in NAMES:
            if (path / name).is_file():
                return path / name
        raise ConfigError([Mistake(Place(path), (), f"this folder has no {' or '.join(NAMES)}")])
    if not path.exists():
        raise ConfigError([Mistake(Place(path), (), "no such file: name the site's file or folder in SKERRY_CONFIG")])
    return path


def read(file: Path, environ: Mapping[str, str], layers: Sequence[Mapping[str, Any]] = ()) -> Config:
    """Read a site. `layers` are the defaults below it, lowest first; they are merged as they are, unchanged.

    Raises ConfigError only if nothing can be made of the site's own file.
    """
    file = Path(os.path.abspath(file))
    reading = _Reading(file.parent, file.name == "gramex.yaml")
    try:
        scope, tree = reading.site(file, environ)
        overrides.apply(environ.get(overrides.VARIABLE, ""), tree, reading.report)
        for layer in reversed(layers):
            fill(tree, copied(layer))
        _remove_nulls(tree)
    except RecursionError as error:  # each file is bounded, but variables and imports can put one into another
        raise ConfigError([Mistake(Place(file), (), "variables or imports nest too deeply")]) from error
    return Config(
        tree=tree,
        file=file,
        folder=file.parent,
        files=frozenset(reading.files),
        variables=scope.values,
        gramex=reading.gramex,
        mistakes=reading.ordered(reading.report.mistakes),
        warnings=reading.ordered(reading.report.warnings),
    )


class _Reading:
    """One reading of a site: what its files have in common while they are read."""

    def __init__(self, folder: Path, gramex: bool):
        self.folder = folder
        self.gramex = gramex
        self.report = Report()
        self.files: dict[Path, None] = {}  # in the order of reading, which is that of the mistakes
        self.open: list[Path] = []
        self.loaded = 0
        self.secrets = Secrets(self.report, gramex)
        # Seeded, so that all workers, and an unchanged site after a reload, give `$*` keys the same names.
        self.chance = Random(0)

    def site(self, file: Path, environ: Mapping[str, str]) -> tuple[Scope, Map]:
        self.files[file] = None
        self.secrets.start(self.folder)
        self.files |= dict.fromkeys(self.secrets.files)
        return self.load(file, starting(environ, self.secrets.values, self.folder), {}, ())

    def load(
        self, file: Path, inherited: Mapping[str, Any], given: Mapping[str, Any], at: KeyPath
    ) -> tuple[Scope, Map]:
        """Read one file and what it imports, with the variables of its importer, and those for this file alone."""
        self.files[file] = None
        tree = load(file, self.report, at, self.gramex)
        scope = Scope({**inherited, **predefined(file, self.folder, given)}, self.report, self.chance)
        self.open.append(file)
        self.define(tree, scope, at)
        tree = scope.keys.resolved(tree, at)
        pending = list(self.imports(tree, scope, file, at))
        scope.substitute(tree, at, Place(file))
        # What is imported has its own variables already, so it joins when those of this file are in place.
        for node, imported in pending:
            fill(node, imported)
        self.open.pop()
        return scope, tree

    def define(self, tree: Map, scope: Scope, at: KeyPath) -> None:
        """Take the file's `variables:` out of its tree, and set them."""
        for key in [key for key in tree if key == "variables" or str(key).startswith("variables if ")]:
            section, (key_place, place) = tree.pop(key), tree.places[key]
            name = scope.keys.kept(key, key_place, at)
            if name is not None:
                scope.define(section, place, (*at, "variables"))

    def imports(self, node: Any, scope: Scope, file: Path, at: KeyPath) -> Iterator[tuple[Map, Map]]:
        """Take every `import` out of the tree; gives what is imported, each with the map that it is to fill."""
        if isinstance(node, Map) and "import" in node:
            place, path = node.places["import"][1], (*at, "import")
            wanted = scope.expanded(node.pop("import"), place, path)
            for entry in entries(wanted, place, path, self.report):
                for imported in self.imported(entry, scope, file, at):
                    yield node, imported
        children = node.items() if isinstance(node, Map) else enumerate(node) if isinstance(node, Seq) else ()
        for key, child in children:
            yield from self.imports(child, scope, file, (*at, key))

    def imported(self, entry: Import, scope: Scope, file: Path, at: KeyPath) -> Iterator[Map]:
        if entry.merge is not None:
            merged = entry.merge
            for node, imported in list(self.imports(merged, scope, file, at)):
                fill(node, imported)
            yield merged
        for pattern in entry.paths:
            self.files |= dict.fromkeys(searched(pattern, file.parent))
            for found in find_files(pattern, file.parent):
                if self.may_import(found, pattern, entry, file):
                    yield from self.imported_file(found, entry, scope, file, at)

    def imported_file(self, found: Path, entry: Import, scope: Scope, file: Path, at: KeyPath) -> Iterator[Map]:
        try:
            inner, tree = self.load(found, scope.values, entry.variables, at)
        except ConfigError as error:
            self.report.mistake(entry.place, entry.path, f"{shown(found)} cannot be imported, see its own mistake")
            self.report.mistakes.extend(error.mistakes)
            return
        scope.adopt(inner.defined)
        yield add_namespaces(tree, entry.namespaces, entry.prefix(found, file.parent))

    def may_import(self, found: Path, pattern: str, entry: Import, file: Path) -> bool:
        """Whether a file can be imported here; why not goes to the report."""
        if found == file and found.name != Path(pattern).name:
            return False  # a glob that happens to match the file in which it stands
        message = self.hindrance(found)
        if message:
            self.files[found] = None
            self.report.mistake(entry.place, entry.path, message)
            return False
        self.loaded += 1
        return True

    def hindrance(self, found: Path) -> str:
        chain = [file.resolve() for file in self.open]
        if found.resolve() in chain:
            ring = [*self.open[chain.index(found.resolve()) :], found]
            return (
                f"files import each other, {' -> '.join(str(shown(file)) for file in ring)}: remove one of the imports"
            )
        if len(self.open) > MAX_IMPORT_DEPTH:
            return f"imports nest more than {MAX_IMPORT_DEPTH} files deep: import {shown(found)} from a file further up"
        if self.loaded >= MAX_FILES:
            return f"more than {MAX_FILES:,} imports: import {shown(found)} fewer times"
        return "" if found.is_file() else f"no such file: {shown(found)}"

    def ordered(self, found: Iterable[Mistake]) -> tuple[Mistake, ...]:
        """File by file as they were read, then by line; without the text of any secret."""
        order = {file: number for number, file in enumerate(self.files)}
        clean = (mistake._replace(message=redacted(mistake.message, self.secrets.values)) for mistake in found)
        distinct = dict.fromkeys(clean)  # a file that is imported twice has its mistakes once
        return tuple(
            sorted(distinct, key=lambda mistake: (order.get(mistake.place.file, len(order)), *mistake.place[1:]))
        )


def _remove_nulls(node: Any) -> None:
    """A key that is null in the end is not there: this is how a layer removes what a lower one has."""
    if isinstance(node, Map):
        for key in [key for key, value in node.items() if value is None]:
            del node[key]
    for child in node.values() if isinstance(node, Map) else node if isinstance(node, list) else ():
        _remove_nulls(child)
