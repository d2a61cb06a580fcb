"""Bytes of unknown encoding to UTF-8."""

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(128))
_ACCENTED_UTF8 = re.compile(rb"\xc3[\x80-\xbf]")


def to_utf8(data: bytes) -> bytes:
    """Return Portuguese text in UTF-8 without NULs: it came in UTF-8, UTF-16 or windows-1252.

    What the data itself declares is not asked: saved pages keep a tag that is no longer true.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _without_nul(data.decode(encoding, "replace").encode("utf-8", "replace"))
    try:
        data.decode()
    except UnicodeDecodeError:
        data = _repaired(data)
    return _without_nul(data)


def _repaired(data: bytes) -> bytes:
    """Take for UTF-8 what has a stray byte or a cut end, and for windows-1252 the rest."""
    accented_utf8 = len(_ACCENTED_UTF8.findall(data))
    others = len(data.translate(None, _ASCII)) - 2 * accented_utf8
    encoding = "utf-8" if accented_utf8 > others else "cp1252"
    return data.decode(encoding, "replace").encode()


def _without_nul(data: bytes) -> bytes:
    return data.replace(b"\0", b"")
