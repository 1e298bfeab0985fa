"""Programs that make CSV or NDJSON of files which DuckDB cannot read, each run in a process of its own.

A workbook of 5 KB whose only cell is in the last corner makes its reader ask for 500 GB, which ends the process; a page
of 10 MB takes seconds in which Python does nothing else. Here the memory and the time are bounded, and the process is
nobody's server. `app.tables.files.conversions` starts it:

    python -c START app/tables workbooks book.xlsx rows.csv '{"sheet": "Sales"}' 2000000000 4000000000

It imports nothing else of ours, to start fast. What it prints is one object of JSON: `{"columns": ...}`, what the
program returns, or `{"error": text}`.
"""

import json
import resource
from importlib import import_module
from typing import Any

_LONGEST = 120
"""Seconds of a processor that a program may take."""


WIDEST = 10_000
"""Columns that a table may have. A few bytes can say that a cell spans, or is repeated in, thousands of them."""


class Refused(Exception):
    """The file is not what it should be, or lacks what was asked for; the text says what it has."""


def main(program: str, path: str, target: str, options: str, memory: str, unpacked: str) -> None:
    """Run a program: it reads one file and writes another. The last two are the most bytes it may use, and unpack."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (_LONGEST, _LONGEST))
    try:
        write = import_module(f".{program}", __package__).write
        said: dict[str, Any] = {"columns": write(path, target, json.loads(options), int(unpacked))}
    except Refused as error:
        said = {"error": str(error)}
    except (MemoryError, RecursionError):
        said = {"error": "needs too much memory"}
    print(json.dumps(said))
