"""The mail server, over one connection that is kept open (SMTP, RFC 5321).

Sender, recipient and the wish to send go in one packet to a server that knows pipelining
(RFC 2920).

    SmtpError
    ├── ServerAwayError  the server takes no mail at all now: nothing is said about this mail
    └── RefusedError     the server, asked for this mail, did not take it

A connection that breaks before the server has taken the sender is the server's fault; one that
breaks later is laid at the mail's door, because a mail that makes the server hang up would
otherwise be tried for ever, before all others.
"""

import select
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from worker.mails.contexts import clean, clip
from worker.mails.envelope import Sealed
from worker.settings import MailerSettings

# No command but the last takes a healthy server long; that one may wait for its spam filter.
COMMAND_TIMEOUT_SECONDS = 10.0
DATA_TIMEOUT_SECONDS = 30.0
# What one mail takes at most: its sender, its recipient, and the two answers to its content.
LONGEST_MAIL_SECONDS = 2 * COMMAND_TIMEOUT_SECONDS + 2 * DATA_TIMEOUT_SECONDS

# An answer that takes longer is waited for with nothing left undone.
PATIENCE_SECONDS = 0.005

# A connection that has rested this long is asked whether it still lives, before it is used.
IDLE_SECONDS = 5.0

LONGEST_REASON = 500
_BROKEN = (smtplib.SMTPException, OSError)
_OK = 250
_WILL_FORWARD = 251
_GO_ON = 354
_PERMANENT = 500

_Answer = tuple[int, bytes]


class SmtpError(Exception):
    """A mail was not taken."""


class ServerAwayError(SmtpError):
    """The server cannot be reached, or refuses us whatever the mail; try later."""


class RefusedError(SmtpError):
    """The server did not take this mail; `permanent` tells that it never will.

    The message holds the server's words and may name the recipient; `step` does not.
    """

    def __init__(self, step: str, reason: str, *, permanent: bool) -> None:
        self.step = step
        self.permanent = permanent
        super().__init__(clip(clean(f"{step}: {reason}"), LONGEST_REASON))


class MailServer:
    """The server that takes our mails. Not for more than one thread.

    When an answer is not there within PATIENCE_SECONDS, `when_waiting` is called before the wait.
    """

    def __init__(self, settings: MailerSettings, when_waiting: Callable[[], None]) -> None:
        self._settings = settings
        self._when_waiting = when_waiting
        self._connection: smtplib.SMTP | None = None
        self._used_at = 0.0

    def connect(self) -> smtplib.SMTP:
        """Return the open connection, or a new one when there is none or it has died of rest.

        Raises ServerAwayError when the server cannot be reached or does not want us.
        """
        if self._connection is not None and self._is_stale(self._connection):
            self.close()
        if self._connection is None:
            try:
                self._connection = _open(self._settings)
            except _BROKEN as exc:
                raise ServerAwayError(_reason(exc)) from exc
            self._used_at = time.monotonic()
        return self._connection

    def hand_over(self, message: Sealed) -> None:
        """Hand one mail over; `confirm` must follow, which tells whether the server took it.

        Raises RefusedError when it was not taken, ServerAwayError when none is.
        """
        connection = self.connect()
        answers = self._dialogue(
            connection, f"MAIL FROM:<{message.sender}>", f"RCPT TO:<{message.recipient}>", "DATA"
        )
        self._name_sender(answers)
        try:
            _require(*next(answers), {_OK, _WILL_FORWARD}, "recipient")
            _set_timeout(connection, DATA_TIMEOUT_SECONDS)
            _require(*next(answers), {_GO_ON}, "content")
            connection.send(_framed(message.content))
        except RefusedError:
            self._end_refused(connection, answers)
            raise
        except _BROKEN as exc:
            raise self._lost(exc) from exc

    def confirm(self) -> None:
        """Wait for the server's word; when this returns, it has taken charge of the mail.

        Raises RefusedError when it has not.
        """
        connection = self._in_use()
        try:
            self._bear(connection)
            _require(*connection.getreply(), {_OK}, "content")
            _set_timeout(connection, COMMAND_TIMEOUT_SECONDS)
        except RefusedError:
            self._end_refused(connection, iter(()))
            raise
        except _BROKEN as exc:
            raise self._lost(exc) from exc
        self._used_at = time.monotonic()

    def close(self) -> None:
        """Take leave of the server, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_BROKEN):
                connection.quit()
            connection.close()

    def _is_stale(self, connection: smtplib.SMTP) -> bool:
        if time.monotonic() - self._used_at < IDLE_SECONDS:
            return False
        try:
            return connection.noop()[0] != _OK
        except _BROKEN:
            return True

    def _in_use(self) -> smtplib.SMTP:
        if self._connection is None:
            raise RefusedError("connection lost", "it is closed", permanent=False)
        return self._connection

    def _lost(self, error: Exception) -> RefusedError:
        self.close()
        return RefusedError("connection lost", _reason(error), permanent=False)

    def _dialogue(self, connection: smtplib.SMTP, *commands: str) -> Iterator[_Answer]:
        """Yield the answer to each command; they go together to a server that knows pipelining."""
        together = _is_pipelined(connection)
        if together:
            connection.send("".join(f"{command}\r\n" for command in commands))
            self._bear(connection)
        for command in commands:
            if not together:
                connection.putcmd(command)
                self._bear(connection)
            yield connection.getreply()

    def _bear(self, connection: smtplib.SMTP) -> None:
        """Give the time to whoever has use for it, if the next answer takes any."""
        sock = connection.sock
        if sock is not None and not select.select([sock], [], [], PATIENCE_SECONDS)[0]:
            self._when_waiting()

    def _name_sender(self, answers: Iterator[_Answer]) -> None:
        # All mails have the same sender: a server that refuses it would refuse them all.
        try:
            code, words = next(answers)
        except _BROKEN as exc:
            self.close()
            raise ServerAwayError(_reason(exc)) from exc
        if code != _OK:
            self.close()
            raise ServerAwayError(f"the sender is refused: {_said(code, words)}")

    def _end_refused(self, connection: smtplib.SMTP, answers: Iterator[_Answer]) -> None:
        """Forget the refused mail (RSET), so that the next one may follow."""
        try:
            _set_timeout(connection, COMMAND_TIMEOUT_SECONDS)
            # A server that waits for the content of a mail to nobody is left waiting.
            waits = _is_pipelined(connection) and any(code == _GO_ON for code, _ in answers)
            if not waits and connection.rset()[0] == _OK:
                return
        except _BROKEN:
            pass
        self.close()


def _open(settings: MailerSettings) -> smtplib.SMTP:
    connection = smtplib.SMTP(
        settings.smtp_host, settings.smtp_port, timeout=COMMAND_TIMEOUT_SECONDS
    )
    try:
        connection.ehlo_or_helo_if_needed()
        if settings.smtp_starttls:
            connection.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            connection.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except BaseException:
        connection.close()
        raise
    return connection


def _is_pipelined(connection: smtplib.SMTP) -> bool:
    return connection.has_extn("pipelining")


def _framed(content: bytes) -> bytes:
    """Return the content as it follows DATA: no line begins with a dot, but the last (4.5.2)."""
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _require(code: int, words: bytes | str, wanted: set[int], step: str) -> None:
    if code not in wanted:
        raise RefusedError(step, _said(code, words), permanent=code >= _PERMANENT)


def _set_timeout(connection: smtplib.SMTP, seconds: float) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {text}"


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__}: {_said(error.smtp_code, error.smtp_error)}"
    return f"{type(error).__name__}: {error}"
