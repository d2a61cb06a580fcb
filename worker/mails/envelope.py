"""The envelope of a mail: its headers and its two parts."""

import hashlib
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from core.clock import SAO_PAULO
from worker.addresses import parse_address
from worker.mails.contexts import clean


class MailError(ValueError):
    """The row cannot become a mail, now or later; the message tells why."""


def seal(
    *,
    subject: str,
    text: str,
    html: str,
    key: str,
    recipient: str,
    sender: str,
    date: datetime,
) -> EmailMessage:
    """Return the message with its headers and both parts.

    `Auto-Submitted` (RFC 3834) keeps automatic answers away; `Message-ID` (RFC 5322, 3.6.4) comes
    from the key, so that a receiver who gets a mail twice can tell. Raises MailError for a
    recipient or a sender that is no address.
    """
    origin = _address(sender, "sender")
    message = EmailMessage(policy=SMTP)
    message["From"] = origin
    message["To"] = _address(recipient, "recipient")
    message["Subject"] = clean(subject)
    message["Date"] = format_datetime(date.astimezone(SAO_PAULO))
    message["Message-ID"] = f"<{_digest(key)}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Entity-Ref-ID"] = clean(key)
    message["Content-Language"] = "pt-BR"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _address(text: str, role: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as exc:
        raise MailError(f"the {role} is {exc}") from exc


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
