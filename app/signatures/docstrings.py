"""What a docstring says of a function: its summary, its parameters and what it raises.

Three styles are read: Google's `Args:`, numpy's `Parameters` with a line of dashes, and reStructuredText's `:param x:`.
"""

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Params|Raises|Returns|Yields|Example|Examples|Note|Notes|Attributes)(:?)[ \t]*$"
)
_RST = re.compile(r"^:(\w+)(?:\s+([^:]*?))?:\s*(.*)$")
_ITEM = re.compile(r"^\*{0,2}(\w[\w.]*)[ \t]*(?:\([^)]*\))?[ \t]*:[ \t]*(.*)$")
_KINDS = {"Raises": "raises"} | dict.fromkeys(("Args", "Arguments", "Parameters", "Params"), "parameters")
_FIELDS = {"raises": "raises", "raise": "raises"} | dict.fromkeys(("param", "parameter", "arg"), "parameters")


@dataclass
class Docstring:
    """The parts of a docstring; texts are joined to one line each, the description keeps its paragraphs."""

    summary: str = ""
    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    raises: dict[str, str] = field(default_factory=dict)


def parse(text: str | None) -> Docstring:
    """The parts of a docstring; nothing of it is required."""
    found, prose, rest = Docstring(), list[str](), inspect.cleandoc(text or "").splitlines()
    while rest:
        line = rest.pop(0)
        section, rst = _SECTION.match(line), _RST.match(line)
        if section and (section[2] or _is_underline(rest)):
            _read_section(found, section[1], _block(rest, dashed=not section[2]), dashed=not section[2])
        elif rst:
            _read_field(found, rst, _indented(rest))
        else:
            prose.append(line)
    found.summary, _, found.description = "\n".join(prose).strip().partition("\n\n")
    found.summary, found.description = _joined(found.summary.splitlines()), found.description.strip()
    return found


def _is_underline(lines: list[str]) -> bool:
    return bool(lines) and re.fullmatch(r"-{3,}", lines[0].strip()) is not None


def _block(lines: list[str], dashed: bool) -> list[str]:
    """Take the lines of a section: Google's are indented, numpy's go on to the next heading."""
    if not dashed:
        return _indented(lines)
    taken = [lines.pop(0)][1:]
    while lines and not (_SECTION.match(lines[0]) and _is_underline(lines[1:])):
        taken.append(lines.pop(0))
    return taken


def _indented(lines: list[str]) -> list[str]:
    taken = list[str]()
    while lines and (not lines[0].strip() or lines[0][0].isspace()):
        taken.append(lines.pop(0))
    return taken


def _read_section(found: Docstring, name: str, lines: list[str], dashed: bool) -> None:
    kind = _KINDS.get(name)
    if kind is None:
        return
    items: dict[str, str] = getattr(found, kind)
    current = ""
    for line in inspect.cleandoc("\n" + "\n".join(lines)).splitlines():
        head = line and not line[0].isspace()
        if head and dashed:
            current, text = line.partition(":")[0].strip().lstrip("*"), ""
        elif head and (item := _ITEM.match(line)):
            current, text = item[1], item[2]
        else:
            text = line.strip()
        if current:
            items[current] = _joined([items.get(current, ""), text])


def _read_field(found: Docstring, head: re.Match[str], more: list[str]) -> None:
    """`:param int x: help` names the parameter last; what else there is, as `:returns:`, is passed over."""
    kind, names = _FIELDS.get(head[1]), (head[2] or "").split()
    if kind and names:
        getattr(found, kind)[names[-1]] = _joined([head[3], *more])


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
