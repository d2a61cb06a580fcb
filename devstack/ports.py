"""TCP ports on the loopback interface: free ones, and the ones that a home remembers."""

import json
import random
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from devstack.process import DevstackError, NotReadyError

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_SECONDS = 1.0
BOOK = "ports.json"
# Below those that the system gives to outgoing connections, each of which could take the port of
# a server that is just being restarted (Linux: net.ipv4.ip_local_port_range).
OURS = range(10_000, 32_000)


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
    """Return that many different free ports, which stay so while what had one is restarted."""
    # By chance: others choose here at the same moment.
    tried = random.sample(OURS, len(OURS))
    found = [port for port, _ in zip(filter(is_free, tried), range(count), strict=False)]
    if len(found) < count:
        raise DevstackError(f"There are no {count} free ports from {OURS[0]} to {OURS[-1]}.")
    return found


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
