"""A mount: one entry below `url:` in the YAML -> one registered Flask blueprint (DESIGN §2)."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Blueprint, Flask, abort

from app.mail import Service
from app.mistakes import Place
from app.settings import Settings

log = logging.getLogger("skerry")

ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@dataclass(frozen=True, eq=False)
class Mount:
    """One entry below `url:`, checked: what a feature and the guards need to build its blueprint.

    A mount with `mistakes` keeps its pattern and answers 500.
    """

    name: str
    pattern: str
    handler: str
    """The handler's name as in the YAML."""
    place: Place
    folder: Path
    """The site's folder."""
    state: Path
    """The folder of the site's runtime state: caches, uploads, sessions."""
    feature: ModuleType | None = None
    settings: Settings | None = None
    guards: Mapping[str, Any] = field(default_factory=dict)
    """The configured guards' settings by their key, in the YAML's spelling."""
    methods: tuple[str, ...] | None = None
    priority: float = 0
    gramex: bool = False
    mime: Mapping[str, str] = field(default_factory=dict)
    """The site's own content types, by the extension with its dot, in lower case."""
    email: Mapping[str, Service] = field(default_factory=dict)
    """The site's mail servers, by name."""
    site_url: str = ""
    """What links in mails begin with: `app.url`."""
    conf: Mapping[str, Any] = field(default_factory=dict)
    """The entry as in the YAML, with the defaults of `handlers:`."""
    mistakes: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The name as a blueprint's: Flask allows no dots there."""
        return re.sub(r"\W+", "_", self.name) or "_"

    def blueprint(self, **options: Any) -> Blueprint:
        """A new, empty blueprint for this mount; the options are Flask's, as `template_folder`."""
        return Blueprint(self.slug, __name__, **options)

    def route(self, bp: Blueprint, view: Callable[..., Any], methods: Iterable[str]) -> None:
        """Answer the mount's pattern by a view, for the mount's `methods:` or else those of the feature."""
        bp.add_url_rule(self.pattern, "view", view, methods=self.methods or tuple(methods), priority=self.priority)


def register(app: Flask, mount: Mount, attach_guards: Callable[[Blueprint, Mount], None]) -> tuple[str, Mount]:
    """Register the mount's blueprint; the blueprint's name, and the mount.

    A mount that cannot be set up is registered as one that answers 500, and returned with the reason as its mistake.
    """
    try:
        bp = _set_up(mount, attach_guards)
    except Exception as error:  # any failure of one mount must leave the others served
        log.exception("%s: url.%s: %s", mount.place, mount.name, error)
        reason = " ".join(f"{type(error).__name__}: {error}".split())  # on one line, as all mistakes are
        mount = replace(mount, mistakes=(reason,))
        bp = _broken(mount)
    name = _free_name(app, mount.slug)
    app.register_blueprint(bp, name=name)
    return name, mount


def _set_up(mount: Mount, attach_guards: Callable[[Blueprint, Mount], None]) -> Blueprint:
    if mount.mistakes or mount.feature is None:
        return _broken(mount)
    bp: Blueprint = mount.feature.blueprint(mount)
    attach_guards(bp, mount)
    return bp


def _broken(mount: Mount) -> Blueprint:
    bp, reason = mount.blueprint(), "; ".join(mount.mistakes)

    def setup_failed(**_groups: Any) -> Any:
        log.error("%s: url.%s is broken: %s", mount.place, mount.name, reason)
        abort(500, f"this part of the site is not set up: {reason}")

    bp.add_url_rule(mount.pattern, "view", setup_failed, methods=ALL_METHODS, priority=mount.priority)
    return bp


def _free_name(app: Flask, slug: str) -> str:
    """The slug, with a number if another mount's name gives the same one."""
    name, number = slug, 2
    while name in app.blueprints:
        name, number = f"{slug}_{number}", number + 1
    return name
