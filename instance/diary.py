"""The table of `/weather/diary`, which everybody may change: a copy of the weather file in SQLite, made at first use.

It lies with the rest of the site's state in `var`, and not in git. Delete it, and the next visitor gets a new one.
"""

import csv
import os
import sqlite3
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "data" / "weather" / "seattle.csv"
COPY = HERE / "var" / "diary.db"
TABLE = """
    CREATE TABLE diary (
        day DATE PRIMARY KEY NOT NULL,
        precipitation REAL NOT NULL,
        temp_max REAL,
        temp_min REAL,
        wind REAL,
        seen BOOLEAN NOT NULL DEFAULT FALSE,
        note TEXT
    )
"""
ROW = """
    INSERT INTO diary (day, precipitation, temp_max, temp_min, wind)
    VALUES (:date, :precipitation, :temp_max, :temp_min, :wind)
"""


def ready() -> None:
    """See that the table is there. Of two that make it at once, one wins, and nobody sees half of it."""
    if COPY.exists():
        return
    COPY.parent.mkdir(exist_ok=True)
    made = COPY.with_name(f"diary.{os.getpid()}.db")
    made.unlink(missing_ok=True)
    with closing(sqlite3.connect(made)) as db, SOURCE.open(newline="") as rows:
        db.execute(TABLE)
        db.executemany(ROW, csv.DictReader(rows))
        db.commit()
    try:
        os.link(made, COPY)
    except FileExistsError:
        pass  # somebody was faster, and may have written in it
    made.unlink()
