"""What the README shows is what happens."""

import re
import subprocess
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"\$ (curl .*)\n((?:(?!\$ ).*\n)*)", "".join(CONSOLE))
TOUR = re.search(r"```yaml\n(app:.*?)```", README, re.DOTALL)[1]


def test_every_curl_command_prints_what_stands_below_it(demo):
    assert len(COMMANDS) >= 7
    for command, expected in COMMANDS:
        here = command.replace("localhost:8000", f"localhost:{demo.port}")
        printed = subprocess.run(here, shell=True, capture_output=True, text=True, timeout=20).stdout
        assert printed.replace(f":{demo.port}", ":8000").strip() == expected.strip(), command


def test_the_site_in_twenty_lines_works(site):
    client = site(TOUR, files={"home.md": "# Rain", "data/a.csv": "x", "rain.py": "def summary(handler): return {}"})
    assert "<h1" in client.get("/").text
    assert client.get("/data/").status_code == 200
    assert client.get("/summary").json == {}


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_to_files(link):
    assert (Path(__file__).parent.parent / link).exists()
