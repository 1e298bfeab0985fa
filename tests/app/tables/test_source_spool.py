"""Folders of copies: they end with their process, even one that is killed."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from app.tables.files import spool

REPO = Path(__file__).parents[3]
OLD = time.time() - 3600
OWNER = """
import sys
from app.tables.files import spool
made = spool.make()
(made.path / "copy").write_text("x")
print(made.path, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that has made a folder; `owner.folder` looks an hour old."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", OWNER]
    process = subprocess.Popen(command, cwd=REPO, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        process.folder = Path(process.stdout.readline().strip())
        os.utime(process.folder, (OLD, OLD))
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next(owner):
    spool.remove_abandoned()
    assert (owner.folder / "copy").exists()
    owner.kill()
    owner.wait()
    made = spool.make()
    assert (owner.folder.exists(), made.path.exists()) == (False, True)
    made.remove()
    assert not made.path.exists()


def test_what_is_new_or_a_link_or_no_folder_is_left_alone(tmp_path):
    (tmp_path / "skerry-copies-new").mkdir()
    (tmp_path / "skerry-copies-file").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "skerry-copies-link").symlink_to(tmp_path / "kept")
    for name in ("kept", "skerry-copies-file", "skerry-copies-link"):
        os.utime(tmp_path / name, (OLD, OLD), follow_symlinks=False)
    spool.remove_abandoned()
    assert len(list(tmp_path.iterdir())) == 4
