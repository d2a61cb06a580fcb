"""The page on which people read the caught mails."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from devstack.inbox.store import Mail

BRASILIA = ZoneInfo("America/Sao_Paulo")
PER_PAGE = 50
# The mail's own HTML may style itself, show embedded pictures, and have links, which open in a new
# tab; nothing else, and no script.
MAIL_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; sandbox {MAIL_SANDBOX}"
)
LINKS_OPEN_OUTSIDE = '<base target="_blank">'
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

_templates = Environment(
    loader=PackageLoader("devstack.inbox"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Letter:
    """A mail as people read it: decoded. ``text`` and ``html`` are "" when it has none."""

    id: str
    subject: str
    sender: str
    recipients: str
    received: str
    text: str
    html: str


def letter(mail: Mail) -> Letter:
    """Decode a caught mail; one that cannot be is shown as it came, so that it hides no other."""
    try:
        return _decoded(mail)
    except Exception:  # noqa: BLE001 the email package raises nearly anything on a hostile header
        text = mail.content.decode("utf-8", "replace")
        return replace(_undecoded(mail), subject="(mensagem ilegível)", text=text)


def _decoded(mail: Mail) -> Letter:
    parsed = message_from_bytes(mail.content, policy=policy.default)
    envelope = _undecoded(mail)
    return replace(
        envelope,
        subject=str(parsed.get("Subject", "")) or envelope.subject,
        sender=str(parsed.get("From", "")) or envelope.sender,
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
    )


def _undecoded(mail: Mail) -> Letter:
    """Return what the envelope tells of a mail."""
    received = datetime.fromisoformat(mail.created).astimezone(BRASILIA)
    return Letter(
        id=mail.id,
        subject="(sem assunto)",
        sender=mail.sender,
        recipients=", ".join(mail.recipients),
        received=received.strftime("%d/%m/%Y %H:%M:%S"),
        text="",
        html="",
    )


def inbox(mails: Sequence[Mail], number: int) -> bytes:
    """Return the page that lists the mails; ``number`` counts the list's pages from 1."""
    shown = mails[(number - 1) * PER_PAGE : number * PER_PAGE]
    return _render(
        "list.html",
        letters=[letter(mail) for mail in shown],
        total=len(mails),
        number=number,
        last=max(1, -(-len(mails) // PER_PAGE)),
    )


def reading(mail: Mail) -> bytes:
    """Return the page that shows one mail."""
    return _render("mail.html", letter=letter(mail), sandbox=MAIL_SANDBOX)


def html(mail: Mail) -> bytes:
    """Return the mail's own HTML, for the frame in the page that shows it."""
    return (LINKS_OPEN_OUTSIDE + letter(mail).html).encode(errors="replace")


def _render(template: str, **values: object) -> bytes:
    return _templates.get_template(template).render(values).encode(errors="replace")


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    try:
        return content.decode(charset, "replace") if isinstance(content, bytes) else ""
    except LookupError:
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
