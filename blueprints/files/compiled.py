"""What compilers made, kept until one of the files that it was made of changes.

Every worker remembers what it used last. The folder on disk is shared by all workers and outlives them; a record there
counts only while the content of all its files is the same, whatever their dates say.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from .compilers import Compiled, Language, Options

MOST = 256
"""Texts kept in memory, and on disk: visitors choose the options, so there must be an end to it."""

_UNSETTLED = 0.05  # seconds before a compilation in which a change may have come in between its reads

Stamps = Mapping[str, tuple[int, int]]


class Known(NamedTuple):
    """A compiled text, and the state of its files for which it is right."""

    text: str
    stamps: Stamps


class Compiler:
    """A language with its memory; safe for threads and greenlets."""

    def __init__(self, language: Language, folder: Path):
        self.language, self._folder = language, folder
        self._known: dict[str, Known] = {}
        self._lock = Lock()  # one compilation at a time: who waited for the same file finds it made

    def text(self, file: Path, query: Options) -> str:
        """The file compiled with the options of a query; raises CompileError and OptionError."""
        options = self.language.options(query)
        key = _digest(json.dumps([self.language.name, self.language.version(), str(file), options]).encode())
        known = self._remembered(key)
        if known is None:
            with self._lock:
                known = self._remembered(key) or self._loaded(key) or self._made(key, file, options)
        return known.text

    def _remembered(self, key: str) -> Known | None:
        known = self._known.get(key)
        return known if known is not None and known.stamps == _stamps(known.stamps) else None

    def _loaded(self, key: str) -> Known | None:
        """What a worker left on disk, if it is still right."""
        record = _read(self._folder / f"{key}.json")
        if record is None or record["inputs"] != _digests(record["inputs"]):
            return None
        return self._remember(key, Known(record["text"], _stamps(record["inputs"])))

    def _made(self, key: str, file: Path, options: Options) -> Known:
        started = time.time() - _UNSETTLED
        made = self.language.compile(file, options)
        known = Known(made.text, _stamps(made.inputs))
        if all(changed / 1e9 < started for changed, _ in known.stamps.values()):
            self._keep(key, made)
            self._remember(key, known)
        return known

    def _remember(self, key: str, known: Known) -> Known:
        while len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)))
        self._known[key] = known
        return known

    def _keep(self, key: str, made: Compiled) -> None:
        record = {"inputs": _digests(made.inputs), "text": made.text}
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._folder / f"{key}.json", record)
        _prune(self._folder)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def _digests(files: Iterable[str]) -> dict[str, str]:
    """The digest of each file's content; none for a file that is gone."""
    return {file: _digest(Path(file).read_bytes()) if os.path.isfile(file) else "" for file in files}


def _stamps(files: Iterable[str]) -> Stamps:
    return {file: _stamp(file) for file in files}


def _stamp(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _read(record: Path) -> dict[str, Any] | None:
    try:
        return json.loads(record.read_bytes())  # type: ignore[no-any-return]  # only `_write` writes there
    except (FileNotFoundError, json.JSONDecodeError):  # a power cut may leave it empty
        return None


def _write(record: Path, content: Mapping[str, Any]) -> None:
    """Write at once for all readers: they see the old record or the new one, never a part."""
    with tempfile.NamedTemporaryFile("w", dir=record.parent, delete=False, encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(file.name, record)


def _prune(folder: Path) -> None:
    """Delete the oldest records beyond `MOST`; another worker may be doing the same."""
    records = []
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            records.append((entry.stat().st_mtime_ns, entry.path))
    for _, path in sorted(records)[:-MOST]:
        with suppress(FileNotFoundError):
            os.unlink(path)
