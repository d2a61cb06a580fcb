import threading
from collections.abc import Iterator

import pytest

from tests.worker.sources.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
