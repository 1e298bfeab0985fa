"""`flask why USER URL`: whether a user may see an address, and which rule of the YAML says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click
import yaml
from flask import request
from flask.cli import with_appcontext
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import session, userstore
from app.application import Application
from app.cli.site import running
from app.guards import auth
from app.guards.auth import Allowed, Refused
from app.mistakes import Place
from app.mounts import ALL_METHODS, Mount
from app.state.database import Unavailable

NOBODY = "-"
_UNTOLD = ("ratelimit", "validate")
"""Guards that may refuse a request besides, by its counts and its arguments."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a request, why, and where that stands; status 0 lets it pass."""

    status: int
    rule: str
    place: Place | None = None
    mount: Mount | None = None


@click.command()
@click.argument("user")
@click.argument("url")
@click.option("--method", default="GET", type=click.Choice(ALL_METHODS, case_sensitive=False), help="GET unless given.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="An attribute of the user; several times.")
@with_appcontext
def why(user: str, url: str, method: str, given: tuple[str, ...]) -> None:
    """Say whether USER may ask for URL, and the rule that decides; exit 1 if not.

    USER is the id of a user, of whom is known what the last sign-in left and what the YAML says, or - for somebody who
    is not signed in.
    """
    app = running().application
    with app.app_context():
        person = None if user == NOBODY else {**known(app, user), **_parsed(given), "id": user}
        verdict = _verdict(app, person, url, method.upper())
    for line in _lines(verdict):
        click.echo(line)
    if verdict.status:
        raise SystemExit(1)


def _lines(verdict: Verdict) -> Iterable[str]:
    mount = verdict.mount
    if mount:
        yield f"url.{mount.name} ({mount.place}) answers"
    yield f"{verdict.place}: {verdict.rule}" if verdict.place else verdict.rule
    yield f"refused, {verdict.status}" if verdict.status else "passes"
    besides = [key for key in _UNTOLD if mount and key in mount.guards]
    if besides and not verdict.status:
        yield f"not looked at: {', '.join(besides)}"


def known(app: Application, id: str) -> dict[str, Any]:
    """The attributes of a user, as credentials in the YAML and the table of users have them."""
    found: dict[str, Any] = {}
    for mount in app.mounts.values():
        credentials = getattr(mount.settings, "credentials", None)
        own = credentials.get(id) if isinstance(credentials, Mapping) else None
        found |= {key: value for key, value in own.items() if key != "password"} if isinstance(own, Mapping) else {}
    try:
        return found | userstore.load(id)
    except Unavailable as error:
        raise click.ClickException(error.reason) from error


def _parsed(given: Iterable[str]) -> dict[str, Any]:
    """`role=analyst`, `level=3`, `role=[a, b]`: values as in YAML."""
    attributes: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} should be NAME=VALUE", param_hint="--set")
        attributes[name] = yaml.safe_load(value)
    return attributes


def _verdict(app: Application, user: Mapping[str, Any] | None, url: str, method: str) -> Verdict:
    if user and user.get(userstore.DISABLED):
        return Verdict(403, f"{user['id']} is disabled and cannot sign in")
    with app.test_request_context(url, method=method):
        failure = request.routing_exception
        if isinstance(failure, MethodNotAllowed) and failure.valid_methods:
            app.find_mount(request, next(iter(failure.valid_methods)))
        mount = app.mounts.get(request.blueprint or "")
        if mount is None:
            return Verdict(404, f"no mount answers {request.path}")
        if mount.mistakes:
            return Verdict(500, f"broken: {'; '.join(mount.mistakes)}", mount.place, mount)
        if user is not None:
            session.sign_in(user)  # nothing is kept, as no answer is made
        refused = _by_auth(mount, user)
        if not refused.status and isinstance(failure, HTTPException):
            return Verdict(failure.code or 500, f"{method} is not answered here", mount.place, mount)
        return refused


def _by_auth(mount: Mount, user: Mapping[str, Any] | None) -> Verdict:
    settings = mount.guards.get("auth")
    if settings is None:
        return Verdict(0, "no `auth:` is asked for: open to everyone", mount.place, mount)
    try:
        decision = auth.decide(settings, auth.facts(mount), user)
    except Exception as error:  # of the site's condition: a request would be answered 500
        rule = f"auth: the condition raised {type(error).__name__}: {error}"
        return Verdict(500, rule, settings.place(("condition",)), mount)
    match decision:
        case Refused():
            return Verdict(decision.status, f"auth: {decision.rule}", decision.place, mount)
        case Allowed():
            return Verdict(0, f"auth: {decision.rule}", decision.place, mount)
