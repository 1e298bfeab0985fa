"""Query a table, in a file or a database, by the arguments of the URL.

::

    url:
      sales:
        pattern: /sales
        handler: FormHandler          # or Data
        kwargs:
          url: data/sales.csv         # or postgresql://user@host/db with `table: sales`
          default: {_sort: -date}     # arguments that a request may override

    GET /sales?city=Oslo&sales>=100&_sort=-sales&_limit=10
    GET /sales?_by=city&_c=sales|sum&_format=csv

Browsers get a page with the table, programs JSON (reference: gramex.md §8-11). The query language is `app.tables`'.
"""

from pathlib import Path

from flask import Blueprint

from app.mounts import Mount

from .settings import Settings
from .views import TablesView, with_format_headers

__all__ = ["Settings", "blueprint"]


def blueprint(mount: Mount) -> Blueprint:
    """The mount's blueprint."""
    bp = mount.blueprint(template_folder=str(Path(__file__).parent / "templates"))
    bp.after_request(with_format_headers)  # before those of the guards are attached, so that it runs after them
    view = TablesView(mount)
    mount.route(bp, view, view.methods)
    return bp
