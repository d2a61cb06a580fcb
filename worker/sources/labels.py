"""Labels of the registry's pages, which may arrive with letters lost.

An accented letter may have become one U+FFFD, two of them, a question mark, two odd letters, a
letter without its accent, or nothing. So each run of such letters counts as one wildcard, on both
sides.
"""

import re
from collections.abc import Iterable, Mapping

from worker.sources import fields

_LOST = re.compile(r"(?:[^\x00-\x7f]|\?)+")


def wild(text: str) -> str:
    """Return the text in capitals, spaces collapsed, each run of accented letters one `?`."""
    return _LOST.sub("?", " ".join(text.split()).upper())


def index(labels: Iterable[str]) -> dict[str, str]:
    """Return the label by each spelling in which it may be met."""
    return {spelling: label for label in labels for spelling in (label, *spellings(label))}


def find(text: str, known: Mapping[str, str]) -> str:
    """Return the label of an index that the whole text is, or `""`."""
    clean = " ".join(text.split()).upper().removesuffix(" (*)").removesuffix(":").rstrip()
    return known.get(clean) or known.get(wild(clean)) or known.get(fields.plain(clean), "")


def spellings(text: str) -> tuple[str, str, str]:
    """Return a text as it may be met: accented letters as one wildcard, unaccented, and gone."""
    return wild(text), fields.plain(text), _LOST.sub("", " ".join(text.split()).upper())
