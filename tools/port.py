"""Exit with one clear line if nobody can listen on a port: `python tools/port.py 8000`."""

import os
import socket
import sys


def problem(port: str) -> str | None:
    """Say why a server could not listen on this port, or return None."""
    if not (port.isdecimal() and 0 < int(port) < 65536):
        return f"{port!r} is not a port: give a number from 1 to 65535"
    try:
        # Like the server itself: SO_REUSEADDR, so that connections of the last run in TIME_WAIT do not count.
        socket.create_server(("", int(port))).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return f"cannot listen on port {port} ({reason}): choose another one, as in PORT=8123 make run"
    return None


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1]))
