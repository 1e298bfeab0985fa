"""A command's page: its output live, in colour, and a button that ends it."""

import json
import os
import time

import pytest

SIZES = pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])

COLOURS = r"\033[31mred\033[0m \033[1;4mloud\033[0m \033[38;5;208morange\033[0m \033[48;2;10;80;90mdeep\033[0m plain\n"


@pytest.fixture
def runs(serve):
    """`runs(script)` -> the address of a page that runs a shell script."""

    def runs(script, **settings):
        kwargs = {"shell": True, "args": script.replace("$", "$$"), **settings}
        return (
            serve(json.dumps({"url": {"run": {"pattern": "/run", "handler": "Command", "kwargs": kwargs}}})).url
            + "/run"
        )

    return runs


def status(shown, text):
    shown.locator("[data-status]", has_text=text).wait_for()


def style(shown, text, name):
    return shown.get_by_text(text, exact=True).evaluate(f"element => getComputedStyle(element)['{name}']")


def ended(pid):
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{pid}")


@SIZES
@SCHEMES
def test_the_page_is_accessible_and_fits_the_screen(runs, page, accessible, width, dark):
    shown = page(width=width, dark=dark)
    shown.goto(runs(f"printf '{COLOURS}'; seq 200 | tr '\\n' ' '"))
    status(shown, "Ended with status 0")
    accessible(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_colours_and_weights_of_ansi_are_shown(runs, page):
    shown = page(dark=True)
    shown.goto(runs(f"printf '{COLOURS}'"))
    status(shown, "Ended")
    assert shown.locator("[data-output]").inner_text() == "red loud orange deep plain\n"
    assert style(shown, "orange", "color") == "rgb(255, 135, 0)"
    assert style(shown, "deep", "backgroundColor") == "rgb(10, 80, 90)"
    assert style(shown, "loud", "fontWeight") == "700"
    assert style(shown, "loud", "textDecorationLine") == "underline"


def test_output_appears_while_the_command_runs(runs, page, tmp_path):
    shown = page()
    shown.goto(runs(f"echo first; until test -e {tmp_path}/go; do sleep 0.02; done; echo second; exit 3"))
    shown.get_by_text("first").wait_for()
    status(shown, "Running")
    (tmp_path / "go").touch()
    status(shown, "Ended with status 3")
    assert shown.locator("[data-output]").inner_text() == "first\nsecond\n"


def test_the_page_runs_the_command_once(runs, page, tmp_path):
    shown = page()
    shown.goto(runs(f"echo ran >> {tmp_path}/runs; echo done"))
    status(shown, "Ended")
    assert (tmp_path / "runs").read_text() == "ran\n"
    shown.get_by_role("button", name="Run again").click()
    status(shown, "Ended")
    assert (tmp_path / "runs").read_text() == "ran\nran\n"


def test_stop_ends_the_command(runs, page):
    shown = page()
    shown.goto(runs("echo pid $$; sleep 1000"))
    shown.get_by_text("pid").wait_for()
    pid = shown.locator("[data-output]").inner_text().split()[1]
    with shown.expect_event("requestfailed"):
        shown.get_by_role("button", name="Stop").click()
    status(shown, "Stopped")
    assert ended(pid)
    page.problems.clear()  # the browser notes the request that was given up


def test_a_line_that_is_written_again_is_shown_once(runs, page):
    shown = page()
    shown.goto(runs(r"printf 'top\n10%%\r50%%'; sleep 0.2; printf '\r100%%\nend\r\n'"))
    status(shown, "Ended")
    assert shown.locator("[data-output]").inner_text() == "top\n100%\nend\n"


def test_a_failure_without_output_is_told(runs, page):
    shown = page()
    shown.goto(runs("exit 4"))
    status(shown, "Ended with status 4, without output")
    page.problems.clear()  # the browser notes the 500


def test_markup_in_the_output_stays_text(runs, page):
    shown = page()
    shown.goto(runs("echo '<b>bold</b><script>document.title = 1</script>'"))
    status(shown, "Ended")
    assert shown.locator("[data-output]").inner_text().startswith("<b>bold</b><script>")


def test_the_output_follows_its_end_unless_one_scrolls_up(runs, page, tmp_path):
    shown = page()
    shown.goto(runs(f"seq 500; until test -e {tmp_path}/go; do sleep 0.02; done; seq 501 999; echo END"))
    output = shown.locator("[data-output]")
    shown.wait_for_function("document.querySelector('[data-output]').scrollTop > 1000")
    output.evaluate("element => element.scrollTop = 0")
    (tmp_path / "go").touch()
    status(shown, "Ended")
    assert output.evaluate("element => element.scrollTop") == 0


def test_a_strict_content_security_policy_is_kept(runs, page):
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
    shown = page(dark=True)
    shown.goto(runs(f"printf '{COLOURS}'", headers={"Content-Security-Policy": policy}))
    status(shown, "Ended with status 0")
    assert style(shown, "orange", "color") == "rgb(255, 135, 0)"


def test_without_javascript_there_is_a_link_to_the_output(runs, page):
    shown = page(java_script_enabled=False)
    shown.goto(runs("echo plain"))
    shown.get_by_role("link", name="plain output").click()
    assert shown.locator("body").inner_text().strip() == "plain"
