import gc
import os
import threading
import time
import weakref

import pytest

from app import site as running_site
from app.mistakes import ConfigError

HELLO = "url: {hello: {pattern: /hello, handler: Function, kwargs: {function: str('one')}}}\n"
OWN = "url: {own: {pattern: /own, handler: Function, kwargs: {function: own.f}}}\n"


def code(value):
    return f"def f(handler):\n    return {value!r}\n"


def running(client):
    return client.app.extensions["skerry"]


def reload(client):
    """Look at the files, as the watch does each second."""
    return running(client).reload_if_changed()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Leave looking at the files to the tests."""
    monkeypatch.setattr(running_site, "POLL", 3600)


def test_nothing_is_reloaded_while_nothing_changes(site):
    client = site(HELLO)
    application = running(client).application
    assert not reload(client)
    assert running(client).application is application


def test_the_main_file_is_reloaded(site):
    client = site(HELLO)
    assert client.get("/hello").text == "one"
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "two") + "app: {title: T}")
    assert reload(client)
    assert client.get("/hello").text == "two"


def test_an_imported_file_is_reloaded(site):
    client = site("import: sub/other.yaml", {"sub/other.yaml": HELLO})
    (client.folder / "sub/other.yaml").write_text(HELLO.replace("one", "two"))
    assert reload(client)
    assert client.get("/hello").text == "two"


def test_a_new_file_that_an_import_matches_is_noticed(site):
    client = site("import: '*/part.yaml'", {"a/part.yaml": HELLO})
    (client.folder / "b").mkdir()
    (client.folder / "b/part.yaml").write_text(HELLO.replace("hello", "more"))
    assert reload(client)
    assert [client.get(path).text for path in ("/hello", "/more")] == ["one", "one"]


@pytest.mark.parametrize("name", ["own", "package.own", "bare.own"])
def test_a_changed_module_is_imported_anew(site, name):
    file = f"{name.replace('.', '/')}.py"
    client = site(OWN.replace("own.f", f"{name}.f"), {file: code("one"), "package/__init__.py": ""})
    for value in ("two", "six"):
        (client.folder / file).write_text(code(value))
        assert reload(client)
        assert client.get("/own").text == value


def test_a_module_that_another_imports_is_too(site):
    client = site(OWN, {"own.py": "import inner\ndef f(handler): return inner.VALUE", "inner.py": "VALUE = 'one'"})
    assert client.get("/own").text == "one"
    (client.folder / "inner.py").write_text("VALUE = 'two'")
    assert reload(client)
    assert client.get("/own").text == "two"


def test_the_state_of_modules_outlives_a_reload_of_the_yaml(site):
    client = site(OWN, {"own.py": "import itertools\nn = itertools.count()\ndef f(handler): return next(n)"})
    assert client.get("/own").text == "0"
    (client.folder / "skerry.yaml").write_text(OWN + "app: {title: T}")
    assert reload(client)
    assert client.get("/own").text == "1"


BREAKS = {
    "syntax": "url: {hello: {pattern: /hello",
    "no-mapping": "- just\n- a list",
    "unknown-key": HELLO.replace("function:", "functon:"),
    "no-module": HELLO.replace("str('one')", "nosuch.f"),
    "missing-import": "import: none.yaml\n" + HELLO,
    "binary": "\x00",
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_a_site_with_mistakes_leaves_the_last_good_one(site, caplog, broken):
    client = site(HELLO)
    (client.folder / "skerry.yaml").write_text(broken)
    assert not reload(client)
    assert client.get("/hello").text == "one"
    assert f"{client.folder / 'skerry.yaml'}:" in caplog.text and "last good site goes on" in caplog.text
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "mended"))
    assert reload(client)
    assert client.get("/hello").text == "mended"


def test_mistakes_are_logged_once_for_each_change(site, caplog):
    client = site(HELLO)
    (client.folder / "skerry.yaml").write_text(BREAKS["syntax"])
    time.sleep(0.02)  # beyond the tick in which a file counts as unsettled
    os.utime(client.folder / "skerry.yaml")
    time.sleep(0.02)
    reload(client)
    caplog.clear()
    assert not reload(client) and caplog.text == ""


def test_a_site_that_has_mistakes_may_be_replaced_by_another(site):
    client = site(BREAKS["unknown-key"])
    assert client.get("/hello").status_code == 500
    (client.folder / "skerry.yaml").write_text(BREAKS["no-module"] + "app: {title: T}")
    assert reload(client)


@pytest.mark.parametrize("text", ["def f(:", "1 / 0", "import nosuch", "def g(): pass"])
def test_a_module_that_breaks_leaves_the_last_good_one(site, text):
    client = site(OWN, {"own.py": code("one")})
    (client.folder / "own.py").write_text(text)
    assert not reload(client)
    assert client.get("/own").text == "one"
    (client.folder / "own.py").write_text(code("two"))
    assert reload(client)
    assert client.get("/own").text == "two"


def test_a_new_module_may_be_mended_where_the_yaml_is_right(site):
    client = site(HELLO)
    (client.folder / "own.py").write_text("def f(:")
    (client.folder / "skerry.yaml").write_text(HELLO.replace("str('one')", "own.f"))
    assert not reload(client)
    (client.folder / "own.py").write_text(code("two"))
    assert reload(client)
    assert client.get("/hello").text == "two"


@pytest.mark.parametrize("file", ["own.py", "package/own.py"])
def test_a_missing_module_is_noticed_when_it_comes(site, file):
    name = file.removesuffix(".py").replace("/", ".")
    client = site(OWN.replace("own.f", f"{name}.f"))
    assert client.get("/own").status_code == 500
    (client.folder / file).parent.mkdir(exist_ok=True)
    (client.folder / file).write_text(code("here"))
    assert reload(client)
    assert client.get("/own").text == "here"


def test_what_a_failed_reload_imported_is_forgotten(site):
    client = site(OWN, {"own.py": code("one")})
    (client.folder / "fresh.py").write_text(code("old"))
    (client.folder / "skerry.yaml").write_text(OWN.replace("own.f", "fresh.f") + "nonsense: 1")
    assert not reload(client)
    (client.folder / "fresh.py").write_text(code("new"))
    (client.folder / "skerry.yaml").write_text(OWN.replace("own.f", "fresh.f"))
    assert reload(client)
    assert client.get("/own").text == "new"


def test_strict_sites_are_not_replaced_by_ones_with_mistakes(site):
    client = site("app: {strict: true}\n" + HELLO)
    (client.folder / "skerry.yaml").write_text("app: {strict: true}\n" + BREAKS["unknown-key"])
    assert not reload(client)
    assert client.get("/hello").text == "one"


def test_strict_sites_do_not_start_with_mistakes(site):
    with pytest.raises(ConfigError, match="functon"):
        site("app: {strict: true}\n" + BREAKS["unknown-key"])


def test_changes_of_the_same_size_in_one_moment_are_noticed(site):
    client = site(OWN, {"own.py": code("000")})
    for number in range(1, 8):
        (client.folder / "own.py").write_text(code(f"{number:03}"))
        reload(client)
        (client.folder / "own.py").write_text(code(f"{number + 500}"))
        deadline = time.monotonic() + 5
        while client.get("/own").text != f"{number + 500}" and time.monotonic() < deadline:
            reload(client)
        assert client.get("/own").text == f"{number + 500}"


def test_a_change_while_the_site_is_being_read_is_noticed(site, monkeypatch):
    client = site(HELLO)
    client.get("/hello")
    yaml, site_ = client.folder / "skerry.yaml", running(client)
    load = site_._load

    def slow_load():
        built = load()
        yaml.write_text(HELLO.replace("one", "new"))
        monkeypatch.undo()
        return built

    yaml.write_text(HELLO.replace("one", "two"))
    monkeypatch.setattr(site_, "_load", slow_load)
    reload(client)
    assert client.get("/hello").text == "two"
    assert reload(client)
    assert client.get("/hello").text == "new"


def test_a_file_that_an_editor_replaces_is_noticed(site):
    client = site(HELLO)
    old = (client.folder / "skerry.yaml").stat()
    (client.folder / "skerry.yaml~").write_text(HELLO.replace("one", "two"))
    os.utime(client.folder / "skerry.yaml~", ns=(old.st_atime_ns, old.st_mtime_ns))
    (client.folder / "skerry.yaml~").rename(client.folder / "skerry.yaml")
    assert reload(client)
    assert client.get("/hello").text == "two"


def test_a_deleted_main_file_leaves_the_last_good_site(site, caplog):
    client = site(HELLO)
    (client.folder / "skerry.yaml").unlink()
    assert not reload(client)
    assert client.get("/hello").text == "one"
    assert "Traceback" not in caplog.text and str(client.folder / "skerry.yaml") in caplog.text
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "back"))
    assert reload(client)
    assert client.get("/hello").text == "back"


def test_files_of_the_future_are_not_read_again_and_again(site):
    client = site(HELLO)
    os.utime(client.folder / "skerry.yaml", (time.time() + 3600,) * 2)
    reload(client)
    time.sleep(0.05)  # the change of the times itself is a recent one
    reload(client)
    assert not reload(client)


def test_the_watch_reads_again_within_two_seconds(site, monkeypatch):
    monkeypatch.undo()
    client = site(HELLO)
    client.get("/hello")
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "two"))
    started = time.monotonic()
    while client.get("/hello").text == "one" and time.monotonic() < started + 10:
        time.sleep(0.02)
    assert client.get("/hello").text == "two"
    assert time.monotonic() - started < 2


def test_the_first_request_sees_what_changed_since_the_start(site):
    client = site(HELLO)
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "two"))
    assert client.get("/hello").text == "two"


def test_watch_false_reads_nothing_again(site):
    client = site("app: {watch: false}\n" + HELLO)
    before = threading.active_count()
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "two"))
    assert client.get("/hello").text == "one"
    assert threading.active_count() == before


def test_a_request_in_flight_ends_in_the_site_where_it_began(site):
    client = site("url: {it: {pattern: /it, handler: Function, kwargs: {function: (str(n) for n in range(3))}}}")
    answer = client.get("/it", buffered=False)
    (client.folder / "skerry.yaml").write_text(HELLO)
    assert reload(client)
    assert b"".join(answer.response) == b"012"
    answer.close()
    assert client.get("/it").status_code == 404


def test_old_applications_are_freed(site):
    client = site(HELLO + "log: {path: requests.log}", {})
    client.get("/hello")
    olds = []
    for number in range(3):
        olds.append(weakref.ref(running(client).application))
        (client.folder / "skerry.yaml").write_text(HELLO.replace("one", f"{number}") + "log: {path: requests.log}")
        assert reload(client)
        client.get("/hello")
        gc.collect()
    assert [old() for old in olds] == [None] * 3


def objects_after(client, requests):
    for _ in range(requests):
        client.get("/hello")
    gc.collect()
    return len(gc.get_objects())


def test_a_thousand_requests_after_a_reload_leave_nothing_behind(site):
    client = site(HELLO)
    before = objects_after(client, 100)
    (client.folder / "skerry.yaml").write_text(HELLO.replace("one", "two"))
    assert reload(client)
    hooks = {len(functions) for functions in running(client).application.after_request_funcs.values()}
    assert objects_after(client, 1000) - before < 500
    assert {len(functions) for functions in running(client).application.after_request_funcs.values()} == hooks


def test_open_files_do_not_grow_with_reloads(site):
    client = site(HELLO + "log: {path: requests.log}")
    counts = []
    for number in range(4):
        (client.folder / "skerry.yaml").write_text(HELLO.replace("one", f"{number}") + "log: {path: requests.log}")
        reload(client)
        client.get("/hello")
        gc.collect()
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] == counts[0]
