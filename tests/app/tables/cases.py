"""What every source must answer: one small dataset, and a table of queries with the rows that they give.

A query is written as in an address, but without escapes. A case with numbers alone gives the ids of the rows.
"""

from datetime import date, datetime
from decimal import Decimal

from app.tables.columns import Column, Kind

NET = 'rate % "net"'

COLUMNS = (
    Column("id", Kind.INTEGER, nullable=False, key=True),
    Column("city", Kind.TEXT),
    Column("note", Kind.TEXT),
    Column("units", Kind.INTEGER),
    Column("sales", Kind.DECIMAL),
    Column("paid", Kind.BOOLEAN),
    Column("day", Kind.DATE),
    Column("at", Kind.DATETIME),
    Column(NET, Kind.FLOAT),
)

_LAST_OF_JANUARY = datetime(2026, 1, 31, 23, 59, 59)

# fmt: off
ROWS = [
    (1, "Oslo",    "a.b",        10,   Decimal("10.50"), True,  date(2026, 1, 5),   datetime(2026, 1, 5, 8, 15),  0.5),
    (2, "oslo",    "aXb",        3,    Decimal("0.10"),  False, date(2026, 1, 31),  _LAST_OF_JANUARY,             1.5),
    (3, "Bergen",  "50% off",    None, Decimal("0.20"),  None,  date(2026, 2, 1),   datetime(2026, 2, 1),         None),
    (4, None,      "A.B",        7,    None,             True,  None,               None,                         2.25),
    (5, "Ålesund", None,         10,   Decimal("99.99"), False, date(2025, 12, 31), datetime(2025, 12, 31, 12),   0.5),
    (6, "Oslo",    "snake_it's", -4,   Decimal("-5.25"), True,  date(2026, 2, 15),  datetime(2026, 2, 15, 8, 45), 3.0),
    (7, "Bergen",  "Oslo bound", 0,    Decimal("0.00"),  False, date(2026, 2, 1),   datetime(2026, 2, 1, 9),      -1.0),
]
ALL = [1, 2, 3, 4, 5, 6, 7]

FILTERS = [
    # equal, a list, null and not null
    ("city=Oslo", [1, 6]),
    ("city=Oslo&city=Bergen", [1, 3, 6, 7]),
    ("city=Oslo&city=", [1, 6]),
    ("city!=Oslo", [2, 3, 4, 5, 7]),
    ("city!=Oslo&city!=Bergen", [2, 4, 5]),
    ("city", [1, 2, 3, 5, 6, 7]),
    ("city=", [1, 2, 3, 5, 6, 7]),
    ("city!", [4]),
    ("city!=", [4]),
    ("city=Ålesund", [5]),
    ("city=ålesund", []),
    ("city=Alesund", []),
    ("city=Oslo ", []),
    ("city='; DROP TABLE cases; --", []),
    ("note=snake_it's", [6]),
    ("note=50% off", [3]),
    # bounds: of several, the widest
    ("units>=3", [1, 4, 5]),
    ("units>~=3", [1, 2, 4, 5]),
    ("units<=3", [6, 7]),
    ("units<~=3", [2, 6, 7]),
    ("units>=3&units>=7", [1, 4, 5]),
    ("units<=0&units<=7", [2, 6, 7]),
    ("units>~=0&units<=7", [2, 7]),
    ("units>=", ALL),
    ("city>=Oslo", [2, 5]),
    ("city<~=Oslo", [1, 3, 6, 7]),
    ("note>=a", [1, 2, 6]),
    ("note<=B", [3, 4]),
    # regular expressions
    ("note~=a.b", [1, 2]),
    (r"note~=a\.b", [1]),
    (r"note*=a\.b", [1, 4]),
    ("note!~=a.b", [3, 4, 5, 6, 7]),
    ("note!*=a.b", [3, 5, 6, 7]),
    ("note~=^a&note~=off$", [1, 2, 3]),
    ("note!~=^a&note!~=off$", [4, 5, 6, 7]),
    ("note~=OSLO", []),
    ("note*=OSLO", [7]),
    ("note~=%", [3]),
    ("note~=_", [6]),
    ("note~=it's", [6]),
    ("note~=^$", []),
    ("note~=[0-9]+", [3]),
    (r"note~=\d+%", [3]),
    (r"note~=\bbound\b", [7]),
    ("note~=^.{3}$", [1, 2, 4]),
    ("city~=^.{7}$", [5]),
    ("city!~=Oslo", [2, 3, 4, 5, 7]),
    ("note~=(snake|bound)", [6, 7]),
    ("city*=å", [5]),
    ("units~=^1", [1, 5]),
    ("units!~=^1", [2, 3, 4, 6, 7]),
    (r"sales~=^99\.99$", [5]),
    ("day~=^2026-02", [3, 6, 7]),
    ("at~=^2026-01-05 08:15:00", [1]),
    ("paid~=^true$", [1, 4, 6]),
    ("paid*=F", [2, 5, 7]),
    # booleans
    ("paid=true", [1, 4, 6]),
    ("paid=0", [2, 5, 7]),
    ("paid!=yes", [2, 3, 5, 7]),
    ("paid=No&paid=Y", [1, 2, 4, 5, 6, 7]),
    ("paid!", [3]),
    ("paid>=false", [1, 4, 6]),
    # dates and times
    ("day=2026-02-01", [3, 7]),
    ("day=2026-02-01&day=2025-12-31", [3, 5, 7]),
    ("day!=2026-02-01", [1, 2, 4, 5, 6]),
    ("day>=2026-01-31", [3, 6, 7]),
    ("day<=2026-01", [5]),
    ("day>~=2026", [1, 2, 3, 6, 7]),
    ("day!", [4]),
    ("at=2026-02-01", [3]),
    ("at=2026-02-01T00:00", [3]),
    ("at=2026-02-01T01:00+01:00", [3]),
    ("at=1769904000000", [3]),
    ("at=2026-01-31 23:59:59", [2]),
    ("at>~=2026-02-01", [3, 6, 7]),
    ("at<=2026-01-05T08:15:00Z", [5]),
    ("at>=2026-01-31T23:59:58.999", [2, 3, 6, 7]),
    # decimals and floats
    ("sales=0.1", [2]),
    ("sales=0.1&sales=0.20", [2, 3]),
    ("sales>=0.1", [1, 3, 5]),
    ("sales<=0", [6]),
    ("sales=1.05e1", [1]),
    ("sales>=0.19999", [1, 3, 5]),
    ("units=10.0", [1, 5]),
    ("sales!", [4]),
    (f"{NET}=0.5", [1, 5]),
    (f"{NET}!", [3]),
    (f"{NET}>=1", [2, 4, 6]),
    (f"{NET}!=0.5", [2, 3, 4, 6, 7]),
    (f"{NET}<~=0.5", [1, 5, 7]),
    (f"{NET}~=^0.5$", [1, 5]),
    # what is not so keeps nulls, in every kind of column
    ("units!=10&units!=3", [3, 4, 6, 7]),
    ("sales!=0.1", [1, 3, 4, 5, 6, 7]),
    ("at!=2026-02-01", [1, 2, 4, 5, 6, 7]),
    ("paid!=true&paid!=false", [3]),
    ("day!~=^2026", [4, 5]),
    ("paid!~=t", [2, 3, 5, 7]),
    # several conditions, and what is no column
    ("at>~=2026-01-31&at<=2026-02-01", [2]),
    ("at>=2026-02-01&at>=2026-01-05T08:15", [2, 3, 6, 7]),
    ("day=1769904000000", [3, 7]),
    ("city=Oslo&units>=0", [1]),
    ("city*=oslo&paid=true&day>=2026-01-10", [6]),
    ("City=Oslo", ALL),
    ("nowhere!=1&_sort=nowhere", ALL),
    # words in any of the text columns
    ("_q=oslo", [1, 2, 6, 7]),
    ("_q=oslo b", [1, 2, 7]),
    ("_q=oslo&_q=bound", [7]),
    ("_q=50%", [3]),
    ("_q=_", [6]),
    ("_q=\\", []),
    ("_q=åle", [5]),
    ("_q='", [6]),
    ("_q=10", []),
    ("_q=it's&city=Oslo", [6]),
    # order
    ("_sort=city", [3, 7, 1, 6, 2, 5, 4]),
    ("_sort=-city", [5, 2, 1, 6, 3, 7, 4]),
    ("_sort=units&_sort=-id", [6, 7, 2, 4, 5, 1, 3]),
    ("_sort=-units", [1, 5, 4, 2, 7, 6, 3]),
    ("_sort=-day", [6, 3, 7, 2, 1, 5, 4]),
    ("_sort=note", [3, 4, 7, 1, 2, 6, 5]),
    ("_sort=at", [5, 1, 2, 3, 7, 6, 4]),
    ("_sort=-at", [6, 7, 3, 2, 1, 5, 4]),
    ("_sort=-sales", [5, 1, 3, 2, 7, 6, 4]),
    ("_sort=-paid", [1, 4, 6, 2, 5, 7, 3]),
    ("_sort=paid", [2, 5, 7, 1, 4, 6, 3]),
    ("_sort=sales", [6, 7, 2, 3, 1, 5, 4]),
    (f"_sort=-{NET}", [6, 4, 2, 1, 5, 7, 3]),
    ("_sort=city&_sort=-city&_sort=-id", [7, 3, 6, 1, 2, 5, 4]),
    # pages
    ("_limit=2", [1, 2]),
    ("_limit=0", []),
    ("_limit=-1", ALL),
    ("_limit=5&_limit=1", [1]),
    ("_limit=2&_offset=5", [6, 7]),
    ("_limit=-1&_offset=5", [6, 7]),
    ("_offset=100", []),
    ("_sort=-id&_limit=2&_offset=1", [6, 5]),
    ("units>=0&_limit=2", [1, 2]),
]

ANSWERS = [
    # columns
    ("id=2", [ROWS[1]]),
    ("id=4", [ROWS[3]]),
    ("id=1&_c=city&_c=id", [("Oslo", 1)]),
    ("id=1&_c=id&_c=id", [(1,)]),
    (f"id=3&_c={NET}&_c=sales", [(None, Decimal("0.20"))]),
    ("id=1&_c=-at&_c=-note&_c=-day", [(1, "Oslo", 10, Decimal("10.50"), True, 0.5)]),
    ("id=1&_c=id&_c=paid&_c=-paid", [(1,)]),
    ("id=1&_c=nowhere&_c=day", [(date(2026, 1, 5),)]),
    # distinct rows
    ("_c=city&_distinct=1&_sort=city", [("Bergen",), ("Oslo",), ("oslo",), ("Ålesund",), (None,)]),
    ("_c=city&_distinct=1&_sort=-city&_limit=2", [("Ålesund",), ("oslo",)]),
    ("_c=paid&_distinct=yes&_sort=paid", [(False,), (True,), (None,)]),
    ("_c=city&_c=paid&_distinct=1&_sort=city&city=Oslo", [("Oslo", True)]),
    ("_c=id&_distinct=no&city=Oslo", [(1,), (6,)]),
    # groups
    ("_by=city&_c=id|count", [("Bergen", 2), ("Oslo", 2), ("oslo", 1), ("Ålesund", 1), (None, 1)]),
    ("_by=city&_c=units|sum", [("Bergen", 0), ("Oslo", 6), ("oslo", 3), ("Ålesund", 10), (None, 7)]),
    ("_by=city&_c=city", [("Bergen",), ("Oslo",), ("oslo",), ("Ålesund",), (None,)]),
    ("_by=paid&_by=city&_c=id|count&city~=^O", [(True, "Oslo", 2)]),
    ("_by=city&_by=paid&_c=id|size&city=Bergen", [("Bergen", False, 1), ("Bergen", None, 1)]),
    ("_by=city&_by=city&_c=id|max&city=Oslo", [("Oslo", 6)]),
    ("_by=paid", [(False, 14, 13, Decimal("100.09"), 1.0), (True, 11, 13, Decimal("5.25"), 5.75),
                  (None, 3, None, Decimal("0.20"), None)]),
    ("_by=paid&_c=-id&_c=-sales", [(False, 13, 1.0), (True, 13, 5.75), (None, None, None)]),
    ("_by=units&_c=id|count&units>=3", [(7, 1), (10, 2)]),
    ("_by=day&_c=id|count&day>~=2026-02-01", [(date(2026, 2, 1), 2), (date(2026, 2, 15), 1)]),
    ("_by=city&_c=id|count&city=nowhere", []),
    # each aggregate, on False (3, 10, 0), True (10, 7, -4) and null (null)
    ("_by=paid&_c=units|sum", [(False, 13), (True, 13), (None, None)]),
    ("_by=paid&_c=units|mean", [(False, 13 / 3), (True, 13 / 3), (None, None)]),
    ("_by=paid&_c=units|avg&_c=units|AVERAGE", [(False, 13 / 3, 13 / 3), (True, 13 / 3, 13 / 3), (None, None, None)]),
    ("_by=paid&_c=units|min&_c=units|max", [(False, 0, 10), (True, -4, 10), (None, None, None)]),
    ("_by=paid&_c=units|count&_c=units|size", [(False, 3, 3), (True, 3, 3), (None, 0, 1)]),
    ("_by=paid&_c=city|count&_c=city|size", [(False, 3, 3), (True, 2, 3), (None, 1, 1)]),
    ("_by=paid&_c=city|nunique", [(False, 3), (True, 1), (None, 1)]),
    ("_by=paid&_c=units|median", [(False, 3.0), (True, 7.0), (None, None)]),
    ("_by=&_c=units|median&units~=.", [(5.0,)]),
    ("_by=paid&_c=units|var", [(False, 79 / 3), (True, 163 / 3), (None, None)]),
    ("_by=paid&_c=units|std", [(False, (79 / 3) ** 0.5), (True, (163 / 3) ** 0.5), (None, None)]),
    ("_by=city&_c=units|std&city*=oslo", [("Oslo", 98 ** 0.5), ("oslo", None)]),
    ("_by=paid&_c=units|prod", [(False, 0), (True, -280), (None, None)]),
    ("_by=paid&_c=units|first&_c=units|last", [(False, 3, 0), (True, 10, -4), (None, None, None)]),
    ("_by=city&_c=units|first&_c=note|last&city=Bergen", [("Bergen", 0, "Oslo bound")]),
    ("_by=paid&_c=city|min&_c=city|max", [(False, "Bergen", "Ålesund"), (True, "Oslo", "Oslo"),
                                          (None, "Bergen", "Bergen")]),
    ("_by=city&_c=day|min&_c=at|max&city=Oslo", [("Oslo", date(2026, 1, 5), datetime(2026, 2, 15, 8, 45))]),
    ("_by=city&_c=paid|sum&_c=paid|max&city", [("Bergen", 0, False), ("Oslo", 2, True), ("oslo", 0, False),
                                               ("Ålesund", 0, False)]),
    ("_by=&_c=paid|mean", [(0.5,)]),
    ("_by=&_c=sales|sum&id=2&id=3", [(Decimal("0.30"),)]),
    ("_by=&_c=sales|mean&id=2&id=3", [(0.15,)]),
    (f"_by={NET}&_c={NET}|count&{NET}<=1", [(-1.0, 1), (0.5, 2)]),
    (f"_by=&_c={NET}|prod", [(-2.53125,)]),
    ("_by=&_c=sales|median&_c=sales|min&_c=sales|max", [(0.15, Decimal("-5.25"), Decimal("99.99"))]),
    ("_by=&_c=at|min&_c=at|count&_c=day|nunique&_c=paid|nunique", [(datetime(2025, 12, 31, 12), 6, 5, 2)]),
    ("_by=note&_c=id|count&note*=^a", [("A.B", 1), ("a.b", 1), ("aXb", 1)]),
    # one row over all
    ("_by=&_c=id|count", [(7,)]),
    ("_by=nowhere&_c=id|count", [(7,)]),
    ("_by=&_c=units|sum&_c=id|count&_c=units|max", [(26, 7, 10)]),
    ("_by=&_c=id|count&_c=units|sum&city=nowhere", [(0, None)]),
    # truncated dates
    ("_by=day:year&_c=id|count", [(date(2025, 1, 1), 1), (date(2026, 1, 1), 5), (None, 1)]),
    ("_by=day:quarter&_c=id|count", [(date(2025, 10, 1), 1), (date(2026, 1, 1), 5), (None, 1)]),
    ("_by=day:month&_c=id|count", [(date(2025, 12, 1), 1), (date(2026, 1, 1), 2), (date(2026, 2, 1), 3), (None, 1)]),
    ("_by=day:week&_c=id|count", [(date(2025, 12, 29), 1), (date(2026, 1, 5), 1), (date(2026, 1, 26), 3),
                                  (date(2026, 2, 9), 1), (None, 1)]),
    ("_by=day:day&_c=id|count&day>~=2026-02", [(date(2026, 2, 1), 2), (date(2026, 2, 15), 1)]),
    ("_by=at:month&_c=id|count&at>~=2026", [(datetime(2026, 1, 1), 2), (datetime(2026, 2, 1), 3)]),
    ("_by=at:week&_c=id|count&at>~=2026-01-31", [(datetime(2026, 1, 26), 3), (datetime(2026, 2, 9), 1)]),
    ("_by=at:day&_c=id|count&day=2026-02-01", [(datetime(2026, 2, 1), 2)]),
    ("_by=at:hour&_c=id|count&paid=1", [(datetime(2026, 1, 5, 8), 1), (datetime(2026, 2, 15, 8), 1), (None, 1)]),
    ("_by=paid&_by=day:year&_c=id|count&paid=0", [(False, date(2025, 1, 1), 1), (False, date(2026, 1, 1), 2)]),
    ("_by=day:month&_c=id|count&_sort=-day:month&_limit=2", [(date(2026, 2, 1), 3), (date(2026, 1, 1), 2)]),
    # conditions on groups
    ("_by=city&_c=id|count&id|count>=1", [("Bergen", 2), ("Oslo", 2)]),
    ("_by=city&_c=units|sum&id|count>~=2", [("Bergen", 0), ("Oslo", 6)]),
    ("_by=city&_c=id|count&id|count>=1&units|sum>=0", [("Oslo", 2)]),
    ("_by=city&_c=id|count&units|sum=3&units|sum=10", [("oslo", 1), ("Ålesund", 1)]),
    ("_by=city&_c=id|count&sales|min!", [(None, 1)]),
    ("_by=city&_c=id|count&sales|min&id|count=1", [("oslo", 1), ("Ålesund", 1)]),
    ("_by=paid&_c=city|max&city|max*=^o", [(True, "Oslo")]),
    ("_by=&_c=id|count&id|count>=100", []),
    ("_by=city&_c=id|count&city|min!=Oslo", [("Bergen", 2), ("oslo", 1), ("Ålesund", 1), (None, 1)]),
    ("_by=city&_c=id|count&city|min~=^O&at|max>=2026", [("Oslo", 2)]),
    # order and pages of groups
    ("_by=city&_c=units|sum&_sort=-units|sum", [("Ålesund", 10), (None, 7), ("Oslo", 6), ("oslo", 3), ("Bergen", 0)]),
    ("_by=city&_c=id|count&_sort=-units|sum&_limit=2", [("Ålesund", 1), (None, 1)]),
    ("_by=city&_c=id|count&_sort=-id|count", [("Bergen", 2), ("Oslo", 2), ("oslo", 1), ("Ålesund", 1), (None, 1)]),
    ("_by=city&_c=id|count&_sort=-city", [("Ålesund", 1), ("oslo", 1), ("Oslo", 2), ("Bergen", 2), (None, 1)]),
    ("_by=paid&_c=units|sum&_sort=units|sum", [(False, 13), (True, 13), (None, None)]),
    ("_by=city&_c=id|count&_limit=1&_offset=1", [("Oslo", 2)]),
]
# fmt: on

CASES = [(f"{query}&_c=id", [(number,) for number in ids]) for query, ids in FILTERS] + ANSWERS


def arguments(query):
    """The arguments of a query: its parts as they stand, without escapes."""
    args = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        args.setdefault(name, []).append(value)
    return args


def plain(rows):
    """Rows in which numbers compare alike: some sources have decimals, others floats. Booleans stay what they are."""
    return [tuple(_plain(value) for value in row) for row in rows]


def _plain(value):
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return round(float(value), 9)
