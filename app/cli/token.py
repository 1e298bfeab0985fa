"""`flask token create|list|revoke`: the API keys of a site."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import click
from flask import current_app
from flask.cli import with_appcontext

from app import tokens, userstore
from app.application import Application
from app.cli.site import aligned, running
from app.cli.why import known
from app.mistakes import did_you_mean
from app.mounts import ALL_METHODS
from app.state.database import Unavailable
from app.state.tokens import Token

P = ParamSpec("P")
T = TypeVar("T")

DAY = 86400
SHOWN = 12
"""Digits of an id that are shown, and are enough to name a key."""

_FOR_EVER = 100 * 365
"""Days."""


def of_the_site(command: Callable[P, T]) -> Callable[P, T]:
    """Run a command where the tokens of the running site are the current ones."""

    @with_appcontext
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with running().application.app_context():
            try:
                return command(*args, **kwargs)
            except Unavailable as error:
                raise click.ClickException(error.reason) from error

    return run


@click.group()
def token() -> None:
    """Make, list and revoke API keys."""


@token.command()
@click.argument("user")
@click.option("--mount", "mounts", multiple=True, help="Only for this mount; wildcards, and several times.")
@click.option("--method", "methods", multiple=True, type=click.Choice(ALL_METHODS, case_sensitive=False))
@click.option(
    "--days", type=click.FloatRange(0, _FOR_EVER, min_open=True), default=_FOR_EVER, help="How long it is good."
)
@click.option("--note", default="", help="What it is for; shown by `list`.")
@of_the_site
def create(user: str, mounts: tuple[str, ...], methods: tuple[str, ...], days: float, note: str) -> None:
    """Make an API key for USER, an id, and print it. It cannot be shown again."""
    if not user:
        raise click.BadParameter("a key needs a user", param_hint="USER")
    for mount in mounts:
        _check(mount)
    attributes = known(cast(Application, current_app), user)
    if attributes.pop(userstore.DISABLED, False):
        raise click.ClickException(f"{user} is disabled: a key would let them in again")
    attributes.pop(userstore.ACTIVE, None)
    scope = tokens.scope(mounts, methods)
    key = tokens.issue({**attributes, "id": user}, days * DAY, type=tokens.KEY, scope=scope, note=note)
    click.echo(key)


def _check(mount: str) -> None:
    """Refuse the name of a mount that is not there: a slip would make a key for nothing."""
    known = [mount.name for mount in cast(Application, current_app).mounts.values()]
    if not any(tokens.scope(mount).refusal(name, "") is None for name in known):
        raise click.BadParameter(f"there is no mount {mount!r}{did_you_mean(mount, known)}", param_hint="--mount")


@token.command("list")
@of_the_site
def listed() -> None:
    """List the API keys: id, user, where they may be used, created, expires, last used, note."""
    rows = [_row(key) for key in tokens.store().keys()]
    for line in aligned([("ID", "USER", "SCOPE", "CREATED", "EXPIRES", "LAST USED", "NOTE"), *rows]):
        click.echo(line)


def _row(key: Token) -> tuple[str, ...]:
    scope = " ".join([*key.scope.methods, *key.scope.mounts]) or "-"
    times = (_shown(at) for at in (key.created, key.expire, key.used))
    return key.id[:SHOWN], key.owner or "-", scope, *times, key.note


def _shown(at: float) -> str:
    """A time in UTC to the minute; a key without end has none that a calendar knows."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" if at else "-"
    except (ValueError, OverflowError, OSError):
        return "-"


@token.command()
@click.argument("id", required=False)
@click.option("--user", help="Revoke all tokens of this user.")
@of_the_site
def revoke(id: str | None, user: str | None) -> None:
    """Revoke the API key with this ID, as `list` shows it, or all tokens of a user."""
    if (id is None) == (user is None):
        raise click.UsageError("give an ID, or --user")
    count = tokens.revoke_of(user) if user is not None else tokens.store().remove(_only(id or "").id)
    click.echo(f"{count} revoked")


def _only(id: str) -> Token:
    found = [key for key in tokens.store().keys() if id and key.id.startswith(id)]
    if len(found) != 1:
        raise click.ClickException(f"{len(found) or 'no'} API keys have an id like {id!r}: see flask token list")
    return found[0]
