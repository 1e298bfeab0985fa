"""Run a command, and send what it prints while it prints it.

::

    url:
      ping:
        pattern: /ping/<host>
        handler: Command                   # or ProcessHandler
        kwargs:
          args: [ping, -c, "4", "{host}"]  # {host}: a group of the pattern, or an argument of the request
          cwd: data                        # the site's folder unless set
          env: {LANG: C}
          stderr: [pipe, var/ping.log]     # to the client, and to a file
          timeout: 60
          concurrency: 4
      import:
        pattern: /import
        handler: Command
        kwargs: {args: [psql, -f, "-"], stdin: body, methods: [POST]}

The command and everything that it has started end with the request: when the client leaves, when the time is up, and
when the worker stops, however that happens (reference: gramex.md §15). Output is labelled `text/plain`, where the
original said `text/html`; `headers:` sets another type. A browser that opens the address gets a page that runs the
command and shows its output live.
"""

from pathlib import Path

from flask import Blueprint

from app.mounts import Mount

from .settings import Settings
from .views import CommandView

__all__ = ["REDIRECTS", "Settings", "blueprint"]

REDIRECTS = True
"""After success, `redirect:` applies."""


def blueprint(mount: Mount) -> Blueprint:
    """The blueprint of one mount; GET and POST run the command unless the YAML lists `methods`."""
    bp = mount.blueprint(template_folder=str(Path(__file__).parent / "templates"))
    mount.route(bp, CommandView(mount), ("GET", "POST"))
    return bp
