"""Where sessions are kept: `app.session.type` and `path`.

::

    app:
      session: {type: sqlite}                             # var/state.db, or the file of `path`
      session: {type: memory}                             # of one worker
      session: {type: json, path: var/session.json}
      session: {type: redis, path: redis://localhost/0}   # or the URL as the type
      session: {type: "postgresql://me@db.example.org/site"}
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.extras import need
from app.mistakes import did_you_mean
from app.state import database
from app.state.sessions.store import DAY, Change, Record, Store

if TYPE_CHECKING:
    from app.sections import SessionSettings

__all__ = ["DAY", "Change", "Record", "Store", "check", "store"]

_KINDS = ("memory", "json", "sqlite", "redis")
_REDIS = ("redis://", "rediss://", "unix://")
_LOCAL_REDIS = "redis://localhost:6379/0"


def check(kind: str) -> str:
    """The type of a store, whose packages are there. Raises ValueError, which does not quote a URL's password."""
    if kind == "redis" or kind.startswith(_REDIS):
        need({"redis": "redis"}, "redis", "a session in Redis")
    elif "://" in kind:
        database.check(kind)
    elif kind not in _KINDS:
        raise ValueError(f"should be {', '.join(_KINDS)}, or the URL of a database{did_you_mean(kind, _KINDS)}")
    return kind


def store(settings: "SessionSettings", folder: Path, site: Path) -> Store:
    """The store that the settings name; `folder` has the site's state, and a relative `path` starts at `site`."""
    kind, path = settings.type, settings.path
    if kind == "memory":
        return _memory(site)
    if kind == "json":
        return _json(site / path if path else folder / "session.json")
    if kind == "redis" or kind.startswith(_REDIS):
        return _redis(redis_url(path or _LOCAL_REDIS) if kind == "redis" else kind)
    if kind == "sqlite":
        return _sqlite(site / path if path else folder / "state.db")
    return _sqlite(_file(kind, folder)) if kind.startswith("sqlite:") else _tables(kind, folder)


def _file(url: str, folder: Path) -> Path:
    """The file of an SQLite URL, whose relative paths start at the folder of the state."""
    return folder / url.removeprefix("sqlite:///").partition("?")[0]


def redis_url(path: str) -> str:
    """The URL of Redis; the original has it as `host:port:db` (reference: gramex.md §5)."""
    if "://" in path:
        return path
    host, _, rest = path.partition(":")
    port, _, number = rest.partition(":")
    return f"redis://{host}:{port or 6379}/{number or 0}"


# One for each place in a worker: a reload goes on with the same connections, and in memory with the same sessions.


@cache
def _memory(_site: Path) -> Store:
    from app.state.sessions.memory import Memory

    return Memory()


@cache
def _json(file: Path) -> Store:
    from app.state.sessions.json_file import JSONFile

    return JSONFile(file)


@cache
def _redis(url: str) -> Store:
    from app.state.sessions.redis_hash import RedisHash

    return RedisHash(url)


@cache
def _sqlite(file: Path) -> Store:
    from app.state.sessions.remembered import Remembered
    from app.state.sessions.tables import Tables

    return Remembered(Tables(f"sqlite:///{file}", file.parent), file.with_name(f"{file.name}-sessions"))


@cache
def _tables(url: str, folder: Path) -> Store:
    from app.state.sessions.tables import Tables

    return Tables(url, folder)
