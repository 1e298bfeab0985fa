"""`gramex.transforms`: functions whose arguments come from the request, and what expressions use without import."""

from typing import Any

from app.compat import missing
from app.compat.functions import condition, flattener

__all__ = ["condition", "flattener"]

_SIGNATURES = {"handler": "handler", "add_handler": "handler", "Header": "Header"}


def __getattr__(name: str) -> Any:
    if name in _SIGNATURES:
        from app import signatures

        return getattr(signatures, _SIGNATURES[name])
    raise missing(__name__, name, f"there are {', '.join((*_SIGNATURES, *__all__))}")
