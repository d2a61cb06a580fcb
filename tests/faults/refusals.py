"""A server in the mail server's place that takes no mail: later from most, never for one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.ports import LOOPBACK, free

# Whose mails are refused for good, while any are refused.
UNWANTED = "mudou-se@empresa.example"
TAKEN = "250 2.1.5 OK"


@dataclass(frozen=True)
class Refusal:
    """What is said to the recipient or, if that is taken, after the content of a mail."""

    step: str
    later: str
    never: str

    @property
    def reason(self) -> str:
        """What the ledger says of a mail that was refused for good."""
        return f"{self.step}: {self.never}"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Answer to a recipient."""
        if self.step == "recipient":
            return self._to(address)
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer to the content of a mail."""
        return self._to(envelope.rcpt_tos[0])

    def _to(self, address: str) -> str:
        return self.never if address == UNWANTED else self.later


REFUSALS: Mapping[str, Refusal] = {
    "refuse-rcpt": Refusal("recipient", "450 4.2.1 mailbox busy", "550 5.1.1 has moved away"),
    "refuse-data": Refusal("content", "451 4.3.0 no room now", "554 5.7.1 takes no such mail"),
}
REASONS = frozenset(refusal.reason for refusal in REFUSALS.values())


def start() -> dict[str, int]:
    """Start a server of each kind, for as long as this process lives; return their ports."""
    ports = dict(zip(REFUSALS, free(len(REFUSALS)), strict=True))
    for kind, port in ports.items():
        Controller(REFUSALS[kind], hostname=LOOPBACK, port=port).start()
    return ports
