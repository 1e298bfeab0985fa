import os
import time
from pathlib import Path

import pytest

from blueprints.files import compiled
from blueprints.files.compiled import Compiler
from blueprints.files.compilers import Compiled, CompileError, Language


@pytest.fixture
def shout(tmp_path):
    """A language whose compiler writes in capitals what `main.x` and `part.x` say, and counts its runs."""
    for name, text in {"main.x": "main ", "part.x": "part"}.items():
        write(tmp_path / name, text)

    def compile(file, options):
        shout.runs += 1
        inputs = (str(file), f"{file.parent}/part.x")
        text = "".join(Path(path).read_text() for path in inputs)
        if "bad" in text:
            raise CompileError(f"{file}:1:1: bad")
        return Compiled(text.upper() + options.get("end", ""), inputs)

    shout = lambda name="shared": Compiler(language, tmp_path / name)  # noqa: E731
    shout.runs = 0
    language = Language("shout", "text/plain", dict, compile, lambda: "1")
    return shout


def write(file, text, age=60):
    file.write_text(text)
    os.utime(file, (time.time() - age, time.time() - age))


def test_a_file_is_compiled_once(shout, tmp_path):
    compiler = shout()
    assert compiler.text(tmp_path / "main.x", {}) == compiler.text(tmp_path / "main.x", {}) == "MAIN PART"
    assert shout.runs == 1


def test_workers_share_what_one_has_compiled(shout, tmp_path):
    assert shout().text(tmp_path / "main.x", {}) == shout().text(tmp_path / "main.x", {})
    assert shout.runs == 1


@pytest.mark.parametrize("name", ["main.x", "part.x"])
def test_a_change_of_any_input_compiles_again(shout, tmp_path, name):
    compiler = shout()
    compiler.text(tmp_path / "main.x", {})
    write(tmp_path / name, "new", age=30)
    assert "NEW" in compiler.text(tmp_path / "main.x", {})
    assert "NEW" in shout().text(tmp_path / "main.x", {})


def test_content_counts_and_not_its_date(shout, tmp_path):
    compiler = shout()
    compiler.text(tmp_path / "main.x", {})
    os.utime(tmp_path / "main.x", (1, 1))
    assert compiler.text(tmp_path / "main.x", {}) == "MAIN PART"
    assert shout.runs == 1


def test_a_deleted_input_compiles_again(shout, tmp_path):
    compiler = shout()
    compiler.text(tmp_path / "main.x", {})
    (tmp_path / "part.x").unlink()
    with pytest.raises(FileNotFoundError):
        compiler.text(tmp_path / "main.x", {})


def test_options_are_kept_apart(shout, tmp_path):
    compiler = shout()
    assert [compiler.text(tmp_path / "main.x", {"end": end})[-1] for end in "!?!"] == ["!", "?", "!"]
    assert shout.runs == 2


def test_a_failure_is_not_kept(shout, tmp_path):
    compiler = shout()
    write(tmp_path / "part.x", "bad")
    with pytest.raises(CompileError):
        compiler.text(tmp_path / "main.x", {})
    write(tmp_path / "part.x", "good")
    assert compiler.text(tmp_path / "main.x", {}) == "MAIN GOOD"


def test_what_changes_while_it_is_compiled_is_not_kept(shout, tmp_path):
    write(tmp_path / "part.x", "part", age=-1)
    compiler = shout()
    compiler.text(tmp_path / "main.x", {})
    compiler.text(tmp_path / "main.x", {})
    assert shout.runs == 2


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\x00"])
def test_a_damaged_record_is_made_anew(shout, tmp_path, content):
    shout().text(tmp_path / "main.x", {})
    for record in (tmp_path / "shared").iterdir():
        record.write_bytes(content)
    assert shout().text(tmp_path / "main.x", {}) == "MAIN PART"


def test_there_is_an_end_to_what_is_kept(shout, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "MOST", 3)
    compiler = shout()
    for number in range(6):
        compiler.text(tmp_path / "main.x", {"end": str(number)})
    assert len(list((tmp_path / "shared").iterdir())) == 3
    assert len(compiler._known) == 3
