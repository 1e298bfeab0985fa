"""A table of trips, and what the tests of its page do again and again."""

import sqlite3
from contextlib import closing

SITE = """
    app: {title: Harbour Office}
    handlers:
      BaseHandler: {headers: {Content-Security-Policy: default-src 'self'}}
    url:
      trips:
        pattern: /trips
        handler: FormHandler
        kwargs: {url: "sqlite:///trips.db", table: trips, id: id}
"""
PLACES = ["Oslo", "Bergen", "Tromsø", "Bodø", "Stavanger", "Ålesund"]
COLUMNS = (
    "id integer primary key, place text not null, day date, depart datetime, seats integer, price real, paid boolean,"
    " note text"
)


def trip(number):
    day = f"2026-0{number % 9 + 1}-{number % 28 + 1:02}"
    note = None if number % 4 else f"note {number}"
    return (
        number,
        PLACES[number % 6],
        day,
        f"{day} 0{number % 9}:30:00",
        number % 60,
        number * 1.5,
        number % 3 == 0,
        note,
    )


def database(path, count=120):
    """The bytes of a SQLite file with so many trips."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"create table trips ({COLUMNS})")
        db.executemany("insert into trips values (?, ?, ?, ?, ?, ?, ?, ?)", map(trip, range(1, count + 1)))
        db.commit()
    return path.read_bytes()


def one(path, sql, *values):
    """The first value that SQL finds, or changes, in the file."""
    with closing(sqlite3.connect(path)) as db:
        row = db.execute(sql, values).fetchone()
        db.commit()
    return row and row[0]


def count(shown):
    """How many rows the page says there are."""
    return shown.locator("[data-count]").first.inner_text()


def column(shown, name):
    """The texts of a column."""
    place = shown.locator("thead th").evaluate_all("(all, name) => all.findIndex(th => th.dataset.name === name)", name)
    return shown.locator(f"tbody td:nth-child({place + 1})").all_inner_texts()


def cell(shown, name, row=1):
    """A cell, by its column and the number of its row on the page."""
    place = shown.locator("thead th").evaluate_all("(all, name) => all.findIndex(th => th.dataset.name === name)", name)
    return shown.locator(f"tbody tr:nth-child({row}) td:nth-child({place + 1})")


def says(shown, text):
    """Wait until the page announces it."""
    shown.locator("[data-status]", has_text=text).wait_for(state="attached")
