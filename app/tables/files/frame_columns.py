"""What the columns of a DataFrame hold, by their types, or by their values where the type is that of any object.

This imports pandas: import it where there is a DataFrame. A date of ours is `datetime64[s]`, as pandas has no type for
one, and a column of that type whose times are all midnight is one of dates. Numbers with nulls are floats, as existing
code expects, or Int64 where a float could not tell them apart.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from app.tables.columns import Column, Kind
from app.tables.files.copies import distinct

_EXACT = 2**53
"""Up to here floating point tells every integer from its neighbours."""

_INTEGERS = range(-(2**63), 2**63)


class Part(NamedTuple):
    """A column of a frame. Its series has no index of its own, no categories and no time zone."""

    column: Column
    series: pd.Series

    @property
    def values(self) -> list[Any]:
        """Python's own values of the kind; nulls are None."""
        if types.is_datetime64_dtype(self.series.dtype):
            return self._moments()
        found: list[Any] = self.series.tolist()
        nulls = self.series.isna()
        if self._is_native() and not nulls.any():
            return found
        read = _READ.get(self.column.kind, _same)
        return [None if is_null else read(value) for value, is_null in zip(found, nulls, strict=True)]

    def _moments(self) -> list[Any]:
        """Times as numpy makes them Python's, several times faster than one by one. Python has no nanoseconds."""
        found: list[Any] = self.series.to_numpy().astype("datetime64[us]").astype(object).tolist()
        return found if self.column.kind is Kind.DATETIME else [moment and moment.date() for moment in found]

    def _is_native(self) -> bool:
        """Whether pandas gives the values as what they are."""
        dtype = self.series.dtype
        is_number = self.column.kind in _NATIVE and not types.is_object_dtype(dtype)
        return is_number or isinstance(dtype, pd.StringDtype)

    @property
    def clean(self) -> pd.Series:
        """The series in a type that leaves nothing for DuckDB to guess; what has none is text, for it to cast."""
        if isinstance(self.series.dtype, pd.StringDtype):
            return self.series.astype(object).where(self.series.notna(), None)
        if self._is_native():
            return self.series
        write = _WRITTEN.get(self.column.kind, str)
        return pd.Series([None if value is None else write(value) for value in self.values], dtype=object)


def parts(frame: Any) -> list[Part]:
    """The columns of a frame, and those of its index that have names, as after `groupby`.

    Raises ValueError for what is no DataFrame and no Series.
    """
    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"needs a DataFrame, not {type(frame).__name__}")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    names = distinct(map(_name, frame.columns))
    return [_part(name, frame.iloc[:, number]) for number, name in enumerate(names)]


def series(column: Column, values: Sequence[Any]) -> pd.Series:
    """The values of a column as pandas has them."""
    make = _SERIES.get(column.kind)
    return make(values) if make else pd.Series(values, dtype=object)


def _name(name: Any) -> str:
    """The name of a column; of one with several levels, those that are not empty."""
    return "_".join(str(level) for level in name if level != "") if isinstance(name, tuple) else str(name)


def _part(name: str, found: pd.Series) -> Part:
    if isinstance(found.dtype, pd.CategoricalDtype):
        found = found.astype(object).infer_objects()
    if isinstance(found.dtype, pd.DatetimeTZDtype):
        found = found.dt.tz_convert("UTC").dt.tz_localize(None)
    return Part(Column(name, _kind(found)), found.reset_index(drop=True))


def _kind(found: pd.Series) -> Kind:
    dtype = found.dtype
    if types.is_object_dtype(dtype):
        return _kind_of_values(found.dropna().tolist())
    if types.is_integer_dtype(dtype):
        return _kind_of_integers(found.dropna().tolist() if types.is_unsigned_integer_dtype(dtype) else ())
    if types.is_datetime64_any_dtype(dtype):
        return Kind.DATE if _are_dates(found) else Kind.DATETIME
    return next((kind for is_one, kind in _DTYPES if is_one(dtype)), Kind.TEXT)


_DTYPES: Sequence[tuple[Callable[[Any], bool], Kind]] = (
    (types.is_bool_dtype, Kind.BOOLEAN),
    (types.is_float_dtype, Kind.FLOAT),
)


def _are_dates(found: pd.Series) -> bool:
    return str(found.dtype) == "datetime64[s]" and bool((found.dropna() == found.dropna().dt.normalize()).all())


def _kind_of_values(values: Sequence[Any]) -> Kind:
    found = set(map(type, values))
    for kinds, kind in _OBJECTS:
        if found and all(issubclass(each, kinds) for each in found):
            return _kind_of_integers(values) if kind is Kind.INTEGER and not found & _TRUTHS else kind
    return Kind.TEXT


_TRUTHS = {bool, np.bool_}
_OBJECTS: Sequence[tuple[tuple[type, ...], Kind]] = (
    ((str,), Kind.TEXT),
    ((bool, np.bool_), Kind.BOOLEAN),
    ((int, np.integer), Kind.INTEGER),
    ((int, float, np.integer, np.floating), Kind.FLOAT),
    ((int, Decimal), Kind.DECIMAL),
    ((datetime,), Kind.DATETIME),
    ((date,), Kind.DATE),
    ((time,), Kind.TIME),
    ((bytes, bytearray), Kind.BINARY),
    ((list, tuple, dict, np.ndarray), Kind.OTHER),
)
"""The kinds of what objects are; the first that fits all."""


def _kind_of_integers(values: Sequence[Any]) -> Kind:
    return Kind.INTEGER if all(value in _INTEGERS for value in map(int, values)) else Kind.DECIMAL


def _same(value: Any) -> Any:
    return value


def _moment(value: Any) -> datetime:
    """A naive time of UTC. Python has no nanoseconds."""
    moment: datetime = value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _text(value: Any) -> str:
    return _duration(value) if isinstance(value, timedelta) else str(value)


def _duration(span: timedelta) -> str:
    """Hours, minutes and seconds, the hours being as many as there are, as a spreadsheet shows it."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


_READ: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.DECIMAL: lambda value: Decimal(str(value)),
    Kind.TEXT: _text,
    Kind.DATE: lambda value: _moment(value).date() if isinstance(value, datetime) else value,
    Kind.DATETIME: _moment,
    Kind.BINARY: bytes,
    Kind.OTHER: _plain,
}
_NATIVE = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.DATETIME, Kind.DATE})
_WRITTEN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.FLOAT: repr,
    Kind.BINARY: _same,
    Kind.OTHER: lambda value: json.dumps(value, default=str),
}


def _booleans(values: Sequence[Any]) -> pd.Series:
    return pd.Series(values, dtype=object if None in values else bool)


def _integers(values: Sequence[Any]) -> pd.Series:
    if None not in values:
        return pd.Series(values, dtype="int64")
    is_exact = all(abs(value) <= _EXACT for value in values if value is not None)
    return pd.Series(values, dtype="float64" if is_exact else "Int64")


_SERIES: Mapping[Kind, Callable[[Sequence[Any]], pd.Series]] = {
    Kind.BOOLEAN: _booleans,
    Kind.INTEGER: _integers,
    Kind.FLOAT: lambda values: pd.Series(values, dtype="float64"),
    Kind.DECIMAL: lambda values: pd.Series(
        [None if value is None else float(value) for value in values], dtype="float64"
    ),
    Kind.TEXT: lambda values: pd.Series(values, dtype="str"),
    Kind.DATE: lambda values: pd.Series(values, dtype="datetime64[s]"),
    Kind.DATETIME: lambda values: pd.Series(values, dtype="datetime64[us]"),
}
