"""What code of existing sites finds under the name `gramex`, where the original is not installed."""

import logging
from importlib import import_module
from typing import Any

from flask import current_app, has_app_context

from app.compat import missing
from app.handler.attrdict import deep

_MODULES = ("cache", "config", "data", "handlers", "http", "services", "transforms")


def shutdown() -> None:
    """Stopping the server is for whoever has started it; raises RuntimeError."""
    raise RuntimeError("a site cannot stop Skerry: end it as it was started, by Ctrl+C or its service")


def log(**event: Any) -> None:
    """Write an event to Skerry's log."""
    logging.getLogger("skerry.gramex").info("%s", event)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "service":
        return import_module(f"{__name__}.services").info
    if name in ("conf", "appconfig"):
        if not has_app_context():
            raise AttributeError(f"gramex.{name} is there during a request only: read it in the function")
        return deep(current_app.site.config.tree)  # type: ignore[attr-defined]  # our Application
    raise missing(__name__, name, "see docs/handler.md for the names that there are")
