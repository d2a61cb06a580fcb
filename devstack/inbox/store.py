"""The caught mails: a bounded number of them, in memory and one file each on disk."""

import base64
import json
import secrets
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

MAX_MAILS = 50_000
MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Mail:
    """One caught mail: its envelope (RFC 5321) and its content, as they came."""

    id: str
    created: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Store:
    """Keeps the newest mails; older ones make room. Safe from several threads.

    ``folder`` holds a file per mail, read again when the catcher starts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._mails: dict[str, Mail] = {}
        self._bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.json")):
            self._keep(_read(path))

    def add(self, *, helo: str, sender: str, recipients: tuple[str, ...], content: bytes) -> None:
        """Keep a mail; the file is complete before it is seen."""
        now = datetime.now(UTC)
        key = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        mail = Mail(key, now.isoformat(), helo, sender, recipients, content)
        with self._lock:
            _write(mail, self._path(key))
            self._keep(mail)

    def newest_first(self) -> list[Mail]:
        """Return every mail, the last one that came first."""
        with self._lock:
            return list(reversed(self._mails.values()))

    def get(self, key: str) -> Mail | None:
        """Return a mail by its id, or None."""
        with self._lock:
            return self._mails.get(key)

    def remove(self, key: str) -> None:
        """Drop a mail, if it is there."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Drop every mail."""
        with self._lock:
            for key in list(self._mails):
                self._drop(key)

    def _keep(self, mail: Mail) -> None:
        self._mails[mail.id] = mail
        self._bytes += len(mail.content)
        while len(self._mails) > MAX_MAILS or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._mails)))

    def _drop(self, key: str) -> None:
        mail = self._mails.pop(key, None)
        if mail is not None:
            self._bytes -= len(mail.content)
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def _write(mail: Mail, path: Path) -> None:
    data = asdict(mail) | {"content": base64.b64encode(mail.content).decode("ascii")}
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(data))
    draft.replace(path)


def _read(path: Path) -> Mail:
    data = json.loads(path.read_text())
    return Mail(
        **data
        | {
            "recipients": tuple(data["recipients"]),
            "content": base64.b64decode(data["content"]),
        }
    )
