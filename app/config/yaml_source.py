"""YAML text -> plain dicts and lists that remember where each key and value stands.

The nodes come from libyaml through PyYAML: 500 mounts of ten lines each are composed in about 35 ms, for which
ruamel.yaml, which keeps places by itself, takes about a second.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from app.config.yaml_problems import TOO_DEEP, explain
from app.mistakes import ConfigError, KeyPath, Mistake, Place

MAX_DEPTH = 100
"""Deeper files are refused: libyaml's composer recurses in C, and overruns the stack where Python would raise."""

MAX_REPEATED = 100_000
"""Values that aliases may add to a file; more is a "billion laughs"."""

Places = tuple[Place, Place]


class Map(dict[str, Any]):
    """A dict that remembers, for each key, where the key and where its value stands."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[Any, Places] = {}

    def put(self, key: Any, value: Any, places: Places | None) -> None:
        """Set a value and its places; without places, those of the enclosing map count."""
        self[key] = value
        if places:
            self.places[key] = places
        else:
            self.places.pop(key, None)


class Seq(list[Any]):
    """A list that remembers where each item stands."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []


def copied(value: Any) -> Any:
    """The value with its dicts copied into Maps, and its lists into lists; places are kept where there are any."""
    if isinstance(value, Mapping):
        result = Map()
        places = value.places if isinstance(value, Map) else {}
        for key, item in value.items():
            result.put(key, copied(item), places.get(key))
        return result
    if isinstance(value, Seq):
        items = Seq()
        items.extend(map(copied, value))
        items.places.extend(value.places)
        return items
    return list(map(copied, value)) if isinstance(value, list) else value


def fill(high: Map, low: Map) -> None:
    """Add to `high` what only `low` has, map by map; where both have a value, the one in `high` stays."""
    for key, value in low.items():
        if key not in high:
            high.put(key, value, low.places.get(key))
        elif isinstance(high[key], Map) and isinstance(value, Map):
            fill(high[key], value)


@dataclass
class Report:
    """What was found while reading: mistakes, and warnings about what does no harm."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def mistake(self, place: Place, path: KeyPath, message: str) -> None:
        self.mistakes.append(Mistake(place, path, message))

    def warn(self, place: Place, path: KeyPath, message: str) -> None:
        self.warnings.append(Mistake(place, path, message))


def load(file: Path, report: Report, at: KeyPath = (), gramex: bool = False) -> Map:
    """Read a YAML file whose top level is a mapping; an empty file is an empty mapping.

    `at` is where the file is hung into the site, for messages. `gramex` asks for YAML 1.1, which the original reads.
    Raises ConfigError when the file cannot be read or parsed; smaller mistakes go to the report.
    """
    tree = parse(_text(file), file, report, at, gramex)
    if tree is None:
        return Map()
    if not isinstance(tree, Map):
        raise ConfigError([Mistake(Place(file), at, "must be a mapping of keys to values, as 'url:'")])
    return tree


def parse(text: str, file: Path, report: Report, at: KeyPath = (), gramex: bool = False) -> Any:
    """The value of a YAML text; `file` is the name that places carry. Raises ConfigError if it cannot be parsed."""
    loader = (_Yaml11 if gramex else _Yaml12)(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _Builder(file, loader, report).build(node, at)
    except yaml.YAMLError as error:
        problem = explain(error, text)
        raise ConfigError([Mistake(Place(file, problem.line + 1, problem.column + 1), at, problem.message)]) from error
    finally:
        loader.dispose()


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError([Mistake(Place(file), (), f"cannot be read: {error.strerror}")]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(file, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        raise ConfigError([Mistake(place, (), "not UTF-8: save the file as UTF-8")]) from error


class _Bounded(yaml.CSafeLoader):
    """Stops a text that is nested too deeply while it is being composed."""

    depth = 0

    def descend_resolver(self, current_node: Node | None, current_index: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH and current_node:
            raise yaml.composer.ComposerError(problem=TOO_DEEP, problem_mark=current_node.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def _tag(name: str) -> str:
    return f"tag:yaml.org,2002:{name}"


class _Yaml11(_Bounded):
    """The rules of the original: `yes` is true, `12:30` is a number, `2024-01-31` a date."""

    def value(self, node: ScalarNode) -> Any:
        # PyYAML has tags for a plain `=` and `<<`, but as values no constructors.
        return node.value if node.tag in (_tag("value"), _tag("merge")) else self.construct_object(node)


class _Yaml12(_Bounded):
    """The YAML 1.2 core schema: `yes`, `on`, `12:30` and `2024-01-31` are text."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def value(self, node: ScalarNode) -> Any:
        return _CORE[node.tag](node.value)


_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
    ("merge", r"<<", ["<"]),  # not in the core schema, but what people expect of `<<: *defaults`
):
    _Yaml12.add_implicit_resolver(_tag(_name), re.compile(rf"(?:{_pattern})\Z"), _first)


def _null(text: str) -> None:
    if text.lower() not in ("", "~", "null"):
        raise ValueError


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _int(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))


_CORE: dict[str, Callable[[str], Any]] = {
    _tag("str"): str,
    _tag("merge"): str,
    _tag("null"): _null,
    _tag("bool"): _bool,
    _tag("int"): _int,
    _tag("float"): _float,
}
_SCALARS_11 = {_tag(name) for name in ("timestamp", "binary", "value")}
_COLLECTIONS = {_tag("map"), _tag("seq")}


class _Builder:
    """Builds one document. An aliased node is built anew each time, so that no two places share a value."""

    def __init__(self, file: Path, loader: _Yaml11 | _Yaml12, report: Report):
        self.file = file
        self.value = loader.value
        self.scalars = set(_CORE) | (_SCALARS_11 if isinstance(loader, _Yaml11) else set())
        self.report = report
        self.open: set[int] = set()
        self.seen: set[int] = set()
        self.repeated = 0

    def build(self, node: Node, path: KeyPath) -> Any:
        if isinstance(node, ScalarNode):
            return node.value if node.tag == _tag("str") else self.scalar(node, path)
        if id(node) in self.open:
            self.report.mistake(self.place(node), path, "the anchor '&' here contains an alias '*' of itself")
            return None
        self.count(node, path)
        if node.tag not in _COLLECTIONS:
            self.unknown_tag(node, path)
        self.open.add(id(node))
        built = self.mapping(node, path) if isinstance(node, MappingNode) else self.sequence(node, path)
        self.open.discard(id(node))
        return built

    def place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def count(self, node: Node, path: KeyPath) -> None:
        if id(node) in self.seen:
            self.repeated += 1 + len(node.value)
        if self.repeated > MAX_REPEATED:
            message = f"aliases repeat more than {MAX_REPEATED:,} values: nest fewer of them"
            raise ConfigError([Mistake(self.place(node), path, message)])
        self.seen.add(id(node))

    def scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        if node.tag not in self.scalars:
            self.unknown_tag(node, path)
            return node.value
        try:
            return self.value(node)
        except (ValueError, KeyError, yaml.YAMLError):
            # The value is not shown: this may be a file of secrets.
            self.report.mistake(self.place(node), path, f"not a value of {_short(node.tag)}: put it in quotes")
            return node.value

    def unknown_tag(self, node: Node, path: KeyPath) -> None:
        message = f"unknown tag {_short(node.tag)}: remove it, or quote a text that starts with '!'"
        self.report.mistake(self.place(node), path, message)

    def sequence(self, node: Node, path: KeyPath) -> Seq:
        result = Seq()
        for index, item in enumerate(node.value):
            result.append(self.build(item, (*path, index)))
            result.places.append(self.place(item))
        return result

    def mapping(self, node: Node, path: KeyPath) -> Map:
        result = Map()
        merged = []
        for key_node, value_node in node.value:
            if key_node.tag == _tag("merge"):
                merged.append(value_node)
            else:
                self.entry(result, key_node, value_node, path)
        for source in merged:
            self.merge(result, source, path)
        return result

    def entry(self, result: Map, key_node: Node, value_node: Node, path: KeyPath) -> None:
        key = self.build(key_node, path) if isinstance(key_node, ScalarNode) else None
        if key is None:
            self.report.mistake(self.place(key_node), path, "a key must be a text or a number: put it in quotes")
            return
        if key in result:
            first = result.places[key][0]
            message = f"duplicate key, first given at line {first.line}; remove one of them (the first is used)"
            self.report.mistake(self.place(key_node), (*path, key), message)
            return
        result.put(key, self.build(value_node, (*path, key)), (self.place(key_node), self.place(value_node)))

    def merge(self, result: Map, node: Node, path: KeyPath) -> None:
        """`<<: *defaults` or `<<: [*first, *second]`: adds the keys that are not there yet, the first map winning."""
        for source in self.merge_sources(node, path):
            for key, value in source.items():
                if key not in result:
                    result.put(key, value, source.places.get(key))

    def merge_sources(self, node: Node, path: KeyPath) -> Iterator[Map]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            built = self.build(source, path)
            if isinstance(built, Map):
                yield built
            else:
                self.report.mistake(self.place(source), path, "'<<' takes a mapping, or a list of mappings")


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
