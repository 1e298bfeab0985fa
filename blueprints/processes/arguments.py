"""`{name}` in the items of `args:` -> what the request says; an item is always one argument, never seen by a shell."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|(?<!\$)\{(\w+)\}", re.ASCII)
"""`{name}`; and `{{name}}`, which stands for the text `{name}`. `${name}` is a shell's and stays."""

_RUNS_CODE = {
    re.compile(r"(ba|da|z|k|mk|a|fi|c|tc)?sh|busybox|python[\d.]*|pypy[\d.]*|su"): re.compile(r"-\w*c"),
    re.compile(r"perl|ruby|node(js)?|deno|lua|osascript"): re.compile(r"-\w*[eEp]|--eval|--print|eval"),
    re.compile(r"php"): re.compile(r"-\w*[rBRE]"),
}
"""Programs, and their options after which an argument is code."""

Lookup = Callable[[str], str | None]


class BadArgument(ValueError):
    """The request has no value for a placeholder, or one that the command must not get."""


def has_placeholder(text: str) -> bool:
    """Whether the text has a `{name}` to fill."""
    return any(found[2] for found in PLACEHOLDER.finditer(text))


def check(args: Sequence[str]) -> None:
    """Raise ValueError where a placeholder would let a client choose the program, or write code for it."""
    if has_placeholder(args[0]):
        raise ValueError("the first item should be a fixed program: a client must not choose it")
    program = PurePath(args[0]).name
    options = next((option for name, option in _RUNS_CODE.items() if name.fullmatch(program)), None)
    if options is None:
        return
    for option, code in zip(args, args[1:], strict=False):
        if options.fullmatch(option) and has_placeholder(code):
            raise ValueError(
                f"{code[:40]!r} is code for {program}, which a client must not write: "
                'pass the value after it, as in [sh, -c, \'grep -- "$1" log\', sh, "{word}"]'
            )


def fill(args: Sequence[str], lookup: Lookup, options: bool) -> list[str]:
    """The arguments with every placeholder filled.

    An item that begins with a placeholder may not become an option, a text that begins with `-`, unless an item `--`
    stands before it or `options` allows it. Raises BadArgument.
    """
    filled, guarded = [], options
    for item in args:
        value = PLACEHOLDER.sub(lambda found: "{" + found[1] + "}" if found[1] else _value(found[2], lookup), item)
        found = PLACEHOLDER.match(item)
        if found and found[2] and value.startswith("-") and not guarded:
            raise BadArgument(f"the argument {found[2]!r} should not begin with '-': the command would take an option")
        guarded = guarded or item == "--"
        filled.append(value)
    return filled


def _value(name: str, lookup: Lookup) -> str:
    value = lookup(name)
    if value is None:
        raise BadArgument(f"missing argument {name!r}: add ?{name}=…")
    if "\0" in value:
        raise BadArgument(f"the argument {name!r} should not contain a null character")
    return value
