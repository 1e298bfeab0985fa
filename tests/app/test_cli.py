import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
GOOD = """
url:
  files: {pattern: "/(.*)", handler: File, kwargs: {path: .}}
  hello: {pattern: /hello, handler: Function, kwargs: {function: str, methods: GET, cors: true, headers: {A: b}}}
"""


@pytest.fixture
def run(site, monkeypatch):
    """`run(command, yaml, name="skerry.yaml")` -> the result of `flask <command>`, run in the site's folder."""

    def run(command, yaml, name="skerry.yaml"):
        client = site(yaml, name=name)
        monkeypatch.chdir(client.folder)
        return client.app.test_cli_runner().invoke(args=[command])

    return run


def test_check_counts_the_mounts_of_a_good_site(run):
    result = run("check", GOOD)
    assert (result.exit_code, result.stdout) == (0, "2 mounts, no mistakes\n")


def test_check_prints_every_mistake_and_exits_1(run):
    result = run("check", "app: {titel: x}\nurl: {a: {pattern: /a, handler: Fil}}")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "skerry.yaml:1:7: app.titel: unknown key, did you mean 'title'?",
        "skerry.yaml:2:33: url.a.handler: there is no handler 'Fil', did you mean 'File'?",
    ]


def test_check_prints_mistakes_that_show_when_a_mount_is_set_up(run):
    error = "error: {500: {function: 'x('}}"
    result = run("check", f"url: {{a: {{pattern: /a, handler: Function, kwargs: {{function: str, {error}}}}}}}")
    (line,) = result.stdout.splitlines()
    assert (result.exit_code, "'x(' is not a Python expression" in line) == (1, True)


def test_check_prints_warnings_and_exits_0(run):
    result = run("check", "schedule: {}\nalert: {}", "gramex.yaml")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == (
        "gramex.yaml:1:1: services of the original that Skerry does not have: schedule, alert (warning)"
    )


def test_mounts_are_listed_in_the_order_in_which_they_are_tried(run):
    result = run("mounts", GOOD + "  late: {pattern: /late, priority: -1, handler: Form}\n")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "PATTERN", "HANDLER", "GUARDS", "PLACE"],
        ["hello", "/hello", "Function", "methods,cors,headers", "skerry.yaml:4"],
        ["files", "/(.*)", "File", "-", "skerry.yaml:3"],
        ["late", "/late", "Form", "(broken)", "-", "skerry.yaml:5"],
    ]


def test_the_columns_of_the_list_are_aligned(run):
    lines = run("mounts", GOOD).stdout.splitlines()
    assert len({line.index(word) for line, word in zip(lines, ["PATTERN", "/hello", "/(.*)"], strict=True)}) == 1


def test_schema_prints_json(run):
    schema = json.loads(run("schema", GOOD).stdout)
    assert "url" in schema["properties"]


@pytest.mark.parametrize("command", ["check", "mounts", "run"])
@pytest.mark.parametrize(
    ("yaml", "line"),
    [
        ("url: [", "skerry.yaml:2:1: a value is missing here"),
        ("app: {strict: true, titel: x}", "skerry.yaml:1:21: app.titel: unknown key, did you mean 'title'?"),
    ],
    ids=["cannot be parsed", "strict"],
)
def test_a_site_that_cannot_start_says_why_and_exits_1(write_site, command, yaml, line):
    file = write_site(yaml)
    environ = {**os.environ, "SKERRY_CONFIG": str(file)}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", command]
    result = subprocess.run(command, cwd=REPO, env=environ, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert line in result.stderr
    assert "Traceback" not in result.stderr
