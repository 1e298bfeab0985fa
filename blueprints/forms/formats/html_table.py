"""A plain HTML table, to put into a page."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

from markupsafe import escape
from pydantic import Field

from app.settings import Words
from app.tables.columns import NUMBERS
from app.tables.source import Row
from blueprints.forms.formats.format import Context, Data, Format, is_single
from blueprints.forms.formats.options import Options
from blueprints.forms.formats.values import numbered, text_of


class Html(Options):
    """An HTML table in the words of pandas' `to_html` (gramex.md §11)."""

    format: Literal["html"] = Field("html", description="A plain HTML table")
    index: bool = Field(False, description="Put the numbers of the rows in front, from 0")
    header: bool = Field(True, description="Begin with the names of the columns")
    na_rep: str = Field("", description="What stands where there is no value")
    float_format: str | None = Field(None, pattern=r"^%[-+ 0]*\d*(\.\d+)?[eEfFgG]$", description="As '%.2f'")
    classes: Words = Field(("dataframe",), description="Classes of the table")
    border: int = Field(1, ge=0, description="The attribute border of the table; 0 is none")
    table_id: str | None = Field(None, description="The id of the table")
    escape: bool = Field(True, description="Write <, > and & as text. Only for columns of HTML that you trust: false")

    def written(self) -> Format:
        """See Options."""
        return Format("text/html;charset=UTF-8", "html", partial(_write, self))


_MARKUP = (str, dict, list)
"""Values that may have what means something in HTML."""


def _write(options: Html, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    for data in datasets:
        if not is_single(datasets):
            yield f"<h1>{escape(data.name)}</h1>\n".encode()
        yield from _table(options, numbered(data) if options.index else data)


def _table(options: Html, data: Data) -> Iterator[bytes]:
    yield f"<table{_attributes(options)}>\n{_head(data) if options.header else ''}<tbody>\n".encode()
    texts = [_texts(options, column.kind in NUMBERS) for column in data.columns]
    for rows in data.batches:
        if rows:
            yield "".join(_rows(texts, rows)).encode()
    yield b"</tbody>\n</table>\n"


def _attributes(options: Html) -> str:
    border = f' border="{options.border}"' if options.border else ""
    classes = f' class="{escape(" ".join(options.classes))}"' if options.classes else ""
    return border + classes + (f' id="{escape(options.table_id)}"' if options.table_id else "")


def _head(data: Data) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in data.names)
    return f"<thead>\n<tr>{cells}</tr>\n</thead>\n"


def _rows(texts: Sequence[Callable[[Any], str]], rows: Sequence[Row]) -> Iterator[str]:
    columns = [map(text, values) for text, values in zip(texts, zip(*rows, strict=True), strict=True)]
    for cells in zip(*columns, strict=True):
        yield f"<tr><td>{'</td><td>'.join(cells)}</td></tr>\n"


def _texts(options: Html, is_number: bool) -> Callable[[Any], str]:
    """What makes the text of a cell."""

    def cell(value: Any) -> str:
        if value is None or value != value:
            return str(escape(options.na_rep))
        if options.float_format and is_number and not isinstance(value, int | str):
            return str(options.float_format % value)
        text = value if isinstance(value, str) else text_of(value)
        return str(escape(text)) if options.escape and isinstance(value, _MARKUP) else text

    return cell
