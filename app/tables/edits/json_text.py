"""Records of a JSON list, or of a file with one on each line, changed in its text: the others stay as they are."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.tables.columns import Column, Kind, Value
from app.tables.edits.patches import Patch, shown
from app.tables.edits.transactions import Refused

_decoder = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


class Member(NamedTuple):
    """A name of an object, and where its value is."""

    name: str
    start: int
    end: int


def patched_list(text: str, patch: Patch) -> str:
    """The text of a list of objects with the changes. Raises Refused for what is none."""
    spans = _elements(text, patch)
    patch.check(len(spans))
    if not spans:
        opening = text.index("[") + 1 if "[" in text else 0
        before, after = text[:opening] or "[", text[opening:] or "]"
    else:
        before, after = text[: spans[0][0]], text[spans[-1][1] :]
    gaps = [text[left[1] : right[0]] for left, right in zip(spans, spans[1:], strict=False)]
    pieces: list[str] = []
    for number, (start, end) in enumerate(spans):
        if number not in patch.deleted:
            old = text[start:end]
            new = _changed(old, patch.updated[number], patch) if number in patch.updated else old
            pieces += [gaps[number - 1] if pieces else "", new]
    sample = text[slice(*spans[-1])] if spans else ""
    for row in patch.inserted.values():
        pieces += [(gaps[-1] if gaps else ",\n") if pieces else "", _record(row, patch, sample)]
    return before + "".join(pieces) + after


def patched_lines(text: str, patch: Patch) -> str:
    """The text of an object on each line with the changes."""
    lines = text.splitlines(keepends=True) if not set(text) & _OTHER_ENDS else re.findall(r"[^\n]*\n|[^\n]+", text)
    numbers = [index for index, line in enumerate(lines) if line.strip()]
    patch.check(len(numbers))
    for number, values in patch.updated.items():
        line = lines[numbers[number]]
        start = len(line) - len(line.lstrip())
        end = len(line.rstrip())
        lines[numbers[number]] = line[:start] + _changed(line[start:end], values, patch) + line[end:]
    sample = lines[numbers[-1]].strip() if numbers else ""
    for number in patch.deleted:
        lines[numbers[number]] = ""
    kept = "".join(lines)
    new = "".join(_record(row, patch, sample) + "\n" for row in patch.inserted.values())
    return kept + ("\n" if kept and new and not kept.endswith("\n") else "") + new


_OTHER_ENDS = frozenset("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r")
"""What Python takes for line ends and JSON does not."""


def _elements(text: str, patch: Patch) -> list[tuple[int, int]]:
    """Where the elements of the list are."""
    at, found = _after_space(text, 0), []
    if text[at : at + 1] not in ("[", ""):
        raise Refused(f"{patch.name}: cannot be edited: it is no list of records")
    at = _after_space(text, at + 1)
    while text[at : at + 1] not in ("]", ""):
        _, end = _decoder.raw_decode(text, at)
        found.append((at, end))
        at = _after_space(text, end)
        at = _after_space(text, at + 1) if text[at : at + 1] == "," else at
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _members(text: str) -> Iterator[Member]:
    """The names and values of the object that the text is."""
    at = _after_space(text, 1)
    while text[at] != "}":
        name, end = _decoder.raw_decode(text, at)
        start = _after_space(text, _after_space(text, end) + 1)
        _, end = _decoder.raw_decode(text, start)
        yield Member(name, start, end)
        at = _after_space(text, end)
        at = _after_space(text, at + 1) if text[at] == "," else at


def _changed(text: str, values: dict[str, Value | None], patch: Patch) -> str:
    """An object with other values; what is not there is added at its end, unless it is null."""
    if not text.startswith("{"):
        raise Refused(f"{patch.name}: cannot be edited: not all of its rows are objects")
    columns = {column.name: column for column in patch.columns}
    members = list(_members(text))
    for member in reversed(members):
        if member.name in values:
            old = text[member.start : member.end]
            text = text[: member.start] + _json(values[member.name], columns[member.name], old) + text[member.end :]
    there = {member.name for member in members}
    added = {name: value for name, value in values.items() if name not in there and value is not None}
    return _with(text, added, columns) if added else text


def _with(text: str, values: Mapping[str, Value | None], columns: dict[str, Column]) -> str:
    """An object with more names at its end."""
    members = list(_members(text))
    colon, gap = _style(text)
    new = gap.join(f"{_string(name)}{colon}{_json(value, columns[name])}" for name, value in values.items())
    if not members:
        return "{" + new + "}"
    end = members[-1].end
    return f"{text[:end]}{gap}{new}{text[end:]}"


def _record(row: dict[str, Value | None], patch: Patch, sample: str) -> str:
    """A new object that looks like another one; with all columns, so that all rows have them."""
    colon, gap = _style(sample)
    pairs = (f"{_string(column.name)}{colon}{_json(row.get(column.name), column)}" for column in patch.columns)
    first, last = "", ""
    if "\n" in gap:
        first, last = gap.removeprefix(","), sample[len(sample[:-1].rstrip()) : -1]
    return "{" + first + gap.join(pairs) + last + "}"


def _style(sample: str) -> tuple[str, str]:
    """What the sample has between name and value, and between values."""
    members = list(_members(sample)) if sample.startswith("{") else []
    colon = re.search(r":\s*$", sample[: members[0].start]) if members else None
    gap = re.match(r"\s*,\s*", sample[members[0].end :]) if members else None
    opening = re.match(r"\{(\s*)", sample)
    alone = "," + opening[1] if opening and "\n" in opening[1] else "," if colon and colon[0] == ":" else ", "
    return colon[0] if colon else ": ", gap[0] if gap else alone


def _json(value: Value | None, column: Column, like: str = "") -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if column.kind is Kind.OTHER:
        return as_json(str(value))
    text = shown(value, like.strip('"') or "T")
    is_number = not isinstance(value, str) and column.kind in (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
    return text if is_number else _string(text)


def _is_nested(text: str) -> bool:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict | list)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def as_json(text: str) -> str:
    """A text as JSON: what is a list or an object there is meant so."""
    return text if _is_nested(text) else _string(text)


def read(value: Any) -> Any:
    """What JSON in a cell says; null is no value."""
    return None if value is None else json.loads(value)
