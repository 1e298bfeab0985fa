"""What a browser does between a site and a provider, for Flask's test client."""

from urllib.parse import parse_qs, urlsplit

import requests

JSON = {"Accept": "application/json"}


def at(url):
    """The path and query of a URL."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def query(url):
    """The arguments in a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def answer(url, **form):
    """The address that the provider sends the visitor back to, who was sent to this one."""
    response = requests.post(url, form, allow_redirects=False) if form else requests.get(url, allow_redirects=False)
    return at(response.headers["Location"])


def sign_in(client, start="/login"):
    """Begin a sign-in, have the provider agree, and return what the site answers then."""
    return client.get(answer(client.get(start).location), headers=JSON)
