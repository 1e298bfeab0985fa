r"""Serve files: a folder, one file, several joined to one, or whatever a URL is mapped to.

::

    url:
      site:
        pattern: /(.*)
        handler: FileHandler               # or DirectoryHandler, or: service: File
        kwargs:
          path: pages                      # a folder: the URL's first group is the path below it
          default_filename: [index.html, README.md]
          index: true                      # list folders that have none of these
          markdown: true                   # show *.md as pages
          template: "*.template.html"      # Jinja; Tornado's templates in a gramex.yaml
          sass: true                       # compile *.sass and *.scss to CSS
          ts: true                         # compile *.ts to JavaScript
          headers:
            Cache-Control: max-age=60
            assets/**: {Cache-Control: "public, max-age=86400"}
          transform:
            "*.csv": {function: "content.upper()", encoding: utf-8}
      reports:
        pattern: /report/(.*)
        handler: FileHandler
        kwargs:
          path: {"(\\d{4})/(\\w+)": "reports/{0}-{1}.pdf"}

Nothing outside of the path's folder is served, however the URL is written and wherever links lead; files that `ignore`
names are neither served nor listed.
"""

from pathlib import Path

from flask import Blueprint, Response

from app.mounts import ALL_METHODS, Mount

from .headers import of_failures
from .settings import Settings
from .views import FilesView

__all__ = ["Settings", "blueprint"]


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of one mount. GET and HEAD unless the YAML lists `methods`; in a gramex.yaml all methods."""
    bp = mount.blueprint(template_folder=str(Path(__file__).parent / "templates"))
    mount.route(bp, FilesView.as_view("files", mount), ALL_METHODS if mount.gramex else ("GET", "HEAD"))
    failing = of_failures(mount.settings.headers) if isinstance(mount.settings, Settings) else {}
    if failing:

        @bp.after_request
        def mark_failures(response: Response) -> Response:
            if response.status_code >= 400:
                response.headers.update(failing)
            return response

    return bp
