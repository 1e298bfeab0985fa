"""Who asks: a browser, which shows pages, or a program."""

from flask import request


def prefers_page(to: str = "application/json") -> bool:
    """Whether the client likes HTML at least as well as this type.

    Browsers ask for HTML by name; curl and libraries accept anything, and do not mean pages.
    """
    accept = request.accept_mimetypes
    return "text/html" in accept.values() and accept["text/html"] >= accept[to]
