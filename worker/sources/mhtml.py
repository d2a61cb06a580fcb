"""The page within an MHTML archive, which browsers save as "a single file" (RFC 2557)."""

import base64
import binascii
import quopri
import re

# Browsers write the headers of the archive first and the page as its first part.
_HEADERS_BYTES = 4096
_BEGINS = re.compile(rb"(?:From|MIME-Version|Content-Type|Date|Subject|X-[A-Za-z-]+):", re.I)
_BOUNDARY = re.compile(
    rb"""Content-Type:\s*multipart/[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*?boundary="?([^"\s;]{1,200})""",
    re.I,
)
_HTML = re.compile(rb"Content-Type:\s*(?:text/html|application/xhtml\+xml)", re.I)
_TRANSFER = re.compile(rb"Content-Transfer-Encoding:\s*([A-Za-z0-9-]+)", re.I)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def is_archive(data: bytes) -> bool:
    """Tell whether the bytes are an archive and no page."""
    return _BEGINS.match(data) is not None and _boundary(data) is not None


def page(archive: bytes) -> bytes:
    """Return the first page of an archive, empty when it has none."""
    boundary = _boundary(archive) or b""
    for part in archive.split(b"--" + boundary)[1:]:
        blank = _BLANK_LINE.search(part, 0, _HEADERS_BYTES)
        if blank and _HTML.search(part, 0, blank.start()):
            transfer = _TRANSFER.search(part, 0, blank.start())
            return _decoded(part[blank.end() :], transfer[1].lower() if transfer else b"")
    return b""


def _boundary(data: bytes) -> bytes | None:
    match = _BOUNDARY.search(data, 0, _HEADERS_BYTES)
    return match[1] if match else None


def _decoded(body: bytes, transfer: bytes) -> bytes:
    if transfer == b"quoted-printable":
        return quopri.decodestring(body)
    if transfer == b"base64":
        try:
            return base64.b64decode(body)
        except binascii.Error:
            return b""
    return body
