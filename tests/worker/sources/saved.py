"""The saved pages and payloads that tests read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OURS = ROOT / "tests" / "pages"
SHARED = ROOT.parent / "shared" / "pages"


def shared(name: str) -> bytes:
    """Return a real capture; skips the test where the captures are not at hand."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no real captures here ({name}): they are kept outside the project")
    return path.read_bytes()


def ours(name: str) -> bytes:
    """Return a page or payload that we wrote."""
    return (OURS / name).read_bytes()
