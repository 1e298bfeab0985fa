"""`gramex.handlers`: the classes that existing sites derive their own handlers from."""

from typing import Any

from app.compat import missing
from app.handler import BaseHandler, classes

__all__ = ["BaseHandler"]


def __getattr__(name: str) -> Any:
    offered = classes.offered()
    if name in offered:
        return getattr(classes, name)
    raise missing(__name__, name, f"there are {', '.join(['BaseHandler', *offered])}")
