"""Small clients of the servers that tests look at from the outside."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import requests

from devstack.registry import FORM
from tests.waiting import DEFAULT_SECONDS, wait_until

TIMEOUT_SECONDS = 10.0
INBOX_PAGE = 250


@dataclass(frozen=True)
class Broker:
    """RabbitMQ, and the prefix of every name that the test may use on it."""

    url: str
    namespace: str


@dataclass(frozen=True)
class CaughtMail:
    """A mail that arrived: its envelope's recipients, and its decoded content."""

    recipients: tuple[str, ...]
    subject: str
    sender: str
    text: str
    html: str
    message: EmailMessage


@dataclass(frozen=True)
class Inbox:
    """The mail catcher."""

    url: str
    smtp_host: str
    smtp_port: int

    def messages(self, to: str | None = None) -> list[CaughtMail]:
        """Return the mails, oldest first; only those to one address when told so."""
        mails = [_caught(item) for item in reversed(self._items())]
        return [mail for mail in mails if to is None or to in mail.recipients]

    def wait_for(
        self, count: int, to: str | None = None, timeout: float = DEFAULT_SECONDS
    ) -> list[CaughtMail]:
        """Return the mails once there are at least ``count`` of them."""

        def enough() -> list[CaughtMail]:
            found = self.messages(to)
            return found if len(found) >= count else []

        return wait_until(enough, timeout, because=f"fewer than {count} mails to {to or 'anyone'}")

    def clear(self) -> None:
        """Drop every mail."""
        requests.delete(f"{self.url}/api/v1/messages", timeout=TIMEOUT_SECONDS).raise_for_status()

    def _items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = requests.get(
                f"{self.url}/api/v2/messages",
                params={"start": len(items), "limit": INBOX_PAGE},
                timeout=TIMEOUT_SECONDS,
            ).json()
            items += page["items"]
            if not page["items"] or len(items) >= page["total"]:
                return items


@dataclass(frozen=True)
class Registry:
    """The registry simulator; ``page`` is the address of a company's page without its query."""

    url: str
    page: str

    @property
    def form(self) -> str:
        """The address of the form that people use, without its query."""
        return self.url + FORM

    def requests(self, cnpj: str | None = None) -> list[dict[str, Any]]:
        """Return what was asked (``cnpj``, ``at``, ``status``), oldest first."""
        log: list[dict[str, Any]] = requests.get(f"{self.url}/_log", timeout=TIMEOUT_SECONDS).json()
        return [entry for entry in log if cnpj is None or entry["cnpj"] == cnpj]

    def asked(self) -> list[str]:
        """Return the CNPJ of each request, without punctuation, oldest first."""
        return ["".join(filter(str.isalnum, entry["cnpj"])) for entry in self.requests()]

    def behave(self, *, delay_ms: int = 0, status: int = 200) -> None:
        """Make every page slow or failing, or normal again."""
        requests.put(
            f"{self.url}/_behaviour",
            json={"delay_ms": delay_ms, "status": status},
            timeout=TIMEOUT_SECONDS,
        ).raise_for_status()

    def clear(self) -> None:
        """Forget the requests and behave normally."""
        requests.delete(f"{self.url}/_log", timeout=TIMEOUT_SECONDS).raise_for_status()


def _caught(item: dict[str, Any]) -> CaughtMail:
    message = message_from_bytes(item["Raw"]["Data"].encode(), policy=policy.default)
    return CaughtMail(
        recipients=tuple(item["Raw"]["To"]),
        subject=str(message["Subject"]),
        sender=str(message["From"]),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        message=message,
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
