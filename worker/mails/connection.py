"""One connection to the mail server, none of whose answers can take for ever or fill the memory.

`smtplib` waits as long for each piece of an answer as for its first, and takes any number of lines.
"""

import re
import select
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

from worker.settings import MailerSettings

# No command but the last takes a healthy server long.
COMMAND_TIMEOUT_SECONDS = 10.0
# Of all lines of one answer; those of one line are at most 512 (RFC 5321, 4.5.3.1.5).
LONGEST_ANSWER_BYTES = 65_536

# As an expression it is found in half the time.
_BEGINS_WITH_DOT = re.compile(rb"\n\.")

Answer = tuple[int, bytes]


class Connection(smtplib.SMTP):
    """SMTP with a bound for each answer as a whole.

    After something was sent, `answer_seconds` may be set to how long each answer to it may take.
    """

    answer_seconds = COMMAND_TIMEOUT_SECONDS

    @property
    def is_pipelined(self) -> bool:
        """Tell whether the server takes commands before it has answered those before."""
        return self.has_extn("pipelining")

    def speaks(self, seconds: float) -> bool:
        """Wait at most so many seconds for the server to say something, and tell whether it has."""
        if self.sock is None or (isinstance(self.file, _Lines) and self.file.at_hand):
            return True
        return bool(select.select([self.sock], [], [], seconds)[0])

    def send(self, s: Any) -> None:
        """Send bytes, or text in ASCII; raises OSError or smtplib.SMTPServerDisconnected."""
        self.answer_seconds = COMMAND_TIMEOUT_SECONDS
        if self.sock is not None:
            self.sock.settimeout(COMMAND_TIMEOUT_SECONDS)
        super().send(s)

    def getreply(self) -> Answer:
        """Return the next answer; raises smtplib.SMTPException when there is none in time."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock)
        if isinstance(self.file, _Lines):
            self.file.begin_answer(self.answer_seconds)
        return super().getreply()


class _Lines:
    """What a server says, line by line; a file would not tell whether there is one at hand."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._heard = b""
        self._until = 0.0
        self._bytes_left = 0

    @property
    def at_hand(self) -> bool:
        return b"\n" in self._heard

    def begin_answer(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._bytes_left = LONGEST_ANSWER_BYTES

    def readline(self, limit: int) -> bytes:
        while not self.at_hand and len(self._heard) < limit:
            seconds = self._until - time.monotonic()
            if seconds <= 0 or self._bytes_left <= 0:
                raise TimeoutError("the answer does not end")
            self._sock.settimeout(seconds)
            more = self._sock.recv(limit)
            if not more:
                break
            self._heard += more
            self._bytes_left -= len(more)
        line, end, self._heard = self._heard.partition(b"\n")
        return line + end

    def close(self) -> None:
        self._heard = b""


def connect(settings: MailerSettings) -> Connection:
    """Return a new connection, encrypted and logged in as the settings ask.

    Raises OSError or smtplib.SMTPException when the server cannot be reached or refuses that.
    """
    connection = Connection(settings.smtp_host, settings.smtp_port, timeout=COMMAND_TIMEOUT_SECONDS)
    try:
        connection.ehlo_or_helo_if_needed()
        if settings.smtp_starttls:
            connection.starttls(context=ssl.create_default_context())
            # It begins anew (RFC 3207, 4.2): many servers take no mail from whom they do not know.
            connection.ehlo_or_helo_if_needed()
        if settings.smtp_user:
            connection.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except BaseException:
        connection.close()
        raise
    return connection


def packet(content: bytes | None, commands: Iterable[str]) -> bytes:
    """Return what is sent at once: the content of one mail, if there is any, and commands.

    As it follows DATA, no line of the content begins with a dot, but the last (RFC 5321, 4.5.2).
    """
    framed = b"" if content is None else _BEGINS_WITH_DOT.sub(b"\n..", content) + b".\r\n"
    return framed + "".join(f"{command}\r\n" for command in commands).encode("ascii")
