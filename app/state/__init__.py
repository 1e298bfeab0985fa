"""What a site remembers: sessions, tokens, sign-ins, counters. SQLite by default, other engines by URL.

::

    app:
      session: {type: sqlite}                   # var/state.db; or memory, json, redis://..., postgresql://..., ...
    storelocations:
      otp: {url: "postgresql://...", table: otp}

`database` has connections to tables; `sessions` has the stores of sessions.
"""

from app.state.database import Conflict, Database, Row, Unavailable, connect

__all__ = ["Conflict", "Database", "Row", "Unavailable", "connect"]
