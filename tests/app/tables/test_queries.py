"""SELECTs as tables: their values, their columns, what surrounds them, and what they must not be."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from app.tables.columns import BadValue, Kind
from app.tables.databases.queries import READS, SQL, Parameter, names
from app.tables.source import Missing
from tests.app.tables.cases import CASES, COLUMNS, ROWS, plain
from tests.app.tables.databases import NUMBERS, answer, asked, filled, run
from tests.app.tables.test_database_limits import settled

IDS = Parameter(READS["int"], expanding=True)


@pytest.fixture
def cases(database):
    """The URL of a database with the table of the cases."""
    filled(database, COLUMNS, ROWS)
    return database


def ids(url, sql, values=None, types=None, query="_c=id&_sort=id"):
    return [row[0] for row in answer(SQL(url, sql, values or {}, types or {}), query)]


def is_by_order(query):
    """Whether a case depends on which rows come first, which a query without a key does not say."""
    return any(word in query for word in ("|first", "|last", "_limit", "_offset"))


def test_a_query_answers_every_case_as_its_table_does(cases, subtests):
    source = SQL(cases, "SELECT * FROM cases", {})
    for query, rows in CASES:
        if not is_by_order(query):
            with subtests.test(query):
                assert sorted(plain(answer(source, query)), key=repr) == sorted(plain(rows), key=repr)


def test_the_columns_are_of_the_kinds_of_the_table(cases):
    found = SQL(cases, "SELECT * FROM cases", {}).columns()
    assert [(column.name, column.kind) for column in found] == [(column.name, column.kind) for column in COLUMNS]


def test_the_order_of_a_query_is_that_of_its_answer(cases):
    assert ids(cases, "SELECT id FROM cases ORDER BY id DESC", query="_limit=3") == [7, 6, 5]
    assert ids(cases, "SELECT id FROM cases ORDER BY units DESC, id LIMIT 3", query="id>=1") != []


@pytest.mark.parametrize(
    ("where", "values", "types", "found"),
    [
        ("city = :city", {"city": "Bergen"}, {}, [3, 7]),
        ("city = :city OR note = :city", {"city": "Bergen"}, {}, [3, 7]),
        ("city = ':city' OR city = :city", {"city": "Bergen"}, {}, [3, 7]),
        ("city = :city -- or :note\n AND /* :other */ id > 3", {"city": "Bergen"}, {}, [7]),
        ("id = :id", {"id": "4"}, {"id": Parameter(READS["int"])}, [4]),
        ("sales > :least", {"least": "0.2"}, {"least": Parameter(READS["float"])}, [1, 5]),
        ("sales = :exactly", {"exactly": "0.10"}, {"exactly": Parameter(READS["decimal"])}, [2]),
        ("day >= :day", {"day": "2026-02"}, {"day": Parameter(READS["date"])}, [3, 6, 7]),
        ("at >= :at", {"at": "2026-02-01T08:59"}, {"at": Parameter(READS["datetime"])}, [6, 7]),
        ("id IN :ids", {"ids": ["1", "3"]}, {"ids": IDS}, [1, 3]),
        ("id IN (:ids)", {"ids": ["1", "3"]}, {"ids": IDS}, [1, 3]),
        ("id IN :ids", {"ids": [5]}, {}, [5]),
        ("id IN :ids", {"ids": []}, {"ids": IDS}, []),
        ("city = :x", {"x": "' OR 1=1 --"}, {}, []),
        ("note LIKE '%!_%' ESCAPE '!' AND city <> '%s'", {}, {}, [6]),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_names_are_bound_to_values_of_their_types(cases, where, values, types, found):
    assert ids(cases, f"SELECT id FROM cases WHERE {where}", values, types) == found


def test_the_same_query_with_other_values_gives_other_rows(cases):
    sql = "SELECT id, city FROM cases WHERE city = :city"
    assert [ids(cases, sql, {"city": city}) for city in ("Bergen", "Ålesund", "Bergen")] == [[3, 7], [5], [3, 7]]


def test_values_of_the_query_and_of_the_request_go_together(cases):
    sql = "SELECT * FROM cases WHERE units >= :least AND city <> :city"
    source = SQL(cases, sql, {"least": 0, "city": "Bergen"})
    assert answer(source, "units<=10&paid=false&_c=id&_limit=1&_offset=0&_q=xb") == [(2,)]
    with asked(source, "_by=paid&_c=units|sum&_count=1&units|sum>=5") as result:
        assert (result.count, list(result.batches())) == (2, [[(False, 13), (True, 10)]])


def test_columns_of_expressions_have_the_kinds_of_their_values(cases):
    sql = """SELECT id * 2 AS twice, units * 1.5 AS more, upper(city) AS loud, count(*) OVER () AS number,
        max(day) OVER () AS latest, NULL AS empty, '2026-01-05' AS text FROM cases ORDER BY id"""
    found = {column.name: column.kind for column in SQL(cases, sql, {}).columns()}
    assert (found["twice"], found["loud"], found["number"]) == (Kind.INTEGER, Kind.TEXT, Kind.INTEGER)
    assert (found["latest"], found["more"] in (Kind.FLOAT, Kind.DECIMAL)) == (Kind.DATE, True)


def test_dates_that_sqlite_computes_are_dates(tmp_path):
    url = f"sqlite:///{tmp_path}/data.db"
    filled(url, COLUMNS, ROWS)
    source = SQL(url, "SELECT id, date(at) AS d, datetime(at) AS t, strftime('%Y', at) AS y FROM cases", {})
    assert [column.kind for column in source.columns()] == [Kind.INTEGER, Kind.DATE, Kind.DATETIME, Kind.TEXT]
    assert answer(source, "d=2026-02-01&_sort=t&_limit=1") == [(3, date(2026, 2, 1), datetime(2026, 2, 1), "2026")]


def test_columns_of_the_same_name_are_told_apart(cases):
    source = SQL(cases, "SELECT a.id, b.id, a.city AS city FROM cases a JOIN cases b ON a.city = b.city", {})
    assert [column.name for column in source.columns()] == ["id", "id__1", "city"]
    assert answer(source, "id=3&_sort=id__1&_c=id__1") == [(3,), (7,)]


@pytest.mark.parametrize("name", ["select", "a b", 'say "hi"', "it's", "]", "100 %", ":x", "日本", "_sort", "a|b"])
def test_columns_of_a_query_may_have_any_name(cases, name):
    quoted = f"`{name}`" if cases.startswith("mariadb") else '"' + name.replace('"', '""') + '"'
    source = SQL(cases, f"SELECT id AS {quoted} FROM cases", {})
    assert answer(source, f"{name}>~=6&_by=&_c={name}|sum") == [(13,)]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH few AS (SELECT id FROM cases WHERE id < 3) SELECT id FROM few",
        "SELECT 1 AS id UNION ALL SELECT 2",
        "SELECT id FROM cases WHERE id < 3 ORDER BY id DESC LIMIT 5;  -- done",
        "\n  select id\nfrom cases where id<3 /* ; */ ;\n",
    ],
)
def test_a_select_of_any_form_is_a_table(cases, sql):
    assert ids(cases, sql) == [1, 2]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DELETE FROM cases", "begin with 'delete'"),
        ("UPDATE cases SET id = 1", "begin with 'update'"),
        ("/* SELECT */ DROP TABLE cases", "begin with 'drop'"),
        ("PRAGMA query_only=OFF", "begin with 'pragma'"),
        ("SELECT 1; DELETE FROM cases", "one statement"),
        ("SELECT id FROM cases) SELECT 1 FROM (SELECT 2", r"`\)` too many"),
        ("SELECT (1", "without its"),
        ("SELECT 'a", "without its end"),
        ("SELECT id INTO other FROM cases", "no INTO"),
        ("(SELECT id INTO OUTFILE 'x' FROM cases)", "no INTO"),
        ("", "begin with ''"),
        ("-- nothing", "begin with ''"),
    ],
)
def test_what_is_no_single_select_is_refused(sql, reason):
    with pytest.raises(ValueError, match=reason):
        SQL("sqlite:///data.db", sql, {})


WIPE = {
    "sqlite": "CREATE VIEW harmless AS SELECT 1 AS id",
    "postgresql": "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM cases RETURNING id'",
    "mariadb": "CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM cases; RETURN 1; END",
}
SELECTS = ["SELECT wipe() AS id", "WITH gone AS (DELETE FROM cases RETURNING id) SELECT id FROM gone"]


@pytest.mark.parametrize("sql", SELECTS)
def test_a_select_that_writes_is_refused_by_the_database(cases, sql):
    run(cases, WIPE[cases.partition(":")[0]])
    with pytest.raises(Exception, match=r"read-only|READ ONLY|top level|syntax|no such function"):
        ids(cases, sql)
    assert ids(cases, "SELECT id FROM cases") == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("values", "types", "message"),
    [
        ({}, {}, "city: '' is not left out"),
        ({"city": "x"}, {"city": Parameter(READS["int"])}, "city: 'x' is not an integer"),
        ({"city": ["1", "x"]}, {"city": IDS}, "city: 'x' is not an integer"),
        ({"city": "soon"}, {"city": Parameter(READS["date"])}, "city: 'soon' is not a date"),
    ],
)
def test_a_value_that_is_missing_or_of_another_type_is_named(values, types, message):
    with pytest.raises(BadValue, match=message):
        SQL("sqlite:///data.db", "SELECT 1 AS one WHERE :city = 1", values, types)


def test_a_value_that_the_database_does_not_take_is_named(postgresql):
    filled(postgresql, NUMBERS, [(1, "a")])
    with pytest.raises(BadValue, match="id: 'x' is not what the query takes"):
        ids(postgresql, "SELECT id FROM cases WHERE id = :id", {"id": "x"})


def test_a_query_on_a_table_that_is_not_there_is_missing(database):
    run(database, "CREATE TABLE other (id INT)")
    with pytest.raises(Missing, match="cases"):
        ids(database, "SELECT id FROM cases")


def test_the_filter_is_pushed_into_the_query(tmp_path):
    url = f"sqlite:///{tmp_path}/data.db"
    table = filled(url, NUMBERS, [(1, "Oslo")])
    source = SQL(url, "SELECT id, city FROM cases WHERE city = :city", {"city": "Oslo"})
    assert answer(source, "id=1") == [(1, "Oslo")]
    plan = next(iter(source._plans()._known.values()))
    with table._engine.sql.connect() as connection:
        sql, values = plan.select.sql, plan.select.parameters([1, 10, "Oslo"])
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    assert [step[3] for step in steps] == ["SEARCH cases USING INTEGER PRIMARY KEY (rowid=?)"]


def test_the_state_of_a_query_in_sqlite_is_that_of_its_file(tmp_path):
    url = f"sqlite:///{tmp_path}/data.db"
    table = filled(url, NUMBERS, [(1, "Oslo")])
    assert settled(table) == SQL(url, "SELECT 1 AS one", {}).state() is not None


def test_names_are_found_before_there_are_values():
    assert names("SELECT :a, ':b', c::int, :a, :d_1 -- :e\n FROM t WHERE x = $$ :f $$ AND y > '12:30'") == ("a", "d_1")


def test_decimals_of_a_query_stay_exact(postgresql):
    sql = "SELECT sum(x) AS s FROM (VALUES (0.1), (0.2)) AS t(x)"
    assert answer(SQL(postgresql, sql, {}), "") == [(Decimal("0.3"),)]
