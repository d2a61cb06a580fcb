"""Bytes of unknown encoding to UTF-8."""

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(128))
_NOT_ASCII = bytes(range(128, 256))
_WINDOWS_ALONE = re.compile(rb"[\x80-\x9f]")
_ACCENTED_UTF8 = re.compile(rb"\xc3[\x80-\xbf]")
# The byte of each character that UTF-8 shows when it is taken for latin-1 or windows-1252.
_AS_BYTE = {chr(byte): byte for byte in range(128, 256)} | {
    char: byte for byte in range(128, 160) if (char := bytes([byte]).decode("cp1252", "ignore"))
}
_RUN = re.compile(f"[{''.join(map(re.escape, _AS_BYTE))}]+")
_TWICE_UTF8 = re.compile(rb"\xc3[\x82\x83](?:\xc2[\x80-\xbf]|[\xc5\xc6\xcb\xe2]|\xef\xbf\xbd)")


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
    if _TWICE_UTF8.search(data):
        data = _once(data)
    return _without_nul(data)


def _repaired(data: bytes) -> bytes:
    """Take for UTF-8 what has a stray byte or a cut end, and for windows-1252 the rest."""
    not_ascii = data.translate(None, _ASCII)
    # What is not among the few bytes that are not ASCII need not be looked for among all.
    accented_utf8 = len(_ACCENTED_UTF8.findall(data)) if _ACCENTED_UTF8.search(not_ascii) else 0
    if accented_utf8 > len(not_ascii) - 2 * accented_utf8:
        return data.decode("utf-8", "replace").encode()
    # latin-1 is the same but for these bytes, and far quicker.
    encoding = "cp1252" if _WINDOWS_ALONE.search(not_ascii) else "latin-1"
    return data.decode(encoding, "replace").encode()


def _once(data: bytes) -> bytes:
    """Undo the reading of UTF-8 as windows-1252 in a text most of whose odd letters come of it."""
    text = data.decode()
    odd = len(text) - len(data.translate(None, _NOT_ASCII))
    # One letter of the text shows as two or three.
    if 4 * len(_TWICE_UTF8.findall(data)) < odd:
        return data
    return _RUN.sub(_read_again, text).encode()


def _read_again(run: re.Match[str]) -> str:
    try:
        return bytes(map(_AS_BYTE.__getitem__, run[0])).decode()
    except UnicodeDecodeError:
        return run[0]


def _without_nul(data: bytes) -> bytes:
    return data.replace(b"\0", b"")
