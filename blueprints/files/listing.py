"""A folder as a page shows it: its entries that are served, sorted, with links that work in a browser."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from string import Template
from typing import Any
from urllib.parse import quote

from .roots import Root

MOST = 5000
"""Entries that a page shows; a browser is slow with more."""

KEYS = ("name", "size", "date")


@dataclass(frozen=True)
class Crumb:
    """A folder on the way to this one."""

    name: str
    href: str


@dataclass(frozen=True)
class Entry:
    """A file or folder. Only files have a size."""

    name: str
    href: str
    is_folder: bool
    size: int | None
    modified: datetime | None
    is_link: bool = False


@dataclass(frozen=True)
class Listing:
    """A folder; `note` is a sentence for the reader, as that entries were left out."""

    title: str
    crumbs: tuple[Crumb, ...]
    entries: tuple[Entry, ...]
    sort: str
    descending: bool
    note: str | None = None

    @property
    def sort_links(self) -> dict[str, str]:
        """For each column the link that sorts by it; for the column that is sorted by, the other way round."""
        return {key: f"?_sort={'-' if key == self.sort and not self.descending else ''}{key}" for key in KEYS}


def read(root: Root, path: str, fd: int, below: str, sort: str = "name") -> Listing:
    """List the folder that `root.open(path)` has opened.

    `below` is its path below the mount's URL, for title and crumbs. `sort` is name, size or date, `-` before it turns
    the order round; anything else is taken as name. Folders come first by name and by size.
    Raises OSErrors of reading the folder.
    """
    descending, key = sort.startswith("-"), sort.removeprefix("-")
    key = key if key in KEYS else "name"
    entries = _sorted(_entries(root, path, fd), key, descending)
    crumbs = _crumbs(root, below)
    left_out = len(entries) - MOST
    note = f"{left_out:,} more entries are not shown." if left_out > 0 else None
    return Listing(crumbs[-1].name, crumbs, tuple(entries[:MOST]), key, descending, note)


def as_json(listing: Listing) -> list[dict[str, Any]]:
    """The entries as plain values, for programs."""
    return [
        {
            "name": entry.name,
            "href": entry.href,
            "type": "folder" if entry.is_folder else "file",
            "size": entry.size,
            "modified": entry.modified.isoformat() if entry.modified else None,
        }
        for entry in listing.entries
    ]


def from_template(listing: Listing, template: str) -> str:
    """The page that a site's own template makes: `$path` is the folder's name, `$body` a list with links."""
    items = "".join(f'<li><a href="{entry.href}">{_labelled(entry)}</a></li>\n' for entry in listing.entries)
    return Template(template).safe_substitute(path=escape(listing.title), body=f"<ul>\n{items}</ul>")


def _labelled(entry: Entry) -> str:
    return escape(entry.name) + ("/" if entry.is_folder else "") + (" ⇗" if entry.is_link else "")


def shown_name(name: str) -> str:
    """A file's name as text that every encoder takes; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def href(name: str, is_folder: bool) -> str:
    """A relative link to an entry; `./` before it, as `a:b` would be a link with the scheme `a`."""
    return "./" + quote(os.fsencode(name)) + ("/" if is_folder else "")


def _entries(root: Root, path: str, fd: int) -> Iterator[Entry]:
    with os.scandir(fd) as found:
        for entry in found:
            if root.serves(os.path.join(path, entry.name), entry.is_symlink()):
                yield from _entry(entry)


def _entry(entry: os.DirEntry[str]) -> Iterator[Entry]:
    """The entry, unless it is neither file nor folder, leads nowhere, or has just gone."""
    try:
        status = entry.stat()
    except OSError:
        return
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_folder or stat.S_ISREG(status.st_mode):
        size = None if is_folder else status.st_size
        link = href(entry.name, is_folder)
        yield Entry(shown_name(entry.name), link, is_folder, size, _time(status), entry.is_symlink())


def _time(status: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(status.st_mtime), UTC)
    except (ValueError, OverflowError, OSError):  # a file system may say any number
        return None


def _sorted(entries: Iterable[Entry], key: str, descending: bool) -> list[Entry]:
    by_name = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.name), reverse=descending)
    if key == "date":
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted(by_name, key=lambda entry: entry.modified or oldest, reverse=descending)
    if key == "size":
        by_name.sort(key=lambda entry: entry.size or 0, reverse=descending)
    return sorted(by_name, key=lambda entry: not entry.is_folder)


def _crumbs(root: Root, below: str) -> tuple[Crumb, ...]:
    """From the root to this folder; the links are relative, so that they hold behind any proxy."""
    names = [os.path.basename(root.path.rstrip("/")) or "/", *(part for part in below.split("/") if part)]
    last = len(names) - 1
    return tuple(Crumb(shown_name(name), "../" * (last - depth) or "./") for depth, name in enumerate(names))
