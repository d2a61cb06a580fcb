"""Schemathesis against an app: whatever is sent, the answers are those that are documented."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apiflask import APIFlask
from werkzeug.serving import make_server

from devstack.ports import LOOPBACK

TIMEOUT_SECONDS = 600


@contextmanager
def served(app: APIFlask) -> Iterator[str]:
    """Serve an app and give its address."""
    server = make_server(LOOPBACK, 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def require_documented(
    address: str, token: str, *, cases_per_call: int, without: Sequence[str] = ()
) -> int:
    """Send generated requests, good and bad ones, and return how many; fail on a surprise.

    ``without`` holds calls that are left out, such as ``DELETE /me``.
    """
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
        f"{address}/openapi.json", "-H", f"Authorization: Bearer {token}", "--no-color",
        "--max-examples", str(cases_per_call), "--continue-on-failure",
        # A schema cannot say all, such as that two passwords are equal or that digits must check.
        "--exclude-checks", "positive_data_acceptance",
        *(word for call in without for word in ("--exclude-name", call)),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 a command of our own
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases, done.stdout[-2_000:]
    return int(cases[1].replace(",", ""))
