import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def usual_logging() -> Iterator[None]:
    """Leave the logs as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
