"""Rows of a CSV changed in its text: whatever is not changed stays as it was written, to the byte.

A field that changes is quoted as the one that was there; new rows look like the first one. The encoding, its mark
(BOM), the separator and the line ends stay.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from app.tables.columns import Column, Value
from app.tables.edits.changes import Invalid
from app.tables.edits.patches import Patch, shown
from app.tables.edits.transactions import Refused

_MARKS = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
_END = re.compile(r"\r\n|\n|\r")


def patched(
    data: bytes, patch: Patch, separator: str, encoding: str, above: int | None, nulls: Sequence[str] = ()
) -> bytes:
    """The CSV with the changes. `above` is the number of lines above the header, None for no header.

    Raises Refused for a file that we read otherwise than DuckDB does, and Invalid for a value that it cannot hold.
    """
    encoding, mark = _encoding(data, encoding)
    text = _Text(data[len(mark) :].decode(encoding), patch, separator, above, nulls)
    try:
        return mark + "".join(text.patched()).encode(encoding)
    except UnicodeEncodeError as error:
        raise Invalid(f"{error.object[error.start]!r} is no character of {encoding}, in which the file is") from error


def empty(columns: Sequence[Column], separator: str, encoding: str) -> bytes:
    """A CSV of these columns without rows."""
    return (separator.join(_quoted(column.name, separator, False) for column in columns) + "\n").encode(encoding)


def _encoding(data: bytes, encoding: str) -> tuple[str, bytes]:
    """The encoding without mark, and the mark that the text begins with."""
    name = codecs.lookup(encoding).name.removesuffix("-sig")
    for marked, mark in _MARKS:
        if data.startswith(mark) and (name == marked or marked.startswith(f"{name}-")):
            return marked, mark
    return name, b""


class _Text:
    def __init__(self, text: str, patch: Patch, separator: str, above: int | None, nulls: Sequence[str]):
        self.text, self.patch, self.separator, self.nulls = text, patch, separator, frozenset(nulls)
        self.field = _field(separator)
        ends = [match.end() for match in _record(separator, '"' in text).finditer(text)]
        self.spans = list(zip([0, *ends[:-1]], ends, strict=False))
        if self.spans and self.spans[-1][0] == self.spans[-1][1]:  # nothing after the last line end
            self.spans.pop()
        self.first = 0 if above is None else min(above + 1, len(self.spans))
        self.newline = next((match[0] for match in _END.finditer(text)), "\n")

    def patched(self) -> Iterator[str]:
        """The pieces of the text."""
        rows = [span for span in self.spans[self.first :] if self._is_row(*span)]
        self.patch.check(len(rows))
        self.sample = self._samples(rows)
        yield from self._old(rows)
        ended = not self.text or self.text.endswith(("\n", "\r")) or len(self.patch.deleted) == len(rows) > 0
        for row in self.patch.new_rows():
            yield ("" if ended else self.newline) + self._line(row) + self.newline
            ended = True

    def _old(self, rows: Sequence[tuple[int, int]]) -> Iterator[str]:
        """What was there, up to each change and after it."""
        at = 0
        for number in sorted({*self.patch.updated, *self.patch.deleted}):
            start, end = rows[number]
            yield self.text[at:start]
            if number not in self.patch.deleted:
                yield self._changed(start, end, self.patch.updated[number])
            at = end
        yield self.text[at:]

    def _is_row(self, start: int, end: int) -> bool:
        """Empty lines are no rows, unless there is only one column."""
        return len(self.patch.columns) == 1 or bool(self.text[start:end].strip("\r\n"))

    def _fields(self, start: int) -> list[tuple[int, int]]:
        """Where the fields of a row are."""
        found = []
        while True:
            match = self.field.match(self.text, start)
            assert match is not None  # it also matches nothing
            found.append(match.span())
            start = match.end() + 1
            if self.text[match.end() : start] != self.separator:
                return found

    def _changed(self, start: int, end: int, values: dict[str, Value | None]) -> str:
        fields, at, pieces = self._fields(start), start, []
        if len(fields) != len(self.patch.columns):
            raise Refused(f"{self.patch.name}: cannot be edited: a row has {len(fields)} fields")
        for index, column in enumerate(self.patch.columns):
            if column.name in values:
                left, right = fields[index]
                old = self.text[left:right]
                new = self._cell(values[column.name], column, old.strip('"') or self.sample[index][0], old[:1] == '"')
                pieces += [self.text[at:left], new]
                at = right
        return "".join([*pieces, self.text[at:end]])

    def _line(self, row: Sequence[Value | None]) -> str:
        cells = zip(row, self.patch.columns, self.sample, strict=True)
        return self.separator.join(self._cell(value, column, *sample) for value, column, sample in cells)

    def _cell(self, value: Value | None, column: Column, like: str, is_quoted: bool) -> str:
        if value is None:
            return ""
        text = shown(value, like)
        if text in self.nulls:
            raise Invalid(f"{column.name}: {text!r} means no value in this file")
        return _quoted(text, self.separator, is_quoted)

    def _samples(self, rows: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
        """For each column a value, and whether the first row, or else the header, has it in quotes."""
        samples = [("", False)] * len(self.patch.columns)
        for start, _ in [*rows[:20], *self.spans[max(0, self.first - 1) : self.first]]:
            texts = [self.text[left:right] for left, right in self._fields(start)]
            for index, text in enumerate(texts[: len(samples)]):
                if not samples[index][0] and (start, _) in rows[:20]:
                    samples[index] = text.strip('"'), samples[index][1] or text[:1] == '"'
                elif not rows:
                    samples[index] = "", text[:1] == '"'
        return samples


def _quoted(text: str, separator: str, is_quoted: bool) -> str:
    """RFC 4180."""
    if is_quoted or text != text.strip() or any(char in text for char in (separator, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


@lru_cache
def _field(separator: str) -> re.Pattern[str]:
    apart = re.escape(separator)
    return re.compile(rf'"[^"]*+(?:""[^"]*+)*+"(?=[{apart}\r\n]|\Z)|[^{apart}\r\n]*+')


@lru_cache
def _record(separator: str, has_quotes: bool) -> re.Pattern[str]:
    if not has_quotes:
        return re.compile(r"[^\r\n]*+(?:\r\n|\n|\r|\Z)")
    field = _field(separator).pattern
    return re.compile(rf"(?:{field})(?:{re.escape(separator)}(?:{field}))*+(?:\r\n|\n|\r|\Z)")
