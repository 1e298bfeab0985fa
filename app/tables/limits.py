"""How much of the machine a worker's tables may take: `app.tables` of the YAML. Read when a DuckDB is first used.

It imports nothing, so that a site without tables pays for nothing.
"""

from dataclasses import dataclass

GIB = 1 << 30


@dataclass
class Limits:
    """Bytes and threads; those of `LIMITS` are this worker's."""

    memory: int = GIB
    """Bytes of a worker's tables. The one used last stays even if it alone is larger."""

    working: int = GIB
    """Bytes for queries besides. What needs more goes to a file."""

    spilled: int = 8 * GIB
    """Bytes of such files. A query or a table that needs more is given up."""

    threads: int = 2
    """Threads of DuckDB, for all queries of a worker together."""

    unpacked: int = 4 * GIB
    """Bytes that a compressed file or a workbook may have when it is unpacked."""


LIMITS = Limits()
