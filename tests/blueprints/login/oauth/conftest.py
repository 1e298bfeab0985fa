"""Providers that the tests run on loopback: a real one, and one that can be made to lie."""

import json
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.blueprints.login.oauth.provider import Provider
from tests.conftest import DEADLINE, free_port

ANA = {"sub": "ana", "email": "ana@example.com", "email_verified": True, "name": "Ana"}
BEN = {"sub": "ben", "email": "ben@example.com", "email_verified": False}


@pytest.fixture(scope="session")
def real_provider():
    """The URL of a real OpenID provider, in a process of its own, where `ana` and `ben` have accounts.

    Any client may use it, with any address; one that is `registered` has to come with its own.
    """
    url = f"http://127.0.0.1:{free_port()}"
    users = [f"--user-claims={json.dumps(user)}" for user in (ANA, BEN)]
    options = [f"--port={urlsplit(url).port}", "--require-nonce=true", *users]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + DEADLINE
    while not answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield url
    process.kill()
    process.wait(DEADLINE)


def answers(url):
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def registered(real_provider):
    """`registered("http://...")` -> client_id and client_secret of a client with this redirect URI, in YAML."""

    def register(*redirect_uris):
        answer = requests.post(f"{real_provider}/oauth2/clients", json={"redirect_uris": redirect_uris}).json()
        return f"client_id: {answer['client_id']}, client_secret: {answer['client_secret']}"

    return register


@pytest.fixture
def provider():
    """A provider whose every step a test can change."""
    with Provider() as provider:
        yield provider
