"""JSON by orjson, for what users' functions return as well: DataFrames, NumPy's values, dates, decimals."""

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider as Base

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
_KEYS = str | bool | int | float | None
_BEYOND = ("64-bit", "Dict key")
"""What orjson's messages say of whole numbers and keys that it does not know."""

_NUMBERS = "biuf"
"""NumPy's kinds of numbers that orjson writes by itself."""


def dumps(value: Any) -> bytes:
    """The value as compact UTF-8 JSON.

    Dates become ISO 8601, with the local zone where a time has none (reference: gramex.md §6), a duration ISO 8601, a
    Decimal a number with all its digits, NaN null, bytes base64, a path its text. A DataFrame becomes its records, a
    Series an object by its index, an array lists, and anything else with `to_dict` that; the parts of a key of several
    levels are joined by `|`. Raises TypeError for what has no JSON form.
    """
    try:
        return orjson.dumps(value, default=_convert, option=_OPTIONS)
    except TypeError as error:
        if not any(part in str(error) for part in _BEYOND):
            raise _reason(error) from None
    return orjson.dumps(_plain(value), option=_OPTIONS)


def _reason(error: TypeError) -> TypeError:
    """What `_convert` said: orjson puts its own, more general message in front of it."""
    return error.__cause__ if isinstance(error.__cause__, TypeError) else error


def _plain(value: Any) -> Any:
    """The value in terms of what orjson knows, all through: keys of any kind, and whole numbers of any size."""
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return orjson.Fragment(str(value))
    if isinstance(value, _KEYS | orjson.Fragment) and not hasattr(value, "dtype"):
        return value
    try:
        return _plain(_convert(value))
    except TypeError:
        orjson.dumps(value)  # one that orjson knows, as an UUID or a dataclass; it raises for all others
        return value


def _key(key: Any) -> Any:
    """The key of an object; of several levels, as pandas has them, the parts joined by `|`."""
    if isinstance(key, tuple):
        return "|".join(str(_key(part)) for part in key)
    if isinstance(key, date | time):
        return key.isoformat() if key == key else None
    return key if isinstance(key, _KEYS) and not hasattr(key, "dtype") else _plain(key)


def _convert(value: Any) -> Any:
    """A value that orjson does not know in terms of what it knows."""
    if isinstance(value, date | time):
        return _in_local_zone(value).isoformat() if value == value else None  # pandas' NaT is a time that is none
    if isinstance(value, timedelta):
        return _iso_duration(value)
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, PurePath):
        return str(value)
    if _is_of_pandas(type(value)):  # type: ignore[arg-type]  # mypy takes no class for hashable
        return _of_pandas(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _of_numpy(value)
    for method in ("to_dict", "tolist", "_asdict"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} has no JSON form")


@lru_cache(64)
def _is_of_pandas(kind: type) -> bool:
    """Whether it, or what it is derived from, is pandas' own."""
    return any(base.__module__.partition(".")[0] == "pandas" for base in kind.__mro__)


def _in_local_zone(value: date | time) -> date | time:
    if hasattr(value, "to_pydatetime"):  # pandas' Timestamp is a datetime that knows no local zone
        value = value.to_pydatetime(warn=False)
    return value.astimezone() if isinstance(value, datetime) and value.tzinfo is None else value


def _iso_duration(value: timedelta) -> str:
    """ISO 8601, as `P1DT2H3M4.5S`; the sign stands in front of the whole."""
    sign, value = ("-", -value) if value < timedelta() else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    return f"{sign}P{value.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _of_pandas(value: Any) -> Any:
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return _records(value)
    if hasattr(value, "index") and hasattr(value, "to_dict"):
        _must_differ(value.index, "a Series whose index has", "reset_index(drop=True) and tolist()")
        return {_key(key): item for key, item in value.to_dict().items()}
    if hasattr(value, "tolist"):  # an Index, a Categorical, an array
        return value.tolist()
    if type(value).__name__ == "NAType":
        return None
    if type(value).__name__ in ("Period", "Interval"):
        return str(value)
    raise TypeError(f"pandas' {type(value).__name__} has no JSON form: make it a DataFrame or a list")


def _records(frame: Any) -> Any:
    names = [_key(column) for column in frame.columns]
    _must_differ(frame.columns, "a DataFrame that has the column", "rename one")
    return frame.set_axis(names, axis=1).to_dict(orient="records")


def _must_differ(labels: Any, what: str, fix: str) -> None:
    """Raise TypeError for labels that are there twice: an object of JSON would have only the last of them."""
    if not labels.is_unique:
        label = labels[labels.duplicated()][0]
        raise TypeError(f"{what} {label!r} twice has no JSON form: {fix}")


def _of_numpy(value: Any) -> Any:
    kind = value.dtype.kind
    if kind in "mM":  # those that are finer than Python's would become numbers
        return value.astype(f"{kind}8[us]").tolist()
    if kind == "f" and value.ndim == 0:
        number = float(value)
        return number if math.isfinite(number) else None
    if kind == "f" and value.dtype.itemsize > 8:
        return value.astype("f8").tolist()
    if kind in _NUMBERS and value.ndim and _is_written_by_orjson(value):
        return orjson.Fragment(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))
    return value.tolist()


def _is_written_by_orjson(array: Any) -> bool:
    return type(array).__name__ == "ndarray" and array.dtype.isnative and array.flags.c_contiguous


class JSONProvider(Base):
    """Flask's `jsonify` and `request.json` by orjson."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        """JSON text."""
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        """The value of JSON text; raises ValueError for what is not JSON."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A response with the arguments as JSON."""
        body = dumps(self._prepare_response_obj(args, kwargs))
        return Response(body, mimetype="application/json")
