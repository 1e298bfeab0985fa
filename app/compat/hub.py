"""gevent's hub of the worker's main thread: the only one that can watch processes, and always gets its turn."""

from typing import Any

from app import offload

_main: Any = None


def remember() -> None:
    """Keep the hub of this thread if it is the main one; called where a site is read."""
    global _main
    if _main is None and offload.cooperative():
        import gevent

        hub = gevent.get_hub()
        _main = hub if hub.loop.default else None


def main() -> Any:
    """The hub; raises RuntimeError where no site has been read since gevent took over."""
    remember()
    if _main is None:
        raise RuntimeError("the worker's main thread has not begun yet: start this in a function, not at import")
    return _main
