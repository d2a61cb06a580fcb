"""What is fuzzed: an input's first byte chooses the source, the rest is its answer."""

from collections.abc import Iterator
from pathlib import Path

from tests.worker.sources.saved import OURS
from worker.sources import receita_page, registry
from worker.sources.company import Company
from worker.sources.errors import SourceError
from worker.sources.settings import WEB_SOURCE_NAMES

CORPUS = Path(__file__).with_name("corpus")
# A certificate, a QSA page, and each source by the number of its place.
PARSERS = (receita_page.parse, *(registry.find(name).parse for name in WEB_SOURCE_NAMES))


def read(data: bytes) -> None:
    """Read one input; raises anything but SourceError when the contract is broken."""
    if not data:
        return
    try:
        company = PARSERS[data[0] % len(PARSERS)](data[1:], "")
    except SourceError:
        return
    assert isinstance(company, Company)
    for value in company.as_dict().values():
        for text in value if isinstance(value, list) else [value]:
            _assert_storable(str(text))


def seeds() -> Iterator[bytes]:
    """Yield the inputs to begin with: our own pages and payloads."""
    for page in sorted(OURS.glob("*.html")):
        yield b"\x00" + page.read_bytes()
    for payload in sorted((OURS / "payloads").glob("*.json")):
        yield bytes([1 + WEB_SOURCE_NAMES.index(payload.stem)]) + payload.read_bytes()


def _assert_storable(text: str) -> None:
    """PostgreSQL takes no NUL and no lone surrogate."""
    text.encode()
    assert "\x00" not in text
