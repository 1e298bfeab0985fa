"""A table of an HTML page, made into CSV: the first one, or one by its number or its id.

Cells that span several columns or rows are repeated in each. Commas between thousands are left out.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from lxml import etree, html

from . import WIDEST, Refused

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def write(path: str, target: str, options: Mapping[str, Any], unpacked: int) -> None:
    """Write the cells as CSV with a header. Raises `Refused`."""
    rows = list(_grid(_found(_tables(path), options["table"])))
    if not rows:
        raise Refused("the table has no rows")
    columns = (_plain(cells) for cells in zip_longest(*rows, fillvalue=""))
    with open(target, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(zip(*columns, strict=True))


def _tables(path: str) -> list[html.HtmlElement]:
    """Those of a page, which is UTF-8 unless it says something else."""
    with open(path, "rb") as file:
        is_declared = b"charset" in file.read(4096).lower()
    try:
        root = html.parse(path, html.HTMLParser(encoding=None if is_declared else "utf-8")).getroot()
    except (etree.LxmlError, OSError) as error:
        raise Refused(str(error)) from error
    if root is None:
        return []
    etree.strip_elements(root, "script", "style", with_tail=False)
    for line_end in root.iter("br"):
        line_end.tail = f" {line_end.tail or ''}"
    return list(root.iter("table"))


def _found(tables: Sequence[html.HtmlElement], which: str | None) -> html.HtmlElement:
    """The table of this number, or id."""
    wanted = which or "0"
    for number, table in enumerate(tables):
        if wanted in (str(number), table.get("id")):
            return table
    ids = ", ".join(filter(None, (table.get("id") for table in tables)))
    raise Refused(f"no table {wanted!r}: it has {len(tables)}" + (f", with the ids {ids}" if ids else ""))


def _grid(table: html.HtmlElement) -> Iterator[list[str]]:
    """The texts of the cells, row by row; `below` are those that reach into the next rows."""
    below: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        if next(row.iterancestors("table")) is table:
            texts, below = _row(row, below)
            yield texts


def _row(row: html.HtmlElement, above: dict[int, tuple[int, str]]) -> tuple[list[str], dict[int, tuple[int, str]]]:
    texts: list[str] = []
    below: dict[int, tuple[int, str]] = {}
    cells = iter([cell for cell in row if cell.tag in ("td", "th")])
    while True:
        if (at := len(texts)) in above:
            height, text = above.pop(at)
            width = 1
        elif (cell := next(cells, None)) is not None:
            height, width, text = _span(cell, "rowspan", 65534), _span(cell, "colspan", 1000), _text(cell)
        elif above:
            height, width, text = 1, 1, ""
        else:
            return texts, below
        below |= {at + step: (height - 1, text) for step in range(width)} if height > 1 else {}
        texts += [text] * width
        if len(texts) > WIDEST:
            raise Refused(f"the table has more than {WIDEST} columns")


def _span(cell: html.HtmlElement, name: str, most: int) -> int:
    """How many rows or columns a cell takes (HTML, 4.9.12.1: at most 1000 columns and 65534 rows)."""
    value = cell.get(name, "1").strip()
    return min(int(value), most) if value.isdecimal() and int(value) else 1


def _text(cell: html.HtmlElement) -> str:
    return " ".join(str(cell.text_content()).split())


def _plain(cells: Sequence[str]) -> Sequence[str]:
    """A column, without the commas of its numbers if there is nothing else in it."""
    name, *values = cells
    numbers = [value for value in values if value]
    if any("," in number for number in numbers) and all(map(_is_number, numbers)):
        return [name, *(value.replace(",", "") for value in values)]
    return cells


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text))
