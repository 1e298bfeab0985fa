"""Send mail by the servers of the `email:` section.

::

    email:
      office:
        type: smtp                  # or smtps, gmail
        host: mail.example.org
        port: 587                   # STARTTLS there unless `tls: false`
        email: site@example.org
        password: $MAIL_PASSWORD

    mail.Message(to="ana@example.org", subject="Hello", body="...")
    mail.send(current_app.site.email["office"], message)
"""

import logging
import smtplib
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate, make_msgid
from functools import cache
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from app.settings import Settings

log = logging.getLogger("skerry")

PATIENCE = 20
"""Seconds that a server may take for one step."""

_AT_ONCE = 8
_GMAIL = ("smtp.gmail.com", 587)
_PORTS = {"smtp": 25, "smtps": 465, "gmail": 587}


class Service(Settings):
    """One mail server, and who sends."""

    type: Literal["smtp", "smtps", "gmail"] = Field("smtp", description="smtp, smtps (TLS from the start), or gmail")
    host: str = Field("", description="Host of the server")
    port: int | None = Field(None, gt=0, le=65535, description="Port; 25 for smtp, 465 for smtps unless set")
    email: str | None = Field(None, description="Who signs in there, and who the mail is from unless it says so itself")
    password: str | None = Field(None, description="Password of `email` at the server")
    tls: bool | None = Field(None, description="Insist on TLS (STARTTLS); if a password is sent, unless false")

    @model_validator(mode="after")
    def _has_host(self) -> Self:
        if self.type != "gmail" and not self.host:
            raise ValueError("`host` is required: the mail server")
        return self

    @property
    def insists_on_tls(self) -> bool:
        """Whether nothing may be sent in the clear."""
        return bool(self.password) if self.tls is None else self.tls


class Message(NamedTuple):
    """A mail. `html` is a second form of `body`."""

    to: str
    subject: str
    body: str
    html: str | None = None
    sender: str | None = None
    """The address in From; the service's unless given."""


class Failed(Exception):
    """The mail was not sent; the message says why, and names no password."""


def send(service: Service, message: Message) -> None:
    """Hand a mail to the server; raises Failed. It waits for the server without stopping other requests."""
    try:
        mail = _composed(service, message)
        with _connection(service) as server:
            server.send_message(mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise Failed(f"{service.host or service.type}: {type(error).__name__}: {error}") from error


def send_later(service: Service, compose: Callable[[], Message | None]) -> None:
    """Compose a mail and send it beside the request, which so takes as long whether there is one or not.

    What fails is logged; `compose` has no request any more. When many are being sent already, this one is dropped, and
    the log says so.
    """
    turns = _turns()
    if not turns.acquire(blocking=False):
        log.error("mail: more than %s are being sent, one was dropped: is %s slow?", _AT_ONCE, service.host)
        return
    threading.Thread(target=_send_and_log, args=(service, compose, turns)).start()


def _send_and_log(service: Service, compose: Callable[[], Message | None], turns: threading.Semaphore) -> None:
    try:
        message = compose()
        if message is not None:
            send(service, message)
    except Failed as error:
        log.error("mail: not sent: %s", error)
    except Exception:  # nobody waits for this thread: the log is the only place to tell
        log.exception("mail: not sent")
    finally:
        turns.release()


@cache
def _turns() -> threading.Semaphore:
    """Made at first use: by then gevent has patched the class, if it is going to."""
    return threading.Semaphore(_AT_ONCE)


def _composed(service: Service, message: Message) -> EmailMessage:
    """The mail; raises ValueError for a line break in a header, which could add others."""
    mail = EmailMessage(policy=POLICY)
    mail["Subject"], mail["To"] = message.subject, message.to
    mail["From"] = message.sender or service.email or f"noreply@{service.host}"
    mail["Date"], mail["Message-ID"] = formatdate(localtime=False), make_msgid(domain=service.host or None)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in return
    mail.set_content(message.body)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _connection(service: Service) -> smtplib.SMTP:
    host, port = _GMAIL if service.type == "gmail" else (service.host, service.port or _PORTS[service.type])
    if service.type == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(host, port, timeout=PATIENCE)
    try:
        _prepare(server, service)
    except BaseException:
        server.close()
        raise
    return server


def _prepare(server: smtplib.SMTP, service: Service) -> None:
    """Begin TLS if the server offers it, and sign in. What insists on TLS fails where there is none."""
    server.ehlo_or_helo_if_needed()
    offered = service.type != "smtps" and server.has_extn("starttls")
    if offered and service.tls is not False or service.type != "smtps" and service.insists_on_tls:
        server.starttls(context=ssl.create_default_context())
    if service.email and service.password:
        server.login(service.email, service.password)
