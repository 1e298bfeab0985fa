"""`{name}` in the texts of a dataset's settings, filled with arguments of the request (gramex.md §9).

::

    url: data/{year}.csv                      # ?year=2026
    query: SELECT * FROM {region} WHERE city = :city

What a request may put there depends on where it goes. A path stays below the folder that the YAML names, and shows no
hidden file. SQL gets words, numbers and dates, which cannot end a text, begin a comment or call a function. Values of
any other form belong into SQL by `:name`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from urllib.parse import quote, urlsplit

from app.tables.columns import BadValue

Args = Mapping[str, Sequence[str]]
Rule = Callable[[str, str], str]
"""What becomes of an argument's value in a text: `rule(name, value)`. Raises BadValue."""

_SQL = re.compile(r"(?!.*(--|::|@@))[\w.,@+-]+(:[0-9]+)*")
_WORD = re.compile(r"[^\s\0]+")
_LIKE_TEXT = re.compile(r"[^\0-\x1f\x7f]*")


class Needed(BadValue):
    """An argument that a placeholder or a `:value` needs and the request lacks."""

    def __init__(self, name: str):
        ValueError.__init__(self, f"{name}: this needs the argument, as in ?{name}=…")
        self.name, self.value, self.wanted = name, "", "there"


def names(text: str) -> frozenset[str]:
    """The names of a text's placeholders. Raises ValueError for what is in braces and no name."""
    return frozenset(name for _, name in _parts(text) if name is not None)


def filled(text: str, args: Args, rule: Rule) -> str:
    """The text with the first values of the arguments that it names. Raises BadValue."""
    return "".join(literal + ("" if name is None else rule(name, first(args, name))) for literal, name in _parts(text))


def first(args: Args, name: str) -> str:
    """The first value of an argument. Raises Needed, a BadValue."""
    value = next(iter(args.get(name, ())), "")
    if not value:
        raise Needed(name)
    return value


def in_sql(name: str, value: str) -> str:
    """A value as a part of SQL: a name, a number, a date, an address of mail, or several with commas."""
    if not _SQL.fullmatch(value):
        raise BadValue(name, value, f"a word, a number or a date, which is all that {{{name}}} may be: use :{name}")
    return value


def in_path(name: str, value: str) -> str:
    """A value as a part of a path: it leads down only, and to nothing hidden."""
    if "\0" in value or ":" in value or "\\" in value or any(_is_climbing(part) for part in value.split("/")):
        raise BadValue(name, value, "a name of a file or a path below the folder")
    return value


def in_url(name: str, value: str) -> str:
    """A value as a part of a web address: it stays what it is wherever it stands."""
    if not _WORD.fullmatch(value) or _is_climbing(value):
        raise BadValue(name, value, "a word without spaces")
    return quote(value, safe="")


def in_name(name: str, value: str) -> str:
    """A value as a part of a database's URL: SQLAlchemy would not read one that is quoted."""
    if not re.fullmatch(r"\w[\w.-]*", value):
        raise BadValue(name, value, "a name of letters, digits, _, . and -")
    return value


def as_word(name: str, value: str) -> str:
    """A value without white space, as the name of a table."""
    if not _WORD.fullmatch(value):
        raise BadValue(name, value, "a word without spaces")
    return value


def as_text(name: str, value: str) -> str:
    """Any text of one line, as the name of a sheet."""
    if not _LIKE_TEXT.fullmatch(value):
        raise BadValue(name, value, "text of one line")
    return value


def of_url(url: str) -> Rule:
    """The rule for the placeholders of a source's URL, by what the URL is. Raises ValueError for one of a host's."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return in_path
    if names(scheme) or names(urlsplit(f"//{rest}").netloc):
        raise ValueError("url: a request may not say which host or protocol is asked: use {name} only after the host")
    kind = scheme.partition("+")[0]
    return in_path if kind in ("sqlite", "duckdb", "dir", "file") else in_url if kind.startswith("http") else in_name


def _is_climbing(part: str) -> bool:
    return not part or part.startswith(".")


@lru_cache(maxsize=256)
def _parts(text: str) -> tuple[tuple[str, str | None], ...]:
    """Literal texts, each with the name of the placeholder after it."""
    return tuple(_split(text))


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    try:
        found = list(Formatter().parse(text))
    except ValueError:  # a single brace, as in JSON or a regular expression
        return iter([(text, None)])
    return (_part(*each) for each in found)


def _part(literal: str, name: str | None, spec: str | None, conversion: str | None) -> tuple[str, str | None]:
    if name is not None and (spec or conversion or not re.fullmatch(r"[\w-]+", name)):
        raise ValueError(f"{{{name}}} should be the name of an argument, as {{year}}; write {{{{ for a brace")
    return literal, name
