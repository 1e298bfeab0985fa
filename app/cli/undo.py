"""`flask undo`: take back changes of tables that a journal has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
from flask import current_app

from app.application import Application
from app.cli.site import aligned
from app.cli.token import of_the_site
from app.mistakes import did_you_mean
from app.mounts import Mount


@click.command()
@click.argument("id", type=int, required=False)
@click.option("--mount", "name", help="Only changes of this mount.")
@click.option("--list", "listing", is_flag=True, help="Show the latest changes, and take none back.")
@of_the_site
def undo(id: int | None, name: str | None, listing: bool) -> None:
    """Take back the last change of a table, or the one with this ID. A change that others have built on is kept."""
    from app.tables.edits.journal import Journal  # only here: commands start quickly

    mounts = _mounts(name)
    files = dict.fromkeys(file for mount in mounts for file in _files(mount) if file.exists())
    journals = [Journal(file) for file in files]
    if not journals:
        raise click.ClickException(f"there is no journal{f' of {name}' if name else ''}: set `journal: true`")
    if listing:
        for line in _listed(journals, name):
            click.echo(line)
        return
    found = [entry for journal in journals if (entry := journal.last(name) if id is None else journal.get(id))]
    found = [entry for entry in found if name is None or entry.mount == name]
    if not found:
        raise click.ClickException(f"there is no change {id}" if id is not None else "there is nothing to undo")
    click.echo(_undone(max(found, key=lambda entry: entry.time)))


def _mounts(name: str | None) -> list[Mount]:
    """The mounts whose changes may be in a journal."""
    mounts = [mount for mount in cast(Application, current_app).mounts.values() if mount.feature and mount.settings]
    if name is not None and name not in [mount.name for mount in mounts]:
        raise click.ClickException(f"there is no mount {name!r}{did_you_mean(name, [one.name for one in mounts])}")
    return [mount for mount in mounts if name in (None, mount.name)]


def _files(mount: Mount) -> list[Path]:
    return list(_editing(mount).journals(mount)) if hasattr(mount.settings, "journal") else []


def _editing(mount: Mount) -> Any:
    """The module by which a feature changes tables: one beside it that is called `edits`."""
    assert mount.feature is not None  # it has settings
    package = mount.feature.__name__ if hasattr(mount.feature, "__path__") else mount.feature.__package__
    return import_module(f"{package}.edits")


def _listed(journals: list[Any], name: str | None) -> Iterator[str]:
    entries = sorted((entry for journal in journals for entry in journal.latest(name)), key=lambda entry: -entry.time)
    head = ("ID", "TIME", "WHO", "MOUNT", "CHANGE", "ROWS", "KEYS", "UNDONE")
    yield from aligned([head, *map(_row, entries)])


def _row(entry: Any) -> tuple[str, ...]:
    when = f"{datetime.fromtimestamp(entry.time, UTC):%Y-%m-%d %H:%M:%S}"
    keys = [_key(change.after or change.before, entry.key) for change in entry.changes]
    shown = " ".join(keys[:3]) + (" ..." if len(keys) > 3 else "")
    undone = f"by {entry.undone}" if entry.undone else "-"
    return str(entry.id), when, entry.who or "-", entry.mount, entry.op, str(len(keys)), shown or "-", undone


def _key(record: Any, key: tuple[str, ...]) -> str:
    return ",".join(str(record.get(name)) for name in key)


def _undone(entry: Any) -> str:
    from app.tables.edits.transactions import Conflict, Full, Refused
    from app.tables.source import Down, Missing

    if entry.undone:
        raise click.ClickException(f"change {entry.id} was undone by {entry.undone}")
    mount = next((one for one in _mounts(None) if one.name == entry.mount), None)
    if mount is None:
        raise click.ClickException(f"the site has no mount {entry.mount!r} any more")
    try:
        count = _editing(mount).undo(mount, entry)
    except (Conflict, Refused, Full, Missing, Down, ValueError) as error:
        raise click.ClickException(str(error)) from error
    return f"{entry.mount}: undid change {entry.id}, {entry.op} of {count} row{'' if count == 1 else 's'}"
