"""The journal of a mount's changes, what it leads back to, and what changes a source. Knows no Flask."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from werkzeug.exceptions import MethodNotAllowed

from app.mounts import Mount
from app.tables.columns import Column
from app.tables.databases.table import Table
from app.tables.edits.journal import FILE, UNDO, Entry, Journal
from app.tables.edits.journal import undo as undone
from app.tables.edits.rewriting import FileEditor
from app.tables.edits.transactions import Editor, Refused, Transaction
from app.tables.edits.writing import DatabaseEditor
from app.tables.files.file import File
from app.tables.source import Source


def editor(source: Source, first: Sequence[Column] = ()) -> Editor:
    """What changes a source; `first` are the columns of a file that may be made. Raises 405 for one that cannot be."""
    if isinstance(source, Table):
        return DatabaseEditor(source)
    if not isinstance(source, File):
        kind = type(source).__name__.lower()
        raise MethodNotAllowed(["GET", "HEAD"], f"this cannot be changed: it is a {kind}, and no table or data file")
    try:
        return FileEditor(source, first)
    except Refused as error:
        raise MethodNotAllowed(["GET", "HEAD"], str(error)) from error


def journal_of(mount: Mount, setting: bool | str) -> Journal | None:
    """The journal of a mount, if it has one: `true`, or the path of a file in the folder of the site's state."""
    if not setting:
        return None
    return Journal(mount.state / (FILE if setting is True else setting))


def where(source: Source) -> tuple[str, str]:
    """Where a dataset is, without a password."""
    if isinstance(source, Table):
        schema = f"{source.schema}." if source.schema else ""
        return make_url(source.url).render_as_string(hide_password=True), f"{schema}{source.name}"
    return str(source.path) if isinstance(source, File) else "", ""


def undo(mount: Mount, entry: Entry) -> int:
    """Take back a change that the journal has, which is itself kept there; how many rows. Raises Refused, Conflict."""
    settings: Any = mount.settings
    settings = settings.datasets.get(entry.dataset) if settings.datasets else settings
    journal = journal_of(mount, settings.journal if settings is not None else False)
    if journal is None:
        raise Refused(f"{mount.name}: has no journal for {entry.dataset} any more")
    written: list[int] = []

    def work(table: Transaction) -> int:
        while written:
            journal.remove(written.pop())
        changes = undone(table, entry)
        written.append(journal.write(replace(entry, op=UNDO, changes=changes, who="flask undo", time=time.time())))
        return len(changes)

    try:
        count = editor(_reopened(settings, entry), ()).transact(work, settings.timeout)
    except BaseException:
        while written:
            journal.remove(written.pop())
        raise
    journal.undone(entry.id, written[-1])
    return count


def _reopened(settings: Any, entry: Entry) -> Source:
    """The table of an entry: that of the settings, or if these have placeholders the one that they led to."""
    place = settings.place()
    if not place.needs:
        opened: Source = place.opened()
        return opened
    if "://" in entry.url and ":***@" in entry.url:
        raise Refused("the URL of the database has placeholders, and the journal keeps no password")
    filled = replace(place, url=entry.url or place.url, table=entry.table or None)
    if filled.needs:
        raise Refused("the settings have placeholders, so that it is not known which table it was")
    found: Source = filled.opened()
    return found


def journals(mount: Mount) -> list[Path]:
    """The files of the journals of a mount."""
    settings: Any = mount.settings
    found = settings.datasets.values() if settings.datasets else [settings]
    named = {one.journal for one in found if one.journal}
    return [mount.state / (FILE if one is True else one) for one in named]
