"""Sites whose Python code says `import gramex`."""

import sys

import pytest

YAML = """
url: {f: {pattern: /f, handler: FunctionHandler, kwargs: {function: old.run}}}
"""


@pytest.fixture(autouse=True)
def forget_gramex():
    """End the modules under the name `gramex` with the test."""
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "gramex"]:
        del sys.modules[name]


@pytest.fixture
def old_site(site):
    """`old_site(code, files={}, variables="{}")` -> the client of a gramex.yaml with `old.run` at /f."""

    def old_site(code, files=None, variables="{}"):
        return site(f"variables: {variables}\n{YAML}", {"old.py": code, **(files or {})}, "gramex.yaml")

    return old_site


@pytest.fixture
def run(old_site):
    """`run(code, path="/f", files={}, variables="{}")` -> the answer of the function."""

    def run(code, path="/f", files=None, variables="{}", **request):
        return old_site(code, files, variables).open(path, **request)

    return run
