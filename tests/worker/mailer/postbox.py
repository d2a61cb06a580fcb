"""A mail server whose moods a test decides (the mail catcher takes everything)."""

import asyncio
import ssl
import threading
from collections import Counter
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from devstack.ports import LOOPBACK, free

HELD_AT_MOST_SECONDS = 20.0


class Postbox:
    """Listens on a loopback port, which it keeps over stops and starts.

    `answers` maps an address to what the server says to it as a recipient, `sender_answer` is
    what it says to every sender, and `words` what it says to the content of a mail to an address.
    Mails to `hangs_up_on` make it break the connection: at their content, or at their recipient
    when that is `hangs_up_early`. It breaks the connection over the next sender, too, after a mail
    to one in `leaves_after`, and over those whose number, counted from one, is in
    `hangs_up_at_senders`. What it took is in `received` (recipients) and `message_ids`, in order;
    while `open_gate` is not set, it does not tell so of mails to those in `held`, or of any mail if
    that is empty.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        pipelining: bool = False,
    ) -> None:
        self.port = free(1)[0]
        self.answers: dict[str, str] = {}
        self.sender_answer = "250 2.1.0 OK"
        self.words: dict[str, str] = {}
        self.hangs_up_on: set[str] = set()
        self.hangs_up_early = False
        self.leaves_after: set[str] = set()
        self.hangs_up_at_senders: set[int] = set()
        self.senders = 0
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.held: set[str] = set()
        self.received: list[str] = []
        self.message_ids: list[str] = []
        self.connections: set[Any] = set()
        self._leaves: set[Any] = set()
        self._tls = tls
        self._login = login
        self._extensions = ["250-PIPELINING"] if pipelining else []
        self._controller: Controller | None = None

    def start(self) -> None:
        """Listen."""
        options: dict[str, Any] = {}
        if self._tls is not None:
            options = {"tls_context": self._tls, "require_starttls": True}
        if self._login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port, **options)
        self._controller.start()
        # The controller knocks once to see that it listens.
        self.connections.clear()

    def stop(self) -> None:
        """Listen no more; open connections break."""
        if self._controller is not None:
            self.open_gate.set()
            for transport in self.connections:
                self._controller.loop.call_soon_threadsafe(transport.abort)
            self._controller.stop()
            self._controller = None

    def times(self) -> Counter[str]:
        """Return how often each recipient was sent a mail."""
        return Counter(self.received)

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, said: list[str]
    ) -> list[str]:
        session.host_name = name
        return [*said[:-1], *self._extensions, said[-1]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        self.connections.add(server.transport)
        self.senders += 1
        if self.senders in self.hangs_up_at_senders or server.transport in self._leaves:
            _break(server)
        if self.sender_answer.startswith("2"):
            envelope.mail_from = address
        return self.sender_answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.hangs_up_early and address in self.hangs_up_on:
            _break(server)
        answer = self.answers.get(address, "250 2.1.5 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        assert isinstance(envelope.content, bytes)
        if recipient in self.hangs_up_on:
            _break(server)
            return "421 4.3.2 closing"
        if recipient in self.words:
            return self.words[recipient]
        self.received.append(recipient)
        self.message_ids.append(message_from_bytes(envelope.content)["Message-ID"])
        if recipient in (self.held or {recipient}):
            await asyncio.to_thread(self.open_gate.wait, HELD_AT_MOST_SECONDS)
        if recipient in self.leaves_after:
            self._leaves.add(server.transport)
        return "250 2.0.0 OK"

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and (
            (data.login.decode(), data.password.decode()) == self._login
        )
        return AuthResult(success=known, handled=False)


def _break(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()
