"""No command outlives its worker, however the worker ends.

One small process beside each worker that runs commands reads from a pipe which groups of processes there are. The
kernel closes the pipe when the worker is gone, killed or not; the keeper then ends the groups that are left. A
command tells of itself between fork and exec, so there is no moment at which nobody knows of it.
"""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""

_SCRIPT = """
trap '' HUP INT TERM
groups=' '
while read -r mark group; do
  case $mark in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
  esac
done
[ "$groups" = ' ' ] && exit
for group in $groups; do kill -s TERM -- "-$group"; done 2>/dev/null
sleep "$1"
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
"""


class Keeper:
    """The process that ends what is left when this one is gone. Started by the first command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = self.fd = -1

    def ready(self) -> "Keeper":
        """Start the process unless it runs."""
        with self._lock:
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._start()
        return self

    def _start(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        reading, self.fd = os.pipe()  # neither end is inherited by programs
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "skerry-keeper", str(GRACE)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # signals to the server's group, as Ctrl-C, are not for it
            )
        finally:
            os.close(reading)
        self._owner = os.getpid()

    def enter(self) -> None:
        """Make this process the leader of a group that is kept. Called between fork and exec: no locks, no imports."""
        os.setsid()
        os.write(self.fd, b"+ %d\n" % os.getpid())

    def forget(self, group: int) -> None:
        """The group has ended; its number may become another's."""
        with suppress(BrokenPipeError):  # the keeper was ended by someone; `ready` starts another
            os.write(self.fd, b"- %d\n" % group)


keeper = Keeper()


def end_group(group: int) -> None:
    """End all processes of a group: SIGTERM, and SIGKILL for those that are there after `GRACE` seconds."""
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(group, signal.SIGTERM)
        deadline, pause = time.monotonic() + GRACE, 0.005
        while time.monotonic() < deadline:
            time.sleep(pause)
            os.killpg(group, 0)
            if not _has_living(group):
                return
            pause = min(2 * pause, 0.2)
        os.killpg(group, signal.SIGKILL)


def _has_living(group: int) -> bool:
    """Whether a process of the group is more than a zombie: in a container without an init they stay."""
    with os.scandir("/proc") as entries:
        return any(entry.name.isdecimal() and _lives_in(Path(entry.path), group) for entry in entries)


def _lives_in(process: Path, group: int) -> bool:
    with suppress(OSError):  # it has ended meanwhile
        state, _parent, its_group = (process / "stat").read_text("latin-1").rpartition(")")[2].split()[:3]
        return int(its_group) == group and state not in "ZX"
    return False
