"""`flask check`, `flask mounts`, `flask schema`: the site seen from the command line."""

import json
from collections.abc import Iterable
from typing import cast

import click
from flask import current_app
from flask.cli import with_appcontext

from app import json_schema
from app.guards import ON_UNLESS_FALSE
from app.mistakes import shown
from app.mounts import Mount
from app.patterns import Routes
from app.site import Running


def running() -> Running:
    """The site that the command is about."""
    found: Running = current_app.extensions["skerry"]
    return found


@click.command()
@with_appcontext
def check() -> None:
    """Print everything that is wrong with the site, a line each; exit 1 if there is anything."""
    built = running().application
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
    app = running().application
    routes = cast(Routes, app.url_map)
    order = routes.router.order()
    found = sorted(app.mounts.values(), key=lambda mount: order[mount.pattern, mount.priority])
    for row in aligned([("NAME", "PATTERN", "HANDLER", "GUARDS", "PLACE"), *map(_row, found)]):
        click.echo(row)


def _row(mount: Mount) -> tuple[str, ...]:
    guards = [*(["methods"] if mount.methods else []), *(key for key in mount.guards if key not in ON_UNLESS_FALSE)]
    handler = f"{mount.handler} (broken)" if mount.mistakes else mount.handler
    place = f"{shown(mount.place.file)}:{mount.place.line}"
    return mount.name, mount.pattern, handler, ",".join(guards) or "-", place


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines whose columns stand below each other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


@click.command()
@with_appcontext
def schema() -> None:
    """Print the JSON Schema of the YAML, with which an editor completes and checks it."""
    click.echo(json.dumps(json_schema.build(running().features), indent=2))
