"""TCP ports on the loopback interface: free ones, and the ones that a home remembers."""

import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from devstack.process import DevstackError, NotReadyError

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_SECONDS = 1.0
BOOK = "ports.json"


def is_free(port: int) -> bool:
    """Return whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free(count: int) -> list[int]:
    """Return that many different free ports."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def remember(home: Path, ports: Mapping[str, int]) -> None:
    """Make these the only ports that a home remembers."""
    home.mkdir(parents=True, exist_ok=True)
    (home / BOOK).write_text(json.dumps(ports, indent=2))


def remembered(home: Path, names: Iterable[str]) -> dict[str, int]:
    """Return a port for each name: the one that this home remembers, else a free one from now."""
    book = home / BOOK
    known: dict[str, int] = json.loads(book.read_text()) if book.exists() else {}
    missing = [name for name in names if name not in known]
    known |= dict(zip(missing, free(len(missing)), strict=True))
    remember(home, known)
    return {name: known[name] for name in names}


def require_free(port: int, setting: str) -> None:
    """Make sure that a port which people know can be used.

    Raises:
        DevstackError: it is taken; the message names the port and the setting that moves it.
    """
    if not is_free(port):
        raise DevstackError(
            f"Port {port} is taken by another program. End that program, "
            f"or choose another port: {setting}=<port>."
        )


def require_listening(port: int) -> None:
    """Raise ``NotReadyError`` unless something accepts connections on this loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise NotReadyError(f"port {port}: {error}") from error
