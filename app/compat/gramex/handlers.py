"""`gramex.handlers`: the classes of handlers, which this version has only by their names in YAML."""

from typing import Any

from app.compat import missing


def __getattr__(name: str) -> Any:
    raise missing(
        __name__, name, "handlers of a site's own are not there yet: write a function for `handler: Function`"
    )
