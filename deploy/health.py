"""Is this container healthy? Its `/readyz` answers on PORT, else its HEARTBEAT_FILE is fresh.

Exits 0 when it is, 1 with the reason when not: a container's health check that needs no curl.
"""

import os
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TIMEOUT_SECONDS = 5
# A healthy loop beats every few seconds (core/heartbeat.py); this bears a slow turn or two.
STALE_SECONDS = 15


def problem() -> str | None:
    """Return what is wrong, or None."""
    try:
        port = os.environ.get("PORT")
        return _http_problem(int(port)) if port else _beat_problem(os.environ["HEARTBEAT_FILE"])
    except (OSError, HTTPException) as exc:
        return str(exc) or type(exc).__name__


def _http_problem(port: int) -> str | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    return None if answer.status == HTTPStatus.OK else answer.read().decode()


def _beat_problem(file: str) -> str | None:
    age = time.time() - Path(file).stat().st_mtime
    return f"last heartbeat {age:.0f} s ago" if age > STALE_SECONDS else None


if __name__ == "__main__":
    sys.exit(problem())
