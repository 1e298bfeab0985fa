"""The folders that files are served from: what is opened through a root lies below it.

The check comes after opening, on the descriptor: the kernel says where the opened file really is, so that no name, link
or replacement of one between a check and its use leads outside.
"""

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from app.sending.bodies import OPEN_FLAGS

from .globs import Globs

_DESCRIPTORS = "/proc/self/fd/%d" if os.path.isdir("/proc/self/fd") else None
_DELETED = " (deleted)"

_UNUSUAL = re.compile(r"\0|//|/\.|^[./]")


class Ignored:
    """What is not served though it is there: paths that a glob of `ignore` matches and none of `allow`.

    `state` is the folder of the site's runtime state, which holds its secrets: nothing of it is served, unless the root
    lies in it.
    """

    def __init__(self, site: Path, ignore: Iterable[str] = (), allow: Iterable[str] = (), state: Path | None = None):
        self.site = str(site)
        self.state = str(state) if state else None
        self._ignore, self._allow = Globs(ignore), Globs(allow)

    def match(self, shown: str) -> bool:
        """Whether a path, as globs see it, is not served."""
        return self._ignore.match(shown) and not self._allow.match(shown)


class Root:
    """A folder, or one file of a folder, that a site's author named; nothing else can be opened through it."""

    def __init__(self, path: Path, ignored: Ignored):
        self.path = str(path)
        self.is_file = path.is_file()
        self.ignored = ignored
        folder = os.path.dirname(self.path) if self.is_file else self.path
        self._cut = _cut(folder, ignored.site)
        self._locate()

    def _locate(self) -> None:
        """Find where the root really is; a link to it may change while the site runs, as with a new release."""
        real = os.path.realpath(self.path)
        self._real = os.path.dirname(real) if self.is_file else real
        self._below = self._real.rstrip("/") + "/"
        self._real_cut = _cut(self._real, os.path.realpath(self.ignored.site))
        state = self.ignored.state
        private = (f"{state}/", f"{os.path.realpath(state)}/") if state else ()
        self._private = () if self._below.startswith(private) else private

    def join(self, below: str) -> str:
        """The path of what a URL names below the root; FileNotFoundError if its `..` lead above it."""
        if not below or self.is_file:
            return self.path
        if _UNUSUAL.search(below):
            below = _normal(below)
        return f"{self.path}/{below}" if below else self.path

    def open(self, path: str) -> int:
        """Open a path that `join` gave, or a sibling of it, and return the descriptor.

        Raises FileNotFoundError for what is not there or leads outside, PermissionError for what must not be served
        or read, and other OSErrors of opening.
        """
        fd = os.open(path, OPEN_FLAGS)
        try:
            self._check(_real_path(fd, path))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check(self, real: str) -> None:
        if not self._holds(real):
            self._locate()
            if not self._holds(real):
                raise FileNotFoundError(errno.ENOENT, "leads outside of the root", real)
        if self._is_private(real):
            raise FileNotFoundError(errno.ENOENT, "belongs to the site's state", real)
        if self.ignored.match(real[self._real_cut :]):
            raise PermissionError(errno.EACCES, "ignored by the settings", real)

    def _holds(self, real: str) -> bool:
        return real.startswith(self._below) or real == self._real

    def shown(self, path: str) -> str:
        """A path that `join` gave as globs see it: from the site's folder or, elsewhere, from the root's parent."""
        return path[self._cut :]

    def serves(self, path: str, is_link: bool) -> bool:
        """Whether a listing may name an entry of one of the root's folders: what is not served is not listed."""
        if self._is_private(path) or self.ignored.match(self.shown(path)):
            return False
        return not is_link or self._serves_target(os.path.realpath(path))

    def _serves_target(self, real: str) -> bool:
        return self._holds(real) and not self._is_private(real) and not self.ignored.match(real[self._real_cut :])

    def _is_private(self, path: str) -> bool:
        return f"{path}/".startswith(self._private)


def _cut(folder: str, site: str) -> int:
    """How much of a path below the folder globs do not see: where a site lies must not decide what it serves."""
    site = site.rstrip("/")
    if folder == site or folder.startswith(site + "/"):
        return len(site)
    return len(os.path.dirname(folder).rstrip("/"))


def _normal(below: str) -> str:
    """Without empty segments, `.` and `..`; a slash at the end stays, so that a file is not taken for a folder."""
    if "\0" in below:
        raise FileNotFoundError(errno.ENOENT, "no file has NUL in its name")
    kept: list[str] = []
    segments = below.split("/")
    for segment in segments:
        if segment == "..":
            if not kept:
                raise FileNotFoundError(errno.ENOENT, "leads outside of the root", below)
            kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return "/".join(kept) + slash


def _real_path(fd: int, path: str) -> str:
    """Where an opened file is, links resolved."""
    if _DESCRIPTORS is None:
        return os.path.realpath(path)
    real = os.readlink(_DESCRIPTORS % fd)
    # The kernel marks what was deleted or replaced since it was opened; a name may also end like that.
    if real.endswith(_DELETED) and not _is_same(fd, real):
        return real.removesuffix(_DELETED)
    return real


def _is_same(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
