"""Values of a table as text, the same in every format that consists of text."""

import math
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.json_provider import dumps
from app.tables.columns import NUMBERS, Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Data

_JSON = (bytes, dict, list, timedelta)


def text_of(value: Any) -> str:
    """A value as text: what has no value is empty, as NaN; bytes are base64, nested values JSON."""
    if value is None or value != value:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return dumps(value).decode().strip('"') if isinstance(value, _JSON) else str(value)


def is_finite(value: Any) -> bool:
    """Whether a value is no NaN and no infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value.is_finite() if isinstance(value, Decimal) else True


def numbered(data: Data) -> Data:
    """The data with the numbers of the rows, from 0, in front: what `index: true` of the original adds."""
    return data._replace(columns=(Column("", Kind.INTEGER), *data.columns), batches=_numbered(data))


def _numbered(data: Data) -> Iterator[list[Row]]:
    first = 0
    for rows in data.batches:
        yield [(number, *row) for number, row in enumerate(rows, first)]
        first += len(rows)


def measures(columns: Sequence[Column], besides: Collection[Column]) -> list[Column]:
    """The columns of numbers that are worth a chart: aggregates if there are some, and no numbers of rows."""
    numbers = [column for column in columns if column.kind in NUMBERS and column not in besides]
    aggregates = [column for column in numbers if "|" in column.name]
    worth = [column for column in numbers if not column.key and column.name.lower() != "id"]
    return aggregates or worth or numbers
