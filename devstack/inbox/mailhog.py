"""Mails in the JSON shape of MailHog's HTTP API, version 1 and 2.

Names and nesting are MailHog's, so that its clients work: headers are lists of raw values, bodies
keep their transfer encoding, a multipart body is split in ``MIME.Parts``.
"""

from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from devstack.inbox.store import Mail

# Headers as they came: neither decoded nor folded anew.
RAW = policy.SMTP.clone(refold_source="none", message_factory=EmailMessage)
CONTENT_CODING = "utf-8"


def listing(mails: Sequence[Mail], start: int, limit: int) -> dict[str, Any]:
    """Return one page of mails with the numbers that a client pages by."""
    items = [message(mail) for mail in mails[start : start + limit]]
    return {"total": len(mails), "count": len(items), "start": start, "items": items}


def message(mail: Mail) -> dict[str, Any]:
    """Return one mail."""
    try:
        content = _content(mail.content)
    except Exception:  # noqa: BLE001 the email package raises nearly anything on a hostile header
        content = _unparsed(mail.content)
    return {
        "ID": mail.id,
        "From": _path(mail.sender),
        "To": [_path(recipient) for recipient in mail.recipients],
        "Content": content | {"MIME": None},
        "Created": mail.created,
        "MIME": content["MIME"],
        "Raw": {
            "From": mail.sender,
            "To": list(mail.recipients),
            "Data": _text(mail.content),
            "Helo": mail.helo,
        },
    }


def matches(mail: Mail, kind: str, query: str) -> bool:
    """Return whether a search (``from``, ``to`` or ``containing``) finds the mail."""
    wanted = query.lower()
    match kind:
        case "from":
            return wanted in mail.sender.lower()
        case "to":
            return any(wanted in recipient.lower() for recipient in mail.recipients)
        case "containing":
            return wanted in _text(mail.content).lower()
    return False


def _content(data: bytes) -> dict[str, Any]:
    head, _, body = data.partition(b"\r\n\r\n")
    headers: dict[str, list[str]] = {}
    parsed = message_from_bytes(head + b"\r\n\r\n", policy=RAW)
    for name, value in parsed.raw_items():
        headers.setdefault(name, []).append(_unfolded(value))
    return {
        "Headers": headers,
        "Body": _text(body),
        "Size": len(data),
        "MIME": _parts(parsed, body),
    }


def _unparsed(data: bytes) -> dict[str, Any]:
    """Return the content of a mail that cannot be taken apart: a body alone."""
    return {"Headers": {}, "Body": _text(data), "Size": len(data), "MIME": None}


def _parts(parsed: Any, body: bytes) -> dict[str, Any] | None:
    boundary = parsed.get_boundary()
    if parsed.get_content_maintype() != "multipart" or not boundary:
        return None
    delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
    pieces = (b"\r\n" + body).split(delimiter)[1:]
    inner = (piece.removeprefix(b"\r\n") for piece in pieces if not piece.startswith(b"--"))
    return {"Parts": [_content(piece) for piece in inner]}


def _path(address: str) -> dict[str, Any]:
    mailbox, _, domain = address.rpartition("@")
    return {"Relays": None, "Mailbox": mailbox or domain, "Domain": domain, "Params": ""}


def _unfolded(value: str) -> str:
    return "".join(value.splitlines()).strip()


def _text(data: bytes) -> str:
    return data.decode(CONTENT_CODING, "replace")
