"""The sign of life of a process that has no HTTP port: it touches a file now and then."""

import time
from pathlib import Path

INTERVAL_SECONDS = 2.0


class Heartbeat:
    """Touches `file` at most every two seconds, when `beat` is called; does nothing without one."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._last = 0.0

    def beat(self) -> None:
        """Tell that the loop goes round and its dependencies answer."""
        now = time.monotonic()
        if self._file is not None and now - self._last >= INTERVAL_SECONDS:
            self._file.touch()
            self._last = now
