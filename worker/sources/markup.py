"""Bytes of a page to a tree of elements, bounded in time and memory whatever the bytes."""

import re

from lxml import etree

from worker.sources import mhtml
from worker.sources.encoding import to_utf8
from worker.sources.errors import Unavailable

MAX_PAGE_BYTES = 2 * 1024 * 1024

# libxml2 takes quadratic time over the attributes of one tag: 0.2 s for a page of this size made
# of them, minutes for the largest. Real pages are far smaller, and no attribute is ever read.
_KEEPS_ATTRIBUTES_BYTES = 128 * 1024
_TAG = re.compile(
    rb"<!--.*?(?:-->|\Z)"
    rb"|<(script|style)\b.*?(?:</\1\s*>|\Z)"
    rb"|<(?P<tag>[A-Za-z][^\s/>]*+)"
    rb"""(?:[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+')|["'=])*+(?:>|\Z)""",
    re.DOTALL | re.IGNORECASE,
)
# One step: `//text()` has libxml2 compare each text with all that it has found (13 s for 2 MiB).
_VISIBLE_TEXT = etree.XPath(
    "/descendant::text()[normalize-space()"
    " and not(parent::script or parent::style or parent::noscript)]",
    smart_strings=False,
)
_EMPTY_APP = etree.XPath(
    "boolean(//script and //app-root and not(//app-root//text()[normalize-space()]))"
)


def tree(page: bytes) -> etree._Element | None:
    """Return the root of a page, or None when it holds no element.

    Raises Unavailable for a page larger than any real one.
    """
    if len(page) > MAX_PAGE_BYTES:
        raise Unavailable(reason="A resposta da fonte é grande demais.")
    page = to_utf8(mhtml.page(page) if mhtml.is_archive(page) else page)
    if len(page) > _KEEPS_ATTRIBUTES_BYTES:
        page = _TAG.sub(_bare, page)
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        return etree.fromstring(page, parser)
    except etree.LxmlError:
        return None


def visible_texts(root: etree._Element) -> list[str]:
    """Return the texts of a page that are not blank, scripts and styles left out, in order."""
    texts: list[str] = _VISIBLE_TEXT(root)
    return texts


def is_empty_app(root: etree._Element) -> bool:
    """Tell whether a page is an Angular program that has not run: only a browser shows what it is.

    Its root, `app-root` by the framework's custom, holds no text, and a script is to fill it.
    """
    is_so: bool = _EMPTY_APP(root)
    return is_so


def _bare(match: re.Match[bytes]) -> bytes:
    tag = match["tag"]
    return b"<" + tag + b">" if tag else b""
