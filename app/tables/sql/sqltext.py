"""The text of a SELECT that somebody wrote: its `:names`, and whether it can stand where a table does.

parts = scan("SELECT * FROM t WHERE city = :city AND at > '12:30'::time")
parts.names == ("city",)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_QUOTED = r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$"""
_QUOTED_WITH_BACKSLASHES = r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`"""
_REST = r"""
    | (?P<comment> --[^\n]* | /\*.*?\*/ {hash} )
    | (?P<open> ['"`] | /\* )
    | \\: | ::
    | (?<![:\w\\]) : (?P<name> [^\W\d]\w*)
    | (?P<word> \w+ ) | (?P<sign> [();] )
"""
_FLAGS = re.VERBOSE | re.DOTALL
_TOKEN = re.compile(_QUOTED + _REST.format(hash=""), _FLAGS)
_TOKEN_OF_MYSQL = re.compile(_QUOTED_WITH_BACKSLASHES + _REST.format(hash=r"| \#[^\n]*"), _FLAGS)
_FIRST = {"select", "with", "values", "table"}
_ENDLESS = "18446744073709551615"
"""The largest limit that MariaDB and MySQL take."""


@dataclass(frozen=True)
class Text:
    """SQL in pieces: `pieces[0] :names[0] pieces[1] :names[1] ... pieces[-1]`, without comments and `;` at its end."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]
    is_ordered: bool = False
    """Whether it has an ORDER BY of its own, and no LIMIT."""

    def written(self, placed: Callable[[str], str], escaped: Callable[[str], str] = str) -> str:
        """The SQL with something for each name; `escaped` is what happens to the rest."""
        found = [escaped(self.pieces[0])]
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            in_brackets = found[-1].rstrip().endswith("(") and piece.lstrip().startswith(")")
            value = placed(name)
            found += [value[1:-1] if in_brackets and value.startswith("(") else value, escaped(piece)]
        return "".join(found)

    def keeping_order(self) -> "Text":
        """The same for MariaDB and MySQL, which forget the order of what stands in brackets unless it has a limit."""
        if not self.is_ordered:
            return self
        return Text((*self.pieces[:-1], f"{self.pieces[-1]} LIMIT {_ENDLESS}"), self.names)


@lru_cache(maxsize=256)
def scan(sql: str, of_mysql: bool = False) -> Text:
    """The SQL in its pieces. Raises ValueError for what is no single SELECT."""
    scanner = _Scanner(sql)
    for found in (_TOKEN_OF_MYSQL if of_mysql else _TOKEN).finditer(sql):
        scanner.take(found)
    return scanner.text()


class _Scanner:
    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._pieces: list[str] = [""]
        self._names: list[str] = []
        self._words: list[str] = []
        """The first, and those that stand in no brackets."""
        self._begin = self._depth = 0
        self._has_ended = False

    def take(self, found: re.Match[str]) -> None:
        """Look at a token."""
        if found["open"]:
            raise ValueError(f"the query has {found['open']} without its end")
        if found["comment"]:
            self._keep(found, " ")
            return
        if self._has_ended:
            raise ValueError("a query is one statement: nothing may follow its `;`")
        if found["name"]:
            self._keep(found, "")
            self._names.append(found["name"])
            self._pieces.append("")
        elif found[0] == "\\:":
            self._keep(found, ":")
        elif found["sign"]:
            self._take_sign(found)
        elif found["word"]:
            self._take_word(found["word"].lower())

    def _take_word(self, word: str) -> None:
        if word == "into":
            raise ValueError("a query only reads: it has no INTO")
        if self._depth == 0 or not self._words:
            self._words.append(word)

    def _keep(self, found: re.Match[str], instead: str) -> None:
        """Keep what stands before a token, and something for the token."""
        self._pieces[-1] += self._sql[self._begin : found.start()] + instead
        self._begin = found.end()

    def _take_sign(self, found: re.Match[str]) -> None:
        if found[0] == ";":
            self._keep(found, "")
            self._has_ended = True
            return
        self._depth += 1 if found[0] == "(" else -1
        if self._depth < 0:
            raise ValueError("the query has a `)` too many")

    def text(self) -> Text:
        """All that was taken. Raises ValueError."""
        if self._depth:
            raise ValueError("the query has a `(` without its `)`")
        if not self._words or self._words[0] not in _FIRST:
            raise ValueError(f"a query is a SELECT, and does not begin with {''.join(self._words[:1])!r}")
        pieces = [*self._pieces[:-1], self._pieces[-1] + self._sql[self._begin :]]
        return Text(tuple(pieces), tuple(self._names), self._is_ordered())

    def _is_ordered(self) -> bool:
        return _follow(self._words, "order", "by") and not {"limit", "fetch", "for"} & set(self._words)


def _follow(words: Sequence[str], first: str, second: str) -> bool:
    return (first, second) in zip(words, words[1:], strict=False)
