"""Fixtures of the sign-in tests."""

import pytest

from app import passwords


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    """Argon2 with next to no cost: dear hashes are tried where they matter, with real servers."""
    monkeypatch.setattr(passwords, "_MEMORY", 8)
    monkeypatch.setattr(passwords, "_PASSES", 1)
    passwords._hasher.cache_clear()
    passwords._of_nobody.cache_clear()
    yield
    passwords._hasher.cache_clear()
    passwords._of_nobody.cache_clear()


@pytest.fixture
def site(site):
    """As everywhere, and the client sends what pages of the site itself send: `client.another()` is another browser."""

    def as_browser(*args, **options):
        client = site(*args, **options)
        client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        client.another = lambda: another(client.app)
        return client

    return as_browser


def another(app):
    client = app.test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return client
