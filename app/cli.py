"""`flask check`, `flask mounts`, `flask schema`: the site seen from the command line."""

import json
import sys
from collections.abc import Iterable
from typing import cast

import click
from flask import current_app
from flask.cli import with_appcontext

from app import json_schema
from app.mistakes import shown
from app.mounts import Mount
from app.patterns import Routes
from app.site import Running


def _running() -> Running:
    running: Running = current_app.extensions["skerry"]
    return running


@click.command()
@with_appcontext
def check() -> None:
    """Print everything that is wrong with the site, a line each; exit 1 if there is anything."""
    built = _running().application
    for warning in built.site.warnings:
        click.echo(f"{warning} (warning)")
    for mistake in built.mistakes:
        click.echo(str(mistake))
    if built.mistakes:
        raise SystemExit(1)
    click.echo(f"{len(built.mounts)} mounts, no mistakes")


@click.command()
@with_appcontext
def mounts() -> None:
    """List the mounts in the order in which they are tried: name, pattern, handler, guards, file:line."""
    app = _running().application
    routes = cast(Routes, app.url_map)
    order = routes.router.order()
    found = sorted(app.mounts.values(), key=lambda mount: order[mount.pattern, mount.priority])
    for row in _aligned([("NAME", "PATTERN", "HANDLER", "GUARDS", "PLACE"), *map(_row, found)]):
        click.echo(row)


def _row(mount: Mount) -> tuple[str, ...]:
    guards = [*(["methods"] if mount.methods else []), *mount.guards]
    handler = f"{mount.handler} (broken)" if mount.mistakes else mount.handler
    place = f"{shown(mount.place.file)}:{mount.place.line}"
    return mount.name, mount.pattern, handler, ",".join(guards) or "-", place


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@click.command()
@with_appcontext
def schema() -> None:
    """Print the JSON Schema of the YAML, with which an editor completes and checks it."""
    click.echo(json.dumps(json_schema.build(_running().features), indent=2))


COMMANDS = (check, mounts, schema)


def is_running() -> bool:
    """Whether this process is one of these commands: what is wrong with the site is then told by `check` alone."""
    return not {command.name for command in COMMANDS}.isdisjoint(sys.argv[1:])
