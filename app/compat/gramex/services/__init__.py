"""`gramex.services`: a namespace in which sites keep things."""

from typing import Any

from app.compat import missing
from app.compat.background import ThreadPool
from app.handler import AttrDict

info = AttrDict(threadpool=ThreadPool())
"""Kept as long as the worker runs; each worker has its own. `gramex.service` is the same."""


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "there is info")
