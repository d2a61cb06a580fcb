"""Pages a second: our parser, lxml's bare parse (the limit), BeautifulSoup, naive XPath."""

import time
from collections.abc import Callable

from bs4 import BeautifulSoup
from lxml import html

from bench import pages as made
from bench import rounds
from bench.rounds import Finding, Outcome
from devstack.servers import ROOT
from worker.sources.receita_page import parse_certificate

REPEATS = 40
# Captures lie beside the checkout, if anywhere; else the simulator's pages stand in for them.
REAL_PAGES = ROOT.parent / "shared" / "pages" / "html"
OWN_PAGES = 5
FIELDS = 26

Parser = Callable[[bytes], object]


def run() -> Outcome:
    """Compare pages a second of processor time, of which alone a parser is made."""
    captured = [path.read_bytes() for path in sorted(REAL_PAGES.glob("*.html"))]
    pages = captured or [made.page(number) for number in made.numbers(OWN_PAGES)]
    figures = rounds.interleave(
        {
            "ours": lambda: _pages_per_second(parse_certificate, pages),
            "lxml, bare": lambda: _pages_per_second(html.document_fromstring, pages),
            "BeautifulSoup": lambda: _pages_per_second(_with_soup, pages, REPEATS // 8),
            "naive XPath": lambda: _pages_per_second(_by_position, pages, REPEATS // 4),
        }
    )
    return Outcome(
        [
            _against(figures, "lxml, bare", 0.6),
            _against(figures, "BeautifulSoup", 12),
            _against(figures, "naive XPath", None),
        ]
    )


def _against(figures: dict[str, list[float]], other: str, target: float | None) -> Finding:
    ratio = rounds.ratios(figures["ours"], figures[other])
    sides = {name: figures[name] for name in ("ours", other)}
    return Finding(f"against {other}", f"ours ÷ {other}", "pages/s", sides, ratio, target)


def _pages_per_second(parser: Parser, pages: list[bytes], repeats: int = REPEATS) -> float:
    began = time.process_time()
    for _ in range(repeats):
        for page in pages:
            parser(page)
    return repeats * len(pages) / (time.process_time() - began)


def _with_soup(page: bytes) -> dict[str, str]:
    """Pair labels and values by their fonts, as a scraper written in an afternoon does."""
    soup = BeautifulSoup(page, "lxml")
    found = {}
    for cell in soup.find_all("td"):
        fonts = cell.find_all("font", recursive=False)
        if len(fonts) > 1:
            label, *values = (" ".join(font.get_text().split()) for font in fonts)
            found[label] = " ".join(values)
    return found


def _by_position(page: bytes) -> list[str]:
    """Take the value at each place in which the fields usually stand."""
    root = html.document_fromstring(page)
    return [
        str(root.xpath(f"normalize-space((//td//font//b)[{place}])"))
        for place in range(1, FIELDS + 1)
    ]
