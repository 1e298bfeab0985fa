"""Each benchmark runs and prints its figures. Whether they are met is for `make bench` to say, on a quiet machine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
LINE = re.compile(r".+? +-?\d+\.\d\d(?: \S+)? +[<>]= [\d.]+(?: \S+)? +(?:met|MISSED) +\S")


def bench(*args):
    return subprocess.run([sys.executable, "-m", "bench", *args], cwd=REPO, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "area, figures",
    [
        ("functions", 6),
        ("files", 3),
        ("processes", 2),
        ("login", 1),
        ("startup", 3),
        ("reload", 2),
        ("sessions", 2),
        ("limits", 3),
        ("tables", 12),
    ],
)
def test_an_area_prints_a_line_for_each_figure(area, figures):
    done = bench(area, "--quick")
    assert done.stderr == ""
    assert sum(bool(LINE.match(line)) for line in done.stdout.splitlines()) == figures, done.stdout


def test_the_exit_status_says_whether_all_are_met():
    done = bench("functions", "--quick")
    assert done.returncode == ("MISSED" in done.stdout)


def test_an_unknown_area_is_named_beside_those_that_there_are():
    done = bench("speed")
    assert done.returncode == 2
    assert "there is no speed; there are functions, files, processes" in done.stderr
