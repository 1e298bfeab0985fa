"""The running site: one WSGI callable that serves the current application and swaps in a new one when files change."""

import gc
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import application, compat, config, expressions, offload, request_id, schema
from app.mistakes import ConfigError
from app.origin import layers

log = logging.getLogger("skerry")

POLL = 1.0
"""Seconds between two looks at the files. Polling needs no inotify, whose limits and network file systems bite."""

TICK = 0.01
"""Seconds by which the time of a file may lag behind: the kernel's clock for files ticks 100 times a second or more."""

Stamp = tuple[int, ...] | None
"""What tells whether a file has changed; None for one that is not there."""


class Running:
    """Serves a site; `file` is its YAML.

    Raises ConfigError if the YAML cannot be read at all, or has any mistake and `app.strict` is on.
    """

    def __init__(self, file: Path, features: schema.Features, environ: Mapping[str, str] = os.environ):
        self.file, self.features, self.environ = file, features, environ
        self._packages = {"app", *(module.partition(".")[0] for module in features.values())}
        self._watching, self._stopped = False, threading.Event()
        self._lock = threading.Lock()
        expressions.add_folder(file.parent)
        started = time.time()
        self._serve(self._load(), started)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """WSGI. The application is taken once, so that a reload never changes it below a request."""
        if not self._watching:
            self._watch()
        return self.application.wsgi_app(environ, request_id.start(environ, start_response))

    def _load(self) -> application.Application:
        """Build the site from its files."""
        read = offload.run(config.read, self.file, self.environ, layers(self.file))
        compat.set_variables(read.variables)  # modules may ask for them as they are imported
        site = schema.build(read, self.features)
        built = application.build(site)
        if site.app.strict and built.mistakes:
            raise ConfigError(built.mistakes)
        return built

    def report(self) -> None:
        """Write what is wrong with the running site to the log."""
        _report(self.application)

    def _serve(self, built: application.Application, started: float) -> None:
        self.application = built
        self._mistaken = bool(built.mistakes)
        self._stamps = _settled(self._dependencies(built.site.config.files), started)

    def _watch(self) -> None:
        """Start to watch the files, once, in the process that serves: a preloading server forks after the import."""
        with self._lock:
            if self._watching:
                return
            self._watching = True
        if self.application.site.app.watch:
            self.reload_if_changed()  # the first request of a worker may come long after its start
            threading.Thread(target=self._poll, name="skerry-watch", daemon=True).start()

    def _poll(self) -> None:
        while self.application.site.app.watch and not self._stopped.wait(POLL):
            try:
                self.reload_if_changed()
            except OSError:  # a folder that may not be read: the next look may find it mended
                log.exception("%s: cannot look for changes", self.file)

    def stop(self) -> None:
        """Watch the files no more."""
        self._stopped.set()

    def reload_if_changed(self) -> bool:
        """Serve the site anew if a file has changed; returns whether it does.

        A site that cannot be read, or has mistakes where the running one has none, leaves the running one in place.
        """
        files = {*self._stamps, *self._candidates()}
        changed = [file for file in files if _stamp(file) != self._stamps.get(file)]
        return bool(changed) and self._reload(any(file.suffix == ".py" for file in changed))

    def _reload(self, modules_too: bool) -> bool:
        started, before = time.time() - TICK, {name: sys.modules[name] for name in self._modules()}
        if modules_too:  # all of them, as they import each other
            _forget(before)
        importlib.invalidate_caches()
        built, files = self._attempt()
        if built is not None and (self.application.mistakes or not built.mistakes):
            self._serve(built, started)
            gc.collect()  # applications are full of cycles: the old ones would pile up until Python looks for them
            log.warning("%s: reloaded", self.file)
            return True
        log.error("%s: not reloaded, the last good site goes on: mend the lines above", self.file)
        self._mistaken = True
        self._stamps = _settled(self._dependencies({*self._stamps, *files}), started)
        _forget(self._modules())
        sys.modules.update(before)
        compat.set_variables(self.application.site.config.variables)
        return False

    def _attempt(self) -> tuple[application.Application | None, Iterable[Path]]:
        """The site built anew, if it can be, and the files that this depends on."""
        try:
            built = self._load()
        except ConfigError as error:
            for mistake in error.mistakes:
                log.error("%s", mistake)
            return None, [mistake.place.file for mistake in error.mistakes]
        except Exception:  # the watch must outlive whatever a half-written file does
            log.exception("%s", self.file)
            return None, []
        _report(built)
        return built, built.site.config.files

    def _modules(self) -> dict[str, Path]:
        """The imported modules of the site's folder, by name; never Skerry's own, which may lie below it too."""
        below = expressions.modules_below(self.file.parent)
        return {name: file for name, file in below.items() if name.partition(".")[0] not in self._packages}

    def _dependencies(self, files: Iterable[Path]) -> set[Path]:
        """The files whose change may change the site: those given, and its modules."""
        return {*files, *self._modules().values(), *self._candidates()}

    def _candidates(self) -> Iterator[Path]:
        """While there are mistakes: the files that could mend them, as modules that could not be imported."""
        if self._mistaken:
            yield from self.file.parent.glob("*.py")
            yield from self.file.parent.glob("*/*.py")


def _report(built: application.Application) -> None:
    for warning in built.site.warnings:
        log.warning("%s", warning)
    for mistake in built.mistakes:
        log.error("%s", mistake)


def _settled(files: Iterable[Path], started: float) -> dict[Path, Stamp]:
    """The stamps of files that were read since `started`.

    One that changed meanwhile gets the stamp of a missing file: nobody can tell whether it was read before or after,
    so the next look has it read again.
    """
    stamps = {}
    for file in files:
        stamp = _stamp(file)
        changed = max(stamp[-2:]) / 1e9 if stamp else 0
        stamps[file] = None if started <= changed <= time.time() else stamp
    return stamps


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _forget(names: Iterable[str]) -> None:
    """Have modules imported anew, from their source: compiled files know its time only to the second."""
    for name in names:
        module = sys.modules.pop(name)
        with suppress(OSError):  # it was not written, or is not ours to remove
            os.unlink(getattr(module, "__cached__", None) or "")
