"""Waiting on a condition, for what another process does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

DEFAULT_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout: float = DEFAULT_SECONDS, *, because: str = ""
) -> T:
    """Return the condition's first true value.

    Raises:
        AssertionError: none came within ``timeout`` seconds; the message holds the last value.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{because or 'nothing'} after {timeout} s; last: {value!r}")
        time.sleep(LOOK_EVERY_SECONDS)
    return value
