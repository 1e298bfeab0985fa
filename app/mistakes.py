"""Where something stands in the YAML, and what is wrong with it there.

Every mistake of a site is gathered before any is reported, each on a line of its own::

    skerry.yaml:12:7: url.sales.kwargs.tabel: unknown key, did you mean 'table'?
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A position in a YAML file; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}:{self.column}"


class Mistake(NamedTuple):
    """One thing that is wrong: where it stands, the dotted path of its key, what is wrong and the fix."""

    place: Place
    path: KeyPath
    message: str

    def __str__(self) -> str:
        key = ".".join(map(str, self.path))
        return f"{self.place}: {key}: {self.message}" if key else f"{self.place}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used at all; `mistakes` says why."""

    def __init__(self, mistakes: Sequence[Mistake]):
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`", did you mean 'table'?"` for a near miss of a known word, else an empty string."""
    close = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f", did you mean {close[0]!r}?" if close else ""


def shown(file: Path) -> Path:
    """The file as a person in the working folder would type it."""
    try:
        return file.relative_to(Path.cwd())
    except ValueError:
        return file
