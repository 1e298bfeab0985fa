"""The forms of `path`: which file a URL stands for.

::

    path: data                            # a folder: the URL's first group is the path below it
    path: data/report.html                # a file: every matching URL is this file
    path: data/*.csv                      # the star is the first group
    path: [head.html, body.html]          # files, one after the other
    path: {"(\\d+)/(.*)": "data/{0}/{1}"}   # the first expression that matches the whole group
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import NamedTuple, Protocol

from .roots import Ignored, Root

Paths = str | Sequence[str] | Mapping[str, str]


class Name(NamedTuple):
    """A placeholder with a name: a group, an argument or a default."""

    name: str


Part = str | int | Name
"""A piece of a path: text as it is, the number of a group, or a name."""


class PathError(ValueError):
    """A `path` that cannot be served; the message says why."""


class Found(NamedTuple):
    """What a URL stands for: a path, and the root that must hold it."""

    root: Root
    path: str


class Source(Protocol):
    """One of the forms of `path`."""

    def find(self, group: str, args: Mapping[str, str]) -> Sequence[Found]:
        """What the URL's first group and its arguments stand for; several files only for a list.

        Raises FileNotFoundError when they stand for nothing.
        """


@dataclass(frozen=True)
class Below:
    """A folder, or one file."""

    root: Root

    def find(self, group: str, args: Mapping[str, str]) -> Sequence[Found]:
        """The file, or what the group names below the folder."""
        return (Found(self.root, self.root.join(group)),)


@dataclass(frozen=True)
class Joined:
    """Files, one after the other."""

    files: tuple[Found, ...]

    def find(self, group: str, args: Mapping[str, str]) -> Sequence[Found]:
        """All of them."""
        return self.files


@dataclass(frozen=True)
class Rule:
    """A path with placeholders, for the groups that an expression matches."""

    regex: re.Pattern[str]
    root: Root
    """The folder before the first placeholder."""
    parts: tuple[Part, ...]

    def fill(self, match: re.Match[str], values: Mapping[str, str]) -> Found:
        """The path with values in place of its placeholders.

        Raises FileNotFoundError for `..` in it: values only fill what the author's text leaves open.
        """
        below = "".join(_text(part, match, values) for part in self.parts)
        if ".." in below.split("/"):
            raise FileNotFoundError(below)
        return Found(self.root, self.root.join(below))


@dataclass(frozen=True)
class Ruled:
    """Paths by expression; the first that matches counts."""

    rules: tuple[Rule, ...]
    default: Mapping[str, str] = field(default_factory=dict)

    def find(self, group: str, args: Mapping[str, str]) -> Sequence[Found]:
        """The path of the first expression that matches the whole group."""
        for rule in self.rules:
            if match := rule.regex.fullmatch(group):
                named = {name: value for name, value in match.groupdict().items() if value is not None}
                return (rule.fill(match, {**self.default, **args, **named}),)
        raise FileNotFoundError(group)


def _text(part: Part, match: re.Match[str], values: Mapping[str, str]) -> str:
    if isinstance(part, int):
        return match[part + 1] or ""
    return values.get(part.name, "") if isinstance(part, Name) else part


def build(paths: Paths, ignored: Ignored, default: Mapping[str, str] | None = None) -> Source:
    """The source for a `path` as in the YAML; relative paths start at the site's folder.

    Raises PathError for what is not there, for a bad expression and for a placeholder that stands for nothing.
    """
    if isinstance(paths, Mapping):
        rules = [_rule(_compiled(regex), path, tuple(_placeholders(path)), ignored) for regex, path in paths.items()]
        return Ruled(tuple(rules), default or {})
    if not isinstance(paths, str):
        return Joined(tuple(_file(path, ignored) for path in paths))
    if "*" in paths:
        return Ruled((_rule(re.compile("(.*)", re.DOTALL), paths, tuple(_stars(paths)), ignored),))
    return Below(Root(_existing(paths, ignored), ignored))


def _existing(path: str, ignored: Ignored) -> Path:
    full = Path(ignored.site, path)
    if not full.exists():
        raise PathError(f"there is no file or folder {path!r} ({full})")
    return full


def _file(path: str, ignored: Ignored) -> Found:
    full = _existing(path, ignored)
    if not full.is_file():
        raise PathError(f"{path!r} is a folder: a list joins files")
    return Found(Root(full, ignored), str(full))


def _compiled(regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex, re.DOTALL)
    except re.error as error:
        raise PathError(f"{regex!r} is not a regular expression: {error}") from None


def _rule(regex: re.Pattern[str], path: str, parts: tuple[Part, ...], ignored: Ignored) -> Rule:
    missing = [part for part in parts if isinstance(part, int) and part >= regex.groups]
    if missing:
        raise PathError(f"{{{missing[0]}}} in {path!r} names no group of {regex.pattern!r}: the first group is {{0}}")
    if all(isinstance(part, str) for part in parts):
        return Rule(regex, Root(_existing("".join(map(str, parts)), ignored), ignored), ())
    first, *others = parts if isinstance(parts[0], str) else ("", *parts)
    folder, slash, rest = str(first).rpartition("/")
    return Rule(regex, Root(_existing(folder + slash, ignored), ignored), (rest, *others))


def _stars(path: str) -> Iterator[Part]:
    """`data/*.csv` as `data/`, group 0, `.csv`."""
    for number, text in enumerate(path.split("*")):
        if number:
            yield 0
        if text:
            yield text


def _placeholders(path: str) -> Iterator[Part]:
    """`data/{0}/{name}.csv` as `data/`, group 0, `/`, `{name}`, `.csv`; `{}` counts the groups as Python does."""
    try:
        pieces = list(Formatter().parse(path))
    except ValueError as error:
        raise PathError(f"{path!r}: {error}; a literal brace is written twice") from None
    unnumbered = 0
    for text, name, spec, conversion in pieces:
        if text:
            yield text
        if name is None:
            continue
        if spec or conversion or not re.fullmatch(r"\w*", name):
            raise PathError(f"{path!r}: a placeholder is {{0}} for a group or {{name}} for a named one or an argument")
        if name.isdecimal():
            yield int(name)
        elif name:
            yield Name(name)
        else:
            yield unnumbered
            unnumbered += 1
