"""What is wrong with a YAML text, in plain words.

libyaml names the state its scanner was in ("did not find expected key"); people look for the quote, the tab or the
colon that is missing.
"""

import re
from typing import NamedTuple

import yaml


class Problem(NamedTuple):
    """A syntax error: line and column count from 0, as libyaml's marks do."""

    line: int
    column: int
    message: str


TOO_DEEP = "nested too deeply"
"""The problem that our own loader finds."""

_TAB = "a tab cannot indent YAML: use spaces"

# What libyaml calls the problem, and what to say of it at the position of the problem itself.
_AT_PROBLEM = {
    "mapping values are not allowed in this context": (
        "a ':' is not allowed here: indent the line like its neighbours, end the line before it with its own ':', "
        "or quote a text that contains ': '"
    ),
    "block sequence entries are not allowed in this context": "a list item '- ' must start a line of its own",
    "did not find expected key": (
        "this does not fit the lines above: indent it like its neighbours, and quote a text that contains quotes"
    ),
    "did not find expected '-' indicator": (
        "the list above ends here: start the line with '- ', or indent it like the key that the list belongs to"
    ),
    "did not find expected node content": "a value is missing here",
    "found unknown escape character": r"unknown escape in double quotes: write '\\', or use single quotes",
    "found undefined tag handle": "unknown tag: quote a text that starts with '!'",
    "found a tab character where an indentation space is expected": _TAB,
    "found a tab character that violates indentation": _TAB,
    "second occurrence": "this anchor '&' is given twice: rename one of them",
    "but found another document": "only one document per file: remove this '---' and what follows",
    TOO_DEEP: "nested too deeply: flatten the lists and mappings around this",
    "did not find expected comment or line break": "text cannot follow '|' or '>' on the same line: start a new line",
}

# For these the start of the construct says more than the place where the scanner gave up.
_AT_CONTEXT = {
    "while scanning a quoted scalar": "this quote is never closed",
    "while parsing a flow sequence": "this '[' is not closed where expected: add ',' or ']' at line {line}",
    "while parsing a flow mapping": "this '{{' is not closed where expected: add ',' or '}}' at line {line}",
    "while scanning a simple key": "this key has no ':' after it",
}


def explain(error: yaml.YAMLError, text: str) -> Problem:
    """Where and why the text cannot be parsed."""
    if isinstance(error, yaml.reader.ReaderError):
        return _bad_character(error, text)
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(0, 0, f"not valid YAML: {error}")
    context = _AT_CONTEXT.get(error.context or "")
    if context and error.context_mark:
        mark = error.context_mark
        return Problem(mark.line, mark.column, context.format(line=error.problem_mark.line + 1))
    mark = error.problem_mark
    return Problem(mark.line, mark.column, _words(error.problem or "", text[mark.index :]))


def _words(problem: str, rest: str) -> str:
    if problem == "found character that cannot start any token":
        return _bad_start(rest[:1])
    if problem == "found undefined alias":
        name = re.match(r"\*?([\w-]*)", rest)
        return f"the alias '*{name[1] if name else ''}' has no anchor '&' before it: quote a text that starts with '*'"
    return _AT_PROBLEM.get(problem, f"not valid YAML: {problem}")


def _bad_start(character: str) -> str:
    return _TAB if character == "\t" else f"a text cannot start with {character!r}: put it in quotes"


def _bad_character(error: yaml.reader.ReaderError, text: str) -> Problem:
    """libyaml gives no mark for these, only an offset into the UTF-8 bytes."""
    before = text.encode()[: error.position].decode(errors="replace")
    line = before.count("\n")
    return Problem(line, len(before) - before.rfind("\n") - 1, "control characters are not allowed: remove this one")
