"""Call a Python function, and answer with what it returns.

::

    url:
      total:
        pattern: /total/(\\d+)
        handler: Function
        kwargs:
          function: sales.total(handler, year=handler.path_args[0])
          headers: {Cache-Control: max-age=60}
      forecast:
        pattern: /forecast
        handler: Function
        kwargs: {function: sales.forecast, form: true, offload: true, timeout: 20}

Text is sent as HTML, bytes as they are, numbers, lists, dicts, dates and DataFrames as JSON, and what a generator or
another iterator yields one by one as it comes; coroutines and futures are awaited. The arguments of a function with
type hints come from the request (reference: gramex.md §3, §6). JSON is labelled `application/json`, where the original
left it `text/html`.
"""

from pathlib import Path

from flask import Blueprint

from app.mounts import ALL_METHODS, Mount
from blueprints.functions.results import to_bytes
from blueprints.functions.settings import Settings
from blueprints.functions.views import FormView, FunctionView

__all__ = ["REDIRECTS", "Settings", "blueprint", "to_bytes"]

REDIRECTS = True
"""After success, `redirect:` applies."""


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint. OPTIONS is the function's too, unless `cors:` answers it."""
    bp = mount.blueprint(template_folder=str(Path(__file__).parent / "templates"))
    view = FormView if getattr(mount.settings, "form", False) else FunctionView
    methods = [method for method in ALL_METHODS if method != "OPTIONS" or "cors" not in mount.guards]
    mount.route(bp, view(mount), methods)
    return bp
