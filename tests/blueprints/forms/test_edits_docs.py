"""What docs/edits.md shows is what happens."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from app.cli.undo import undo

DOCS = (Path(__file__).parents[3] / "docs" / "edits.md").read_text()
SITE, PEOPLE = (block.removeprefix("url:\n") for block in re.findall(r"```yaml\n(url:.*?)```", DOCS, re.DOTALL))
CSV = re.search(r"```csv\n(.*?)```", DOCS, re.DOTALL)[1]
COMMANDS = re.findall(r"\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(re.findall(r"```console\n(.*?)```", DOCS, re.DOTALL)))


@pytest.fixture
def running(serve):
    return serve(f"url:\n{SITE}{PEOPLE}", {"orders.csv": CSV})


def printed(command, server):
    if command.startswith("flask "):
        environment = {"SKERRY_CONFIG": str(server.folder / "skerry.yaml")}
        return undone(shlex.split(command)[2:], environment)
    here = command.replace("localhost:8000", f"localhost:{server.port}").replace("curl", "curl -s", 1)
    return subprocess.run(here, shell=True, capture_output=True, text=True, timeout=20).stdout


def undone(arguments, environment):
    from app import create_app
    from blueprints import FEATURES

    app = create_app(FEATURES, Path(environment["SKERRY_CONFIG"]))
    try:
        return app.test_cli_runner().invoke(undo, arguments).output
    finally:
        app.extensions["skerry"].stop()


def test_every_command_prints_what_stands_below_it(running):
    assert len(COMMANDS) >= 12
    for command, expected in COMMANDS:
        shown = re.sub(r'"request_id": ".*"', '"request_id": "..."', printed(command, running))
        assert shown.strip() == expected.strip(), command


def test_every_status_of_the_page_is_one_that_is_answered():
    assert set(re.findall(r"\| (\d{3})", DOCS)) == {"400", "403", "405", "409", "412", "413", "415", "503", "507"}
