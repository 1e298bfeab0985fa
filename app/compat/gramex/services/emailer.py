"""`gramex.services.emailer`: sending e-mail, which this version does not have."""

from typing import Any

from app.compat import missing


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, "e-mail is not there yet: send it by Python's smtplib")
