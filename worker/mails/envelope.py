"""The envelope of a mail: its headers and its two parts, as bytes.

They are written here rather than with `email.message`, which takes five times as long as all else
about a mail: it parses again what was just made. Addresses, the one header whose text has a
grammar, are still the library's.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from core.addresses import parse_address
from core.clock import SAO_PAULO
from worker.mails.contexts import clean

# An encoded word has at most 75 characters (RFC 2047, 2): this much base64 and its frame.
_WORD_BYTES = 45
_LONGEST_PLAIN = 900
_LONGEST_UNFOLDED = 70
# Of a line without its CRLF (RFC 5322, 2.1.1).
_LONGEST_LINE = 998
# What begins a boundary: quoted-printable has no such text (RFC 2045, 6.7).
_NEVER_WITHIN = "=_"


class MailError(ValueError):
    """The row cannot become a mail, now or later; the message tells why."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message that is ready to send: the two addresses of its envelope (RFC 5321) and its bytes.

    The bytes are ASCII in lines of at most 998 characters that end with CRLF.
    """

    sender: str
    recipient: str
    content: bytes


def seal(
    *,
    subject: str,
    text: str,
    html: str,
    unsubscribe: str,
    key: str,
    recipient: str,
    sender: str,
    date: datetime,
) -> Sealed:
    """Return the message with its headers and both parts (RFC 5322, RFC 2046 5.1.4).

    `Auto-Submitted` (RFC 3834) keeps automatic answers away; `Message-ID` (RFC 5322, 3.6.4) comes
    from the key, so that a receiver who gets a mail twice can tell. `unsubscribe`, where there is
    one, is the address to which mail programs post for a one-click unsubscription (RFC 2369, RFC
    8058). Raises MailError for a recipient or a sender that is no address.
    """
    origin, from_header = _address("From", sender, "sender")
    target, to_header = _address("To", recipient, "recipient")
    digest = _digest(key)
    boundary = f"{_NEVER_WITHIN}{digest}"
    head = (
        f"{from_header}{to_header}"
        f"Subject: {_words(clean(subject))}\r\n"
        f"Date: {_date(date.replace(microsecond=0))}\r\n"
        f"Message-ID: <{digest}@{origin.domain}>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        f"{_unsubscription(unsubscribe)}"
        f"X-Entity-Ref-ID: {_words(clean(key))}\r\n"
        "Content-Language: pt-BR\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    )
    frame = f"--{boundary}\r\n".encode()
    content = b"".join(
        (
            head.encode("ascii"),
            *(frame, _quoted("plain", text), b"\r\n"),
            *(frame, _page(html, boundary), b"\r\n"),
            f"--{boundary}--\r\n".encode(),
        )
    )
    return Sealed(origin.addr_spec, target.addr_spec, content)


@lru_cache(maxsize=4096)
def _address(header: str, text: str, role: str) -> tuple[Address, str]:
    """Return the address that a text holds and the header's line."""
    try:
        address = parse_address(text)
    except ValueError as exc:
        raise MailError(f"the {role} is {exc}") from exc
    if not address.display_name and len(address.addr_spec) < _LONGEST_UNFOLDED:
        return address, f"{header}: {address.addr_spec}\r\n"
    folded: str = SMTP.header_factory(header, address).fold(policy=SMTP)
    return address, folded


# A second has hundreds of mails.
@lru_cache(maxsize=16)
def _date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(SAO_PAULO))


def _unsubscription(url: str) -> str:
    if not url:
        return ""
    return f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _words(text: str) -> str:
    """Return the text as a header holds it: as it is, or as encoded words (RFC 2047)."""
    if text.isascii() and "=?" not in text and len(text) < _LONGEST_PLAIN:
        return text
    words = []
    while text:
        piece = text[:_WORD_BYTES]
        while len(piece.encode()) > _WORD_BYTES:
            piece = piece[:-1]
        text = text[len(piece) :]
        words.append(f"=?utf-8?b?{base64.b64encode(piece.encode()).decode()}?=")
    return "\r\n ".join(words)


def _page(html: str, boundary: str) -> bytes:
    """Return the HTML part as it is, in ASCII, which costs little to write and to read.

    Character references stand for other characters: values are shown in text only, where those
    mean the same. A line that is too long for a mail, or the boundary within, has the whole part
    encoded.
    """
    page = html.encode("ascii", "xmlcharrefreplace")
    if boundary in html or not _has_short_lines(page):
        return _quoted("html", html)
    return _part_head("html", "7bit") + page.replace(b"\n", b"\r\n")


def _has_short_lines(page: bytes) -> bool:
    """Tell whether no line is too long, looking at the last line break within each such length."""
    begin = 0
    while len(page) - begin > _LONGEST_LINE:
        begin = page.rfind(b"\n", begin, begin + _LONGEST_LINE + 1) + 1
        if not begin:
            return False
    return True


def _quoted(subtype: str, text: str) -> bytes:
    return _part_head(subtype, "quoted-printable") + binascii.b2a_qp(
        text.replace("\n", "\r\n").encode()
    )


def _part_head(subtype: str, encoding: str) -> bytes:
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
