"""Writes rows in a format, as the view does, without HTTP."""

from pydantic import TypeAdapter

from app.settings import Context as Site
from app.tables.columns import Column, Kind
from blueprints.forms.formats import FORMATS, Context, Data, Formats
from blueprints.forms.formats.format import SINGLE

COLUMNS = (Column("city", Kind.TEXT), Column("sales", Kind.FLOAT))
ROWS = [("Oslo", 10.5), ("Bergen", None), ("Tromsø", 3.0)]


def made(options, folder=None):
    """The format of a name, or of an entry of `formats:`."""
    if isinstance(options, str):
        return FORMATS[options]
    site = Site(folder) if folder else None
    return TypeAdapter(Formats).validate_python({"own": options}, context=site)["own"].made()


def data(columns=COLUMNS, rows=ROWS, name=SINGLE, size=2):
    """A dataset in batches of so many rows."""
    batches = [rows[first : first + size] for first in range(0, len(rows), size)]
    return Data(name, tuple(columns), iter(batches), {"limit": 10})


def body(options, *datasets, args=None, gramex=False, folder=None, handler=None):
    """The bytes of datasets in a format."""
    asked = {name: [value] for name, value in (args or {}).items()}
    return b"".join(made(options, folder).write(datasets or [data()], Context(handler, asked, gramex)))


def one(options, kind, *values, **context):
    """The bytes of a table with one column `x`, and another one, `n`, with the numbers of the rows."""
    columns = [Column("x", kind), Column("n", Kind.INTEGER)]
    rows = [(value, number) for number, value in enumerate(values, 1)]
    return body(options, data(columns, rows), **context)
