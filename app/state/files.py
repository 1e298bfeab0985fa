"""Files of a site's state: only their owner reads them, and those written here are whole at every moment.

What root makes, as by a `flask` command, belongs to whom the folder belongs: it must not lock the server out.
"""

import os
import secrets
from pathlib import Path


def opened(file: Path) -> int:
    """A descriptor to read and write a file, which is made if it is not there."""
    make_folder(file.parent)
    try:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(file, os.O_RDWR | os.O_CLOEXEC)
    _give(fd, file.parent)
    return fd


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _give(folder, folder.parent)


def replace(file: Path, data: bytes) -> None:
    """Put the data in place of what the file has, safe on disk; owner and mode stay."""
    written = _written(file, data)
    try:
        found = file.stat()
        os.chown(written, found.st_uid, found.st_gid)
        written.chmod(found.st_mode & 0o777)
    except FileNotFoundError:
        pass  # it is new
    except BaseException:
        written.unlink()
        raise
    os.replace(written, file)
    sync(file.parent)


def create(file: Path, data: bytes) -> None:
    """Make the file, unless somebody else has just made it: theirs counts."""
    written = _written(file, data)
    try:
        os.link(written, file)
        sync(file.parent)
    except FileExistsError:
        pass
    finally:
        written.unlink()


def _written(file: Path, data: bytes) -> Path:
    """A new file beside this one, with the data."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with open(opened(beside), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return beside


def _give(made: int | Path, folder: Path) -> None:
    if os.geteuid() == 0:
        found = folder.stat()
        os.chown(made, found.st_uid, found.st_gid)


def umask() -> int:
    """The mask of new files of this process: no other way to ask for it keeps it as it is for other threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)


def sync(path: str | Path) -> None:
    """Bring a file to the disk, or the names in a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
