"""JSON by orjson, for what users' functions return as well."""

import base64
import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider as Base

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATETIME


def dumps(value: Any) -> bytes:
    """The value as compact UTF-8 JSON.

    Dates become ISO 8601, with the local zone where a time has none (reference: gramex.md §6), a Decimal a number with
    all its digits, NaN null, bytes base64, a path its text, a DataFrame its records, and anything else with `to_dict`
    that. Raises TypeError for what has no JSON form.
    """
    try:
        return orjson.dumps(value, default=_convert, option=_OPTIONS)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
    return json.dumps(value, default=_convert_plainly, separators=(",", ":")).encode()  # whole numbers of any size


def _convert(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    return _convert_plainly(value)


def _convert_plainly(value: Any) -> Any:
    """A value in terms of what every JSON library knows."""
    if isinstance(value, date | time):
        return _in_local_zone(value).isoformat() if value == value else None  # pandas' NaT is a time that is none
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return value.to_dict(orient="records")
    for method in ("to_dict", "tolist", "_asdict"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _in_local_zone(value: date | time) -> date | time:
    if hasattr(value, "to_pydatetime"):  # pandas' Timestamp is a datetime that knows no local zone
        value = value.to_pydatetime(warn=False)
    return value.astimezone() if isinstance(value, datetime) and value.tzinfo is None else value


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
