"""What an `import:` asks for: files by path or glob, under which names, with which variables.

::

    import: other.yaml
    import: [other.yaml, "apps/*/skerry.yaml"]
    import:
      sales: apps/sales/skerry.yaml
      stock: {path: apps/stock/skerry.yaml, namespace: url, YAMLURL: /warehouse, TITLE: Stock}
      merge: {url: {...}}                       # a mapping that is put here as it is
"""

import glob
import os.path
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config.yaml_source import Map, Report, Seq
from app.mistakes import KeyPath, Place

_FORMS = "must be a path, a list of paths, or a mapping of names to paths"


@dataclass(frozen=True)
class Import:
    """One entry of an `import:`, and where it stands."""

    name: str
    place: Place
    path: KeyPath
    paths: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)
    merge: Map | None = None

    def prefix(self, file: Path, folder: Path) -> str:
        """What the keys of a namespace begin with: `name:path:`, the path from the importing folder."""
        return f"{self.name}:{Path(os.path.relpath(file, folder)).as_posix()}:"


def entries(value: Any, place: Place, at: KeyPath, report: Report) -> Iterator[Import]:
    """The imports that an `import:` names; entries that make no sense go to the report."""
    if isinstance(value, Map):
        for name, entry in value.items():
            where = value.places[name][1] if name in value.places else place
            yield from _entry(str(name), entry, where, (*at, name), report)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            # A list that a function gave, as a variable, has no places of its own.
            where = value.places[index] if isinstance(value, Seq) else place
            yield from _entry(str(index), entry, where, (*at, index), report)
    else:
        yield from _entry("import", value, place, at, report)


def _entry(name: str, value: Any, place: Place, path: KeyPath, report: Report) -> Iterator[Import]:
    if isinstance(value, str):
        yield Import(name, place, path, paths=(value,))
    elif isinstance(value, Map) and "path" in value:
        variables = {key: item for key, item in value.items() if key not in ("path", "namespace")}
        namespaces = _texts("*" if value.get("namespace") is True else value.get("namespace"))
        yield Import(name, place, path, _texts(value["path"]), namespaces, variables)
    elif isinstance(value, Map) and name == "merge":
        yield Import(name, place, path, merge=value)
    elif value is not None:
        report.mistake(
            place, path, "the path is missing: write 'path: file.yaml'" if isinstance(value, Map) else _FORMS
        )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else () if value is None else (str(value),)


def find_files(pattern: str, folder: Path) -> list[Path]:
    """The files that a path or a glob means, sorted. A path without wildcards is given back, there or not."""
    if not is_glob(pattern, folder):
        return [_absolute(pattern, folder)]
    found = glob.glob(pattern, root_dir=folder, recursive=True)
    return sorted(_absolute(name, folder) for name in found if (folder / name).is_file())


def searched(pattern: str, folder: Path) -> list[Path]:
    """The folders in which a new file or folder would change what a glob finds."""
    if not is_glob(pattern, folder):
        return []
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    above = [os.path.join(*parts[:index], "") if index else "./" for index in range(first, len(parts))]
    names = [name for part in above for name in glob.glob(part, root_dir=folder, recursive=True)]
    return [_absolute(name, folder) for name in names]


def is_glob(pattern: str, folder: Path) -> bool:
    """Whether a path has wildcards. A file may be called `[a].yaml`: one that exists is meant literally."""
    return glob.has_magic(pattern) and not (folder / pattern).is_file()


def _absolute(name: str, folder: Path) -> Path:
    return Path(os.path.abspath(folder / name))


def add_namespaces(tree: Map, namespaces: tuple[str, ...], prefix: str) -> Map:
    """Prefix the keys below each namespace, a dotted path, or `*` for the top level. The deepest are renamed first."""
    for namespace in sorted(namespaces, key=_depth, reverse=True):
        if namespace == "*":
            tree = _prefixed(tree, prefix)
            continue
        *parents, last = namespace.split(".")
        parent: Any = tree
        for key in parents:
            parent = parent.get(key) if isinstance(parent, Map) else None
        if isinstance(parent, Map) and isinstance(parent.get(last), Map):
            parent[last] = _prefixed(parent[last], prefix)
    return tree


def _depth(namespace: str) -> int:
    return -1 if namespace == "*" else namespace.count(".")


def _prefixed(tree: Map, prefix: str) -> Map:
    result = Map()
    for key, value in tree.items():
        result.put(f"{prefix}{key}", value, tree.places.get(key))
    return result
