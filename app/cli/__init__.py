"""The `flask` commands of a site: one module a subject."""

import sys

from app.cli import secret, site, token, undo, user, why

COMMANDS = (site.check, site.mounts, site.schema, secret.secret, token.token, undo.undo, user.user, why.why)


def is_running() -> bool:
    """Whether this process is one of these commands: what is wrong with the site is then told by `check` alone."""
    return not {command.name for command in COMMANDS}.isdisjoint(sys.argv[1:])
