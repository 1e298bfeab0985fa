"""Skerry's core: configuration, mounts, guards. It names no feature; `wsgi.py` brings the two together."""

import os
from collections.abc import Mapping
from pathlib import Path

from flask import Flask

HOME = Path(__file__).resolve().parent.parent


def create_app(features: Mapping[str, str], config: str | Path | None = None) -> Flask:
    """The app that servers import and that `flask` commands run on.

    `features` is the table of handler names and modules. `config` is the site's YAML, or a folder with a skerry.yaml
    or gramex.yaml; by default the environment's SKERRY_CONFIG, or else the demo site in `instance/`.
    Raises ConfigError if the YAML cannot be read.
    """
    from app import compat
    from app.cli import COMMANDS, is_running
    from app.config import find
    from app.site import Running

    compat.install()
    file = find(str(config) if config else os.environ.get("SKERRY_CONFIG"), HOME / "instance")
    app = Flask("skerry", static_folder=None, instance_path=str(file.parent))
    running = Running(file, features)
    if not is_running():
        running.report()
    app.extensions["skerry"] = running
    app.wsgi_app = running  # type: ignore[method-assign]  # Flask's documented place for what wraps an app
    for command in COMMANDS:
        app.cli.add_command(command)
    return app
