"""A real mail server on this machine, and what it has received."""

import asyncio
import email
import email.policy
import socket
import time

import pytest
from aiosmtpd.controller import Controller


class Mailbox:
    """What a real mail server on this machine has received."""

    def __init__(self):
        self.mails, self.delay = [], 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._controller = Controller(self, "127.0.0.1", self.port)
        self._controller.start()

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(self.delay)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def wait(self, number=1):
        """The last mail, when so many have come."""
        deadline = time.monotonic() + 10
        while len(self.mails) < number:
            assert time.monotonic() < deadline, f"{len(self.mails)} of {number} mails have come"
            time.sleep(0.01)
        return self.mails[-1]

    def stop(self):
        if self._controller.server is not None:
            self._controller.stop()


@pytest.fixture
def mailbox():
    """`mailbox.port` of a mail server; `mailbox.wait()` gives the mail that comes."""
    mailbox = Mailbox()
    yield mailbox
    mailbox.stop()
