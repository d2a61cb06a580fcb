import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def usual_logging() -> Iterator[None]:
    """Leave the logs as they were."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()
