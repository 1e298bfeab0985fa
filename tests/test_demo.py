"""The demo site: every mount answers, every link leads somewhere."""

import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parent.parent
TABLES = ("/weather/table", "/weather/days", "/weather/diary", "/tables", "/tables/values")
BROWSER = {"Accept": "text/html"}
# The home page shows what failures look like.
WANTED = {"/data/no-such-file": 404, "/no/such/page": 404, "/weather/summary?year=1066": 400}


def links(page):
    return {link for link in re.findall(r'(?:href|src)="(/[^"#]*)', page) if not link.startswith("//")}


def few_links(page):
    """The links of a page without those of a table to itself: every order, page and format of it is one."""
    return {link for link in links(page) if "data-tables" not in page or "?" not in link}


def test_the_demo_site_has_no_mistakes():
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "check"], cwd=REPO, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "no mistakes" in done.stdout


def test_every_link_of_the_site_leads_somewhere(demo):
    seen, todo = set(), {"/"}
    while todo:
        path = todo.pop()
        seen.add(path)
        answer = demo.get(path.replace("&amp;", "&"), BROWSER)
        assert answer.status in (WANTED.get(path, 200), 302), path
        if answer.headers.get_content_type() == "text/html":
            todo |= few_links(answer.text) - seen
    assert len(seen) > 20


def test_the_home_page_links_every_mount(demo):
    home = links(demo.get("/").text)
    for path in (
        "/data/",
        "/about",
        "/docs/",
        "/skerry.yaml",
        "/weather/summary",
        "/weather/story",
        "/seattle",
        *TABLES,
    ):
        assert any(link.startswith(path) for link in home), path
