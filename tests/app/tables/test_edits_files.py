"""Edits of data files: what changes in them, and what stays as it was written."""

import gzip
import json
import multiprocessing
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest

from app.tables.columns import BadValue, Column, Kind
from app.tables.edits import locking
from app.tables.edits.changes import row_etag
from app.tables.edits.rewriting import FileEditor
from app.tables.edits.transactions import Outdated, Refused
from app.tables.files.copies import Options
from app.tables.files.file import File
from app.tables.source import Down, Missing
from tests.app.tables.editing import edit, rows

REPO = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path):
    """`file(name, content, **options)` -> its editor, with `.source` and `.path`."""

    def make(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return editor(path, **options)

    return make


def editor(path, first=(), **options):
    made = FileEditor(File(path, Options(**options)), first)
    made.source, made.path = File(path, Options(**options)), path
    return made


CSV = b"id,name,price\n1,007,1.50\n2,b,2\n3,c,.5\n"


def test_a_row_is_inserted_changed_and_deleted_in_a_csv(file):
    change = file("a.csv", CSV)
    assert edit(change, "POST", name=["x", "y"], price="9").inserted == [{"id": 4}, {"id": 5}]
    assert edit(change, "PUT", id=[2, 4], name="z").count == 2
    assert edit(change, "DELETE", id=[1, 2, 3], **{"price>": 1}).ids == [[1], [2]]
    assert change.path.read_text() == "id,name,price\n3,c,.5\n4,z,9.0\n5,y,9.0\n"


@pytest.mark.parametrize(
    ("before", "after", "options"),
    [
        ("id,a,b\n1,007,1.50\n2,x,1e3\n", "id,a,b\n1,007,1.50\n2,new,1e3\n", {}),
        ("id;a;b\r\n1;x;+1.0\r\n2;y;2\r\n", "id;a;b\r\n1;x;+1.0\r\n2;new;2\r\n", {"sep": ";"}),
        ('"id","a"\n"1","x"\n"2","y"\n', '"id","a"\n"1","x"\n"2","new"\n', {}),
        ('id,a,b\n1,"x, y",1\n2,"l1\nl2",2\n', 'id,a,b\n1,"x, y",1\n2,"new",2\n', {}),
        ('id,a\n1,5" pipe\n2,"say ""hi"""\n', 'id,a\n1,5" pipe\n2,"new"\n', {}),
        ("id,a\n1,x\n\n2,y", "id,a\n1,x\n\n2,new", {}),
        ("id,a,b\n1, x ,1\n2, y ,2\n", "id,a,b\n1, x ,1\n2,new,2\n", {}),
        ("# note\nid,a\n1,x\n2,y\n", "# note\nid,a\n1,x\n2,new\n", {"header": 1}),
        ("\ufeffid,a\n1,é\n2,ü\n", "\ufeffid,a\n1,é\n2,new\n", {}),
        ("id\ta\n1\tx\n2\ty\n", "id\ta\n1\tx\n2\tnew\n", {"sep": "\t"}),
        ("id,a,b\n1,NA,NA\n2,y,5\n", "id,a,b\n1,NA,NA\n2,new,5\n", {"na_values": ("NA",)}),
    ],
    ids="numbers crlf quotes lines inner-quotes no-end spaces header mark tabs na".split(),
)
def test_what_is_not_changed_stays_to_the_byte(file, before, after, options):
    change = file("a.csv", before, **options)
    assert edit(change, "PUT", id=2, a="new").count == 1
    assert change.path.read_bytes() == after.encode()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-be", "utf-8-sig"])
def test_the_encoding_stays(file, encoding):
    change = file("a.csv", "id,a\n1,é\n2,ü\n".encode(encoding), encoding=encoding)
    edit(change, "PUT", id=2, a="ø")
    edit(change, "POST", a="å")
    assert change.path.read_bytes() == "id,a\n1,é\n2,ø\n3,å\n".encode(encoding)


def test_a_character_that_the_encoding_lacks_is_refused(file):
    change = file("a.csv", "id,a\n1,é\n".encode("latin-1"), encoding="latin-1")
    with pytest.raises(BadValue, match="is no character of iso8859-1"):
        edit(change, "POST", a="🦀")
    assert change.path.read_bytes() == "id,a\n1,é\n".encode("latin-1")


def test_new_values_look_like_those_of_their_column(file):
    change = file("a.csv", 'id,ok,at,"t"\n1,TRUE,2026-01-02T03:04:05Z,"x"\n2,FALSE,2026-01-03T00:00:00Z,"y"\n')
    edit(change, "POST", ok="yes", at="2026-02-01", t="z")
    edit(change, "PUT", id=1, ok="no", t='a,"b"\nc')
    lines = change.path.read_text().splitlines()
    assert lines[-1] == '3,TRUE,2026-02-01T00:00:00Z,"z"'
    assert '1,FALSE,2026-01-02T03:04:05Z,"a,""b""' in lines
    assert rows(change.source)[2][:3] == (3, True, datetime(2026, 2, 1))


@pytest.mark.parametrize(
    "text", ["a,b", 'say "hi"', "two\nlines", "\r\n", " sp ", "'; DROP", "=1+1", "🦀", "a\\b", "-"]
)
def test_any_text_comes_back_as_it_was(file, text):
    change = file("a.csv", "id,a\n1,x\n")
    edit(change, "POST", '[{"a": ' + json.dumps(text) + "}]")
    assert [row[1] for row in rows(change.source)] == ["x", text]


def test_a_table_of_one_column_keeps_its_rows_without_value(file):
    change = file("a.csv", "id\nx\n\ny\n")
    edit(change, "DELETE", id="x")
    edit(change, "POST", id="z")
    assert change.path.read_text() == "id\n\ny\nz\n"


JSON = '[\n  {"id": 1, "t": "a\\u00e9", "n": 1.50},\n  {"id": 2, "t": "b", "n": 10.0, "o": {"x": 1.00}}\n]\n'


def test_records_of_a_json_list_that_are_not_changed_stay_as_they_are(file):
    change = file("a.json", JSON)
    edit(change, "PUT", id=2, n="3")
    assert change.path.read_text() == JSON.replace("10.0", "3.0")
    edit(change, "POST", '{"t": "\\"q\\"", "o": {"y": [1.50]}}')
    edit(change, "DELETE", id=1)
    assert change.path.read_text() == (
        '[\n  {"id": 2, "t": "b", "n": 3.0, "o": {"x": 1.00}},\n'
        '  {"id": 3, "t": "\\"q\\"", "n": null, "o": {"y": [1.50]}}\n]\n'
    )


def test_a_json_of_many_lines_a_record_grows_in_its_own_manner(file):
    text = json.dumps([{"id": 1, "t": "a"}, {"id": 2}], indent=4)
    change = file("a.json", text)
    edit(change, "PUT", id=2, t="b")
    edit(change, "POST", t="c")
    assert change.path.read_text() == json.dumps(
        [{"id": 1, "t": "a"}, {"id": 2, "t": "b"}, {"id": 3, "t": "c"}], indent=4
    )


def test_the_last_record_of_a_json_may_go_and_another_come(file):
    change = file("a.json", '[{"id":1,"t":"a"}]')
    edit(change, "DELETE", id=1)
    assert json.loads(change.path.read_text()) == []
    edit(editor(change.path, (Column("id", Kind.INTEGER), Column("t", Kind.TEXT))), "POST", t="b")
    assert json.loads(change.path.read_text()) == [{"id": 1, "t": "b"}]


def test_lines_of_ndjson_that_are_not_changed_stay_as_they_are(file):
    change = file("a.ndjson", '{"id": 1, "n": 1.50}\n\n{ "id":2, "n":2.50 }')
    edit(change, "PUT", id=2, n="7")
    edit(change, "POST", n="8")
    assert change.path.read_text() == '{"id": 1, "n": 1.50}\n\n{ "id":2, "n":7.0 }\n{"id":3, "n":8.0}\n'


def test_a_packed_file_stays_packed(file):
    change = file("a.csv.gz", gzip.compress(CSV))
    edit(change, "PUT", id=1, name="x")
    assert gzip.decompress(change.path.read_bytes()) == CSV.replace(b"007", b"x")


def test_a_parquet_keeps_types_and_compression(tmp_path):
    path, db = tmp_path / "a.parquet", duckdb.connect()
    select = 'SELECT 1::TINYINT AS id, 1.5::DECIMAL(5, 2) AS n, [1, 2] AS l, \'a\' AS "a""b" '
    select += "UNION ALL SELECT 2::TINYINT, 2::DECIMAL(5, 2), [], 'b'"
    db.execute(f"COPY ({select}) TO '{path}' (COMPRESSION zstd, KV_METADATA {{who: 'me'}})")
    change = editor(path)
    edit(change, "PUT", id=2, n="3.25")
    edit(change, "POST", **{'a"b': "c"})
    assert [row[2:] for row in db.execute(f"FROM '{path}'").fetchall()] == [([1, 2], "a"), ([], "b"), (None, "c")]
    assert [str(row[1]) for row in rows(change.source)] == ["1.50", "3.25", "None"]
    assert [row[1] for row in db.execute(f"DESCRIBE FROM '{path}'").fetchall()] == [
        "TINYINT",
        "DECIMAL(5,2)",
        "INTEGER[]",
        "VARCHAR",
    ]
    assert db.execute(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall() == [("ZSTD",)]
    assert db.execute(f"SELECT value FROM parquet_kv_metadata('{path}') WHERE key = 'who'").fetchall() == [(b"me",)]
    for args in ({"id": 300}, {"l": "[1]"}):
        with pytest.raises(BadValue):
            edit(change, "POST", **args)


@pytest.fixture
def book(tmp_path):
    """A workbook with a sheet that begins somewhere, a named table, and another sheet."""
    made, path = openpyxl.Workbook(), tmp_path / "a.xlsx"
    sheet = made.active
    sheet.title = "Sales"
    for row in [[], [None, "id", "t", "day"], [None, 1, "007", datetime(2026, 1, 2)], [], [None, 2, "b", None]]:
        sheet.append(row)
    sheet["C3"].font = openpyxl.styles.Font(bold=True)
    other = made.create_sheet("Other")
    for row in [["k", "v", "beside"], [1, "x", 5], [2, "y", 6], [3, "z", 7]]:
        other.append(row)
    other.add_table(openpyxl.worksheet.table.Table(displayName="Pairs", ref="A1:B4"))
    made.save(path)
    return path


def test_a_sheet_is_edited_and_the_others_stay(book):
    change = editor(book, sheet="Sales")
    edit(change, "PUT", id=2, t="=1+1", day="2026-03-04")
    edit(change, "POST", t="new", day="2026-05-06")
    edit(change, "DELETE", id=1)
    kept = openpyxl.load_workbook(book)
    assert [(row[1], row[2].month) for row in rows(change.source)] == [("=1+1", 3), ("new", 5)]
    assert [cell.value for cell in kept["Other"][2]] == [1, "x", 5]
    assert kept["Sales"]["C4"].data_type == "s"


def test_a_named_table_grows_and_shrinks_and_its_neighbours_stay(book):
    change, key = editor(book, table="Pairs"), ("k",)
    edit(change, "POST", key=key, v="new")
    edit(change, "DELETE", key=key, k=[1, 2])
    sheet = openpyxl.load_workbook(book)["Other"]
    assert sheet.tables["Pairs"].ref == "A1:B3"
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        [3, "z", 5],
        [4, "new", 6],
        [None, None, 7],
    ]


@pytest.mark.parametrize("what", ["formula", "chart"])
def test_a_workbook_that_would_lose_something_is_refused(book, what):
    made = openpyxl.load_workbook(book)
    if what == "formula":
        made["Other"]["E1"] = "=SUM(C2:C4)"
    else:
        made["Other"].add_chart(openpyxl.chart.BarChart(), "G1")
    made.save(book)
    before = book.read_bytes()
    with pytest.raises(Refused, match="would be lost"):
        edit(editor(book, sheet="Sales"), "PUT", id=1, t="x")
    assert book.read_bytes() == before


@pytest.mark.parametrize("value", ["x" * 40_000, "a\x01b"])
def test_what_excel_cannot_hold_is_refused(book, value):
    with pytest.raises(BadValue, match="t: "):
        edit(editor(book, sheet="Sales"), "POST", t=value)


@pytest.mark.parametrize(
    "name", ["new.csv", "new.tsv", "new.json", "new.ndjson", "new.parquet", "new.xlsx", "new.csv.gz"]
)
def test_a_file_that_is_not_there_is_made_by_its_first_rows(tmp_path, name):
    first = (Column("id", Kind.INTEGER), Column("t", Kind.TEXT))
    assert edit(editor(tmp_path / name, first), "POST", t=["a", "b"]).inserted == [{"id": 1}, {"id": 2}]
    edit(editor(tmp_path / name), "POST", t="c")
    assert rows(File(tmp_path / name)) == [(1, "a"), (2, "b"), (3, "c")]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_gone_is_missing_and_is_not_made_by_an_update(tmp_path):
    with pytest.raises(Missing):
        edit(editor(tmp_path / "gone.csv"), "PUT", id=1, t="x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.xls", "a.ods", "a.html", "a.feather"])
def test_a_format_that_is_only_read_is_refused(tmp_path, name):
    with pytest.raises(Refused, match="can be read, and not edited"):
        editor(tmp_path / name)


def test_an_upsert_and_conditions_mean_what_they_mean_to_readers(file):
    change = file("a.csv", CSV)
    done = edit(change, "POST", '[{"id": 3, "name": "C"}, {"id": 8, "name": "new"}]', _upsert=1, recording=True)
    assert (done.count, done.inserted) == (2, [{"id": 8}])
    assert [change_.before and change_.before["name"] for change_ in done.changes] == ["c", None]
    assert edit(change, "DELETE", id=[1, 2, 3, 8], **{"name~": "^[Cn]"}).count == 2


def test_who_does_not_know_the_row_is_told(file):
    change = file("a.csv", CSV)
    (row,) = rows(change.source, id=1)
    known = frozenset({row_etag(change.source.columns(), row)})
    assert edit(change, "PUT", id=1, name="x", etags=known).count == 1
    with pytest.raises(Outdated):
        edit(change, "PUT", id=1, name="y", etags=known)


def test_permissions_stay_and_a_link_still_leads_to_the_file(file, tmp_path):
    change = file("a.csv", CSV)
    change.path.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(change.path)
    edit(editor(tmp_path / "link.csv"), "PUT", id=1, name="x")
    assert change.path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link.csv").is_symlink() and b"1,x,1.50" in change.path.read_bytes()


def test_an_edit_that_changes_nothing_leaves_the_file_alone(file):
    change = file("a.csv", CSV)
    before = change.path.stat()
    assert edit(change, "DELETE", id=99).count == 0
    assert change.path.stat().st_ino == before.st_ino


def test_ten_thousand_rows(file):
    change = file("a.csv", CSV)
    body = "[" + ",".join(f'{{"name": "n{number}", "price": {number}.5}}' for number in range(10_000)) + "]"
    assert len({key["id"] for key in edit(change, "POST", body).inserted}) == 10_000
    assert edit(change, "DELETE", id=[str(number) for number in range(4, 10_004)]).count == 10_000
    assert change.path.read_bytes() == CSV


def increment(path, times):
    change = editor(path)
    for _ in range(times):
        while True:
            (row,) = rows(change.source, id=1)
            try:
                edit(change, "PUT", id=1, n=row[1] + 1, etags=frozenset({row_etag(change.source.columns(), row)}))
                break
            except Outdated:
                pass


def insert(path, times):
    for number in range(times):
        edit(editor(path), "POST", n=number)


def test_several_processes_and_somebody_with_an_editor_lose_no_change(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,n\n1,0\n")
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=(path, 8)) for work in (increment, insert, insert)]
    for worker in workers:
        worker.start()
    written = 0
    until = time.monotonic() + 60
    while any(worker.is_alive() for worker in workers) and time.monotonic() < until:
        beside, before = tmp_path / "editor", path.stat()
        text = path.read_text()
        beside.write_text(text + f"{1000 + written},0\n")
        if path.stat() == before:  # as a careful editor does
            beside.replace(path)
            written += 1
        time.sleep(0.15)
    for worker in workers:
        worker.kill()  # one that is not done by now
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found = rows(File(path))
    assert found[0] == (1, 8)
    assert len(found) == 1 + 16 + written


def test_what_somebody_else_writes_meanwhile_is_not_lost(file, monkeypatch):
    change, real = file("a.csv", CSV), locking._settle
    others = iter([CSV + b"9,theirs,1\n"])

    def settle(beside, path):
        real(beside, path)
        for text in others:
            path.write_bytes(text)

    monkeypatch.setattr(locking, "_settle", settle)
    edit(change, "PUT", id=2, name="ours")
    assert change.path.read_bytes() == CSV.replace(b"2,b", b"2,ours") + b"9,theirs,1\n"


def test_who_holds_the_lock_is_waited_for_and_then_it_is_down(file, monkeypatch):
    change = file("a.csv", CSV)
    monkeypatch.setattr(locking, "PATIENCE", 0.3)
    with locking.locked(change.path):
        other = subprocess.run(
            [sys.executable, "-c", HOLDER, str(change.path)], cwd=REPO, capture_output=True, text=True
        )
    assert "somebody else is editing it" in other.stderr
    with locking.locked(change.path), pytest.raises(Down, match="too many are waiting"):
        edit(change, "PUT", id=1, name="x")
    assert edit(change, "PUT", id=1, name="x").count == 1


HOLDER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from app.tables.edits import locking
    locking.PATIENCE = 0.3
    with locking.locked(Path(sys.argv[1])):
        pass
""")

FULL = textwrap.dedent("""
    import resource, sys
    from pathlib import Path
    from app.tables.files.file import File
    from app.tables.edits.rewriting import FileEditor
    from app.tables.edits.transactions import Full
    from tests.app.tables.editing import edit
    change = FileEditor(File(Path(sys.argv[1])))
    text = "x" * 5_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    try:
        edit(change, "POST", name=text)
    except Full as error:
        print("full:", error)
""")


def test_a_full_disk_leaves_the_old_file(file):
    change = file("a.csv", CSV)
    done = subprocess.run([sys.executable, "-c", FULL, str(change.path)], cwd=REPO, capture_output=True, text=True)
    assert "full: a.csv" in done.stdout, done.stderr
    assert change.path.read_bytes() == CSV
    assert [path.name for path in change.path.parent.iterdir()] == ["a.csv"]


ENDLESS = textwrap.dedent("""
    import itertools, sys
    from pathlib import Path
    from app.tables.files.file import File
    from app.tables.edits.rewriting import FileEditor
    from tests.app.tables.editing import edit
    change = FileEditor(File(Path(sys.argv[1])))
    for number in itertools.count(1):
        edit(change, "POST", name=f"n{number}")
        print(number, flush=True)
""")


def test_a_writer_that_is_killed_loses_nothing_that_it_has_acknowledged(file):
    change = file("a.csv", CSV)
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS, str(change.path)], cwd=REPO, stdout=subprocess.PIPE)
    timer = threading.Timer(2.0, writer.send_signal, [signal.SIGKILL])
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged == 5:
            timer.start()
    writer.wait()
    writer.stdout.close()
    names = [row[1] for row in rows(change.source)]
    assert acknowledged >= 5 and names[3 : 3 + acknowledged] == [f"n{number}" for number in range(1, acknowledged + 1)]
    assert edit(change, "DELETE", id=1).count == 1
    assert [path.name for path in change.path.parent.iterdir()] == ["a.csv"]
