"""`flask user hash|list|add|disable|enable`: the users of a site."""

import sys
from collections.abc import Iterator
from typing import cast

import click
from flask import current_app

from app import passwords, session, tokens, userstore
from app.application import Application
from app.cli.site import aligned
from app.cli.token import of_the_site
from app.mistakes import did_you_mean
from app.mounts import Mount
from app.state import Conflict


@click.group()
def user() -> None:
    """Hash passwords; list, add, disable and enable users."""


@user.command("hash")
@click.option("--raw", is_flag=True, help="As a table has it, not as YAML.")
def hash_(raw: bool) -> None:
    """Print the hash of a password, as the YAML takes it. The password is asked for, or read from stdin."""
    made = passwords.hashed(_password())
    click.echo(made if raw else f'"{made.replace("$", "$$")}"')  # in YAML, $ begins a variable


def _password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise click.UsageError("there is no password on stdin")
    return given


@user.command("list")
@of_the_site
def list_() -> None:
    """List the users that the site knows: those of its mounts, and those who have signed in."""
    known = userstore.everyone()
    where: dict[str, list[str]] = {name: [] for name in known}
    for mount in _mounts("users"):
        assert mount.feature is not None  # it has `users`
        for name in mount.feature.users(mount):
            where.setdefault(name, []).append(mount.name)
    rows = [(name, _state(known.get(name, {})), ",".join(mounts) or "-") for name, mounts in sorted(where.items())]
    for row in aligned([("USER", "STATE", "MOUNTS"), *rows]):
        click.echo(row)


def _state(attributes: dict[str, object]) -> str:
    if attributes.get(userstore.DISABLED):
        return "disabled"
    return "active" if attributes.get(userstore.ACTIVE) == "y" else "new"


@user.command()
@click.argument("name")
@click.option("--mount", "mount_name", help="The mount whose table it is; needed where there are several.")
@click.option("--set", "settings", multiple=True, metavar="COLUMN=VALUE", help="Another column; several times.")
@of_the_site
def add(name: str, mount_name: str | None, settings: tuple[str, ...]) -> None:
    """Add a user to the table of a mount. The password is asked for, or read from stdin."""
    mount = _table(mount_name)
    assert mount.feature is not None  # it has `add_user`
    try:
        mount.feature.add_user(mount, name, _password(), dict(map(_pair, settings)))
    except Conflict as error:
        raise click.ClickException(f"there is a user {name!r} already") from error
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from error
    click.echo(f"added {name} to {mount.name}")


def _pair(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} should be COLUMN=VALUE", param_hint="--set")
    return column, value


def _table(name: str | None) -> Mount:
    """The mount of this name, or the only one, whose users are in a table."""
    found = {mount.name: mount for mount in _mounts("add_user")}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    if not found:
        raise click.ClickException("no mount has a table of users (DBAuth): put `flask user hash` into the credentials")
    hint = did_you_mean(name or "", found) or f": there are {', '.join(found)}"
    raise click.BadParameter(f"say whose table{hint}", param_hint="--mount")


def _mounts(ability: str) -> Iterator[Mount]:
    """The sound mounts whose feature can do this."""
    for mount in cast(Application, current_app).mounts.values():
        if hasattr(mount.feature, ability) and not mount.mistakes:
            yield mount


@user.command()
@click.argument("name")
@of_the_site
def disable(name: str) -> None:
    """Keep a user out: no more sign-ins, and sessions, API keys and one-time passwords end now."""
    userstore.save(name, {userstore.DISABLED: True})
    ended, revoked = session.sign_out_everywhere(name), tokens.revoke_of(name)
    click.echo(f"disabled {name}: {ended} sessions ended, {revoked} keys revoked")


@user.command()
@click.argument("name")
@of_the_site
def enable(name: str) -> None:
    """Let a disabled user sign in again."""
    if not userstore.load(name).get(userstore.DISABLED):
        raise click.ClickException(f"{name} is not disabled")
    userstore.save(name, {userstore.DISABLED: False})
    click.echo(f"enabled {name}")
