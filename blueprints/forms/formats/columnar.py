"""Arrow and Parquet, by pyarrow."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from importlib import import_module
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import Field

from app import offload
from app.tables.columns import Column, Kind
from app.tables.source import Row
from blueprints.forms.formats.format import Context, Data, Format
from blueprints.forms.formats.options import Options
from blueprints.forms.formats.spooled import spooled
from blueprints.forms.formats.values import text_of

if TYPE_CHECKING:
    import pyarrow

_DIGITS = 38
"""Digits of a decimal, which is what other programs read."""

_SCALE = 9
"""Digits after the point, at least; more if the first rows have more."""

_GROUP = 1 << 16
"""Rows of a row group of Parquet."""

_PYARROW = {"pyarrow": "pyarrow"}


class Arrow(Options):
    """A stream of Arrow's IPC format."""

    needs, extra = _PYARROW, "arrow"

    format: Literal["arrow"] = Field("arrow", description="A stream of Arrow's IPC format")
    compression: Literal["none", "lz4", "zstd"] = Field("none", description="How the columns are compressed")

    def written(self) -> Format:
        """See Options."""
        return Format("application/vnd.apache.arrow.stream", "arrow", partial(_stream, self), "data.arrow")


class Parquet(Options):
    """A Parquet file."""

    needs, extra = _PYARROW, "arrow"

    format: Literal["parquet"] = Field("parquet", description="A Parquet file")
    compression: Literal["none", "snappy", "gzip", "lz4", "zstd"] = Field(
        "snappy", description="How the columns are compressed"
    )

    def written(self) -> Format:
        """See Options."""
        return Format("application/vnd.apache.parquet", "parquet", partial(_file, self), "data.parquet")


def _loaded() -> None:
    """Import pyarrow in a thread, as it takes half a second."""
    offload.run(import_module, "pyarrow.parquet")


def _stream(options: Arrow, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    _loaded()
    import pyarrow

    compression = None if options.compression == "none" else options.compression
    return _written(_Batches(_only(datasets, "arrow")), pyarrow.ipc.IpcWriteOptions(compression=compression))


def _written(batches: "_Batches", options: Any) -> Iterator[bytes]:
    import pyarrow

    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, batches.schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


def _file(options: Parquet, datasets: Sequence[Data], context: Context) -> Iterator[bytes]:
    _loaded()
    return spooled(partial(_write_file, options, _Batches(_only(datasets, "parquet"))))


def _write_file(options: Parquet, batches: "_Batches", file: IO[bytes]) -> None:
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(file, batches.schema, compression=options.compression) as writer:
        for group in _grouped(batches):
            offload.run(writer.write_table, pyarrow.Table.from_batches(group, batches.schema))


def _grouped(batches: Iterable["pyarrow.RecordBatch"]) -> Iterator[list["pyarrow.RecordBatch"]]:
    group: list[pyarrow.RecordBatch] = []
    rows = 0
    for batch in batches:
        group, rows = [*group, batch], rows + batch.num_rows
        if rows >= _GROUP:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _only(datasets: Sequence[Data], format: str) -> Data:
    if len(datasets) != 1:
        names = ", ".join(data.name for data in datasets)
        raise ValueError(f"{format} holds one table, and this address has {names}: json, csv or xlsx hold them all")
    return datasets[0]


class _Batches:
    """The batches of a dataset as Arrow has them; all have the schema that fits the first one."""

    def __init__(self, data: Data):
        import pyarrow

        first = next((rows for rows in data.batches if rows), [])
        values: list[Sequence[Any]] = list(zip(*first, strict=True)) or [()] * len(data.columns)
        kinds = [_type(column, value) for column, value in zip(data.columns, values, strict=True)]
        self.schema = pyarrow.schema(list(zip(data.names, kinds, strict=True)))
        self._columns = data.columns
        self._first = self._batch(first) if first else None
        self._rest = data.batches

    def __iter__(self) -> Iterator["pyarrow.RecordBatch"]:
        first = [self._first] if self._first is not None else []
        return chain(first, (self._batch(rows) for rows in self._rest if rows))

    def _batch(self, rows: Sequence[Row]) -> "pyarrow.RecordBatch":
        import pyarrow

        columns = zip(self._columns, self.schema, zip(*rows, strict=True), strict=True)
        arrays = [_array(column, field.type, values) for column, field, values in columns]
        return pyarrow.RecordBatch.from_arrays(arrays, schema=self.schema)


def _type(column: Column, values: Sequence[Any]) -> "pyarrow.DataType":
    import pyarrow

    match column.kind:
        case Kind.INTEGER if any(isinstance(value, int) and value.bit_length() > 63 for value in values):
            return pyarrow.decimal128(_DIGITS, 0)
        case Kind.DECIMAL:
            return pyarrow.decimal128(_DIGITS, max(map(_scale, values), default=_SCALE))
    types = {
        Kind.BOOLEAN: pyarrow.bool_(),
        Kind.INTEGER: pyarrow.int64(),
        Kind.FLOAT: pyarrow.float64(),
        Kind.DATE: pyarrow.date32(),
        Kind.TIME: pyarrow.time64("us"),
        Kind.DATETIME: pyarrow.timestamp("us"),
        Kind.BINARY: pyarrow.binary(),
    }
    return types.get(column.kind, pyarrow.string())


def _scale(value: Any) -> int:
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return min(max(_SCALE, -exponent if isinstance(exponent, int) else 0), _DIGITS - 1)


def _array(column: Column, kind: "pyarrow.DataType", values: Sequence[Any]) -> "pyarrow.Array":
    """The values of a column. Raises ValueError for one of another kind than the others."""
    import pyarrow

    with suppress(pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, TypeError, OverflowError):
        return pyarrow.array(values, kind)
    if pyarrow.types.is_string(kind):
        return pyarrow.array([None if value is None else text_of(value) for value in values], kind)
    return pyarrow.array([_fitting(column, kind, value) for value in values], kind)


def _fitting(column: Column, kind: "pyarrow.DataType", value: Any) -> Any:
    import pyarrow

    if isinstance(value, Decimal) and not value.is_finite():
        return None
    if isinstance(value, Decimal) and pyarrow.types.is_decimal(kind):
        value = round(value, kind.scale)
    try:
        return pyarrow.scalar(value, kind).as_py()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, TypeError, OverflowError):
        raise ValueError(f"{column.name}: {value!r} is no {kind}, as the others of its column") from None
