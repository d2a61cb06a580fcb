"""What a process remembers for a while, so that it need not be asked or counted each time."""

import threading
import time
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, each for so many seconds, `most` of them at once; safe from any thread."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[Key, tuple[Value, float]] = {}

    def get(self, key: Key) -> Value | None:
        """Return what is remembered; None for nothing, or for what is too long ago."""
        value, until = self._known.get(key, (None, 0.0))
        return value if until > time.monotonic() else None

    def put(self, key: Key, value: Value) -> None:
        """Remember a value from now on, in the place of the oldest where there are too many."""
        with self._lock:
            self._known.pop(key, None)
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[key] = value, time.monotonic() + self._seconds
