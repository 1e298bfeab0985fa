"""Fixtures of the browser tests: pages in the Chromium that is on PATH, watched for what goes wrong in them."""

import shutil
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# Chromium's own traffic would be noise here, and a container has neither the rights for its sandbox nor a GPU.
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    """Playwright's browser, started once."""
    program = shutil.which("chromium")
    assert program, "chromium is not on PATH: `make setup-test` installs it on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield browser
        browser.close()


class Pages:
    """Opens pages, and notes console errors, script errors, failed requests and requests that leave this machine."""

    def __init__(self, browser):
        self.problems = []
        self._browser = browser
        self._contexts = []

    def __call__(self, width=1280, height=800, dark=False, **options):
        """A new page in a browser profile of its own; options are those of Playwright's `new_context`."""
        scheme = "dark" if dark else "light"
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", **options
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failed)
        return page

    def _on_console(self, message):
        url = message.location["url"]
        # The browser asks for /favicon.ico by itself: a site without one is no fault of the page.
        if message.type in ("error", "warning") and not url.endswith("/favicon.ico"):
            self.problems.append(f"console: {message.text} ({url})")

    def _on_failed(self, request):
        # The browser itself gives up what a page still loads when the reader goes on to another, or closes it.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.url} {request.failure}")

    def _on_request(self, request):
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", None):
            self.problems.append(f"leaves this machine: {request.url}")

    def close(self):
        for context in self._contexts:
            context.close()


@pytest.fixture
def page(browser):
    """`page(width=1280, dark=False)` -> a new Playwright page.

    The test fails if anything went wrong in its pages. One that wants an error, as a 404, takes it out of
    `page.problems`.
    """
    pages = Pages(browser)
    yield pages
    pages.close()
    assert pages.problems == []


@pytest.fixture
def accessible():
    """`accessible(page)` checks what a Playwright page shows now by axe-core, and fails with the list of violations."""

    def check(page):
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()

    return check
