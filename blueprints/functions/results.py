"""What functions return, as bytes."""

from typing import Any

from app.json_provider import dumps

HTML = "text/html; charset=utf-8"
JSON = "application/json"


def to_bytes(value: Any) -> bytes:
    """What a function returned or yielded, as bytes; None is nothing. Raises TypeError for what has no form."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return b"" if value is None else dumps(value)


def content_type(value: Any) -> str:
    """The Content-Type of what a function returned."""
    return HTML if value is None or isinstance(value, str | bytes) else JSON
