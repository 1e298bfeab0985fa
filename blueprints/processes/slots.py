"""How many runs there may be at once, counted over all workers of a host."""

import fcntl
import os
from pathlib import Path
from urllib.parse import quote


class Slots:
    """So many lock files in a folder; the kernel unlocks those of a worker that is gone."""

    def __init__(self, folder: Path, name: str, count: int):
        self._folder, self._name, self._count = folder, quote(name, safe=""), count

    def take(self) -> int | None:
        """The descriptor that holds a slot until it is closed; None if all are taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(self._count):
            path = self._folder / f"{self._name}-{number}.lock"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except BlockingIOError:
                os.close(fd)
        return None
