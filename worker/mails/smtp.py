"""The mail server, over one connection that is kept open (SMTP, RFC 5321).

To a server that knows pipelining (RFC 2920) the content of a mail goes in one packet with the
sender, the recipient and the DATA of the next one: one packet and one wait for each mail.

    SmtpError
    ├── ServerAwayError  the server takes no mail at all now: nothing is said about this mail
    └── RefusedError     the server, asked for this mail, did not take it

A connection that breaks before the server has taken the sender is the server's fault; one that
breaks later is laid at the mail's door, because a mail that makes the server hang up would
otherwise be tried for ever, before all others. The mail that was named behind it is named anew.
"""

import smtplib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from worker.mails.connection import COMMAND_TIMEOUT_SECONDS, Answer, Connection, connect, packet
from worker.mails.contexts import clean, clip
from worker.mails.envelope import Sealed
from worker.settings import MailerSettings

# The content may wait for the server's spam filter.
DATA_TIMEOUT_SECONDS = 30.0
# What one mail takes at most: the word on the one before it, a new connection if that broke; then
# its own sender, recipient, and the two answers to its content.
LONGEST_MAIL_SECONDS = 3 * COMMAND_TIMEOUT_SECONDS + 3 * DATA_TIMEOUT_SECONDS

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
# After these it says no more: it closes the connection, or does not speak SMTP.
_LAST = {421, -1}

Mail = TypeVar("Mail")


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


@dataclass(frozen=True, slots=True)
class _Begun(Generic[Mail]):
    """A mail of the caller's, and what the server is sent of it."""

    mail: Mail
    message: Sealed

    @property
    def commands(self) -> tuple[str, str, str]:
        return f"MAIL FROM:<{self.message.sender}>", f"RCPT TO:<{self.message.recipient}>", "DATA"


class MailServer(Generic[Mail]):
    """The server that takes our mails. Not for more than one thread.

    When an answer is not there within PATIENCE_SECONDS, `when_waiting` is called before the wait.
    """

    def __init__(self, settings: MailerSettings, when_waiting: Callable[[], None]) -> None:
        self._settings = settings
        self._when_waiting = when_waiting
        self._connection: Connection | None = None
        self._used_at = 0.0
        # A mail is named to the server, then wanted by it, then handed over; each of these is of
        # one mail at a time. `told` says that the server knows of the one that is named.
        self._named: _Begun[Mail] | None = None
        self._told = False
        self._wanted: _Begun[Mail] | None = None
        self._handed: _Begun[Mail] | None = None

    def send(
        self, mails: Iterable[tuple[Mail, Sealed]], may_begin: Callable[[], bool]
    ) -> Iterator[tuple[Mail, RefusedError | None]]:
        """Send mails, and yield each in turn: with None when the server has taken charge of it.

        A mail that was not taken comes with the reason. While the server is at work the next mail
        is asked for. `may_begin` is asked before the server is told of a mail; when it says no,
        those that have been begun are ended, and that is all.

        Raises ServerAwayError when the server takes no mail; it has none that was not yielded.
        """
        try:
            for mail, message in mails:
                yield from self._hear()
                if not may_begin():
                    break
                self._begin(_Begun(mail, message))
                if not self._told:
                    yield from self._hear()
                    self._hand_over()
            yield from self._hear()
            self._hand_over()
            yield from self._hear()
        finally:
            if self._named or self._wanted or self._handed:
                self._drop()
                self._named = self._wanted = self._handed = None

    def close(self) -> None:
        """Take leave of the server, if there is one."""
        if self._connection is not None:
            with suppress(*_BROKEN):
                self._connection.quit()
        self._drop()

    def _drop(self) -> None:
        # Without a word, since the server may wait for the content of a mail, and take it for that.
        connection, self._connection = self._connection, None
        self._told = False
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        """Return the open connection, or a new one when there is none or it has died of rest.

        Raises ServerAwayError when the server cannot be reached or does not want us.
        """
        if self._connection is not None and self._is_stale(self._connection):
            self._drop()
        if self._connection is None:
            try:
                self._connection = connect(self._settings)
            except _BROKEN as exc:
                raise ServerAwayError(_reason(exc)) from exc
            self._used_at = time.monotonic()
        return self._connection

    def _is_stale(self, connection: Connection) -> bool:
        if time.monotonic() - self._used_at < IDLE_SECONDS:
            return False
        try:
            return connection.noop()[0] != _OK
        except _BROKEN:
            return True

    def _begin(self, begun: _Begun[Mail]) -> None:
        """Hand over the mail that is wanted and tell of the next, or only remember the next."""
        if self._wanted is not None or self._connect().is_pipelined:
            self._hand_over(begun)
        else:
            self._named = begun

    def _hand_over(self, following: _Begun[Mail] | None = None) -> None:
        """Send the content of the mail that is wanted, and tell of the following one with it."""
        if self._connection is None or not (self._wanted or following):
            return
        content = self._wanted.message.content if self._wanted else None
        commands = following.commands if following else ()
        self._handed, self._wanted = self._wanted, None
        self._named, self._told = following, following is not None
        try:
            self._connection.send(packet(content, commands))
        except _BROKEN:
            # The answers will be missed.
            self._drop()

    def _hear(self) -> Iterator[tuple[Mail, RefusedError | None]]:
        """Hear what became of the mail that was handed over, and whether the next one is wanted."""
        if self._handed is not None:
            outcome = self._handed.mail, self._word()
            self._handed = None
            yield outcome
        if self._named is not None:
            named, refusal = self._named, self._word_on_sending(self._named)
            self._named, self._told = None, False
            if refusal is None:
                self._wanted = named
            else:
                yield named.mail, refusal

    def _word(self) -> RefusedError | None:
        """Wait for the server's word on a mail's content; None when it has taken charge of it."""
        if self._connection is None:
            return _lost("as it was handed over")
        try:
            code, words = self._answer(self._connection, DATA_TIMEOUT_SECONDS)
        except _BROKEN as exc:
            self._drop()
            return _lost(_reason(exc))
        if code in _LAST:
            self._drop()
        self._used_at = time.monotonic()
        return None if code == _OK else _refusal("content", code, words)

    def _word_on_sending(self, begun: _Begun[Mail]) -> RefusedError | None:
        """Wait until the server wants a mail's content; None when it does.

        It is told of the mail first, if it has not been on this connection. Raises ServerAwayError.
        """
        connection = (self._told and self._connection) or self._connect()
        answers = self._dialogue(connection, begun.commands)
        self._name_sender(answers)
        try:
            code, words = next(answers)
            if code not in {_OK, _WILL_FORWARD}:
                self._end_refused(connection, answers)
                return _refusal("recipient", code, words)
            code, words = next(answers)
            if code != _GO_ON:
                self._end_refused(connection, answers)
                return _refusal("content", code, words)
        except _BROKEN as exc:
            self._drop()
            return _lost(_reason(exc))
        return None

    def _dialogue(self, connection: Connection, commands: tuple[str, ...]) -> Iterator[Answer]:
        """Yield the answer to each command; they go together to a server that knows pipelining."""
        together = connection.is_pipelined
        if together and not self._told:
            connection.send(packet(None, commands))
        for command in commands:
            if not together:
                connection.putcmd(command)
            last = command == commands[-1]
            yield self._answer(
                connection, DATA_TIMEOUT_SECONDS if last else COMMAND_TIMEOUT_SECONDS
            )

    def _answer(self, connection: Connection, seconds: float) -> Answer:
        """Return the next answer; whoever has use for the time gets it, if the answer takes any."""
        if not connection.speaks(PATIENCE_SECONDS):
            self._when_waiting()
        connection.answer_seconds = seconds
        return connection.getreply()

    def _name_sender(self, answers: Iterator[Answer]) -> None:
        # All mails have the same sender: a server that refuses it would refuse them all.
        try:
            code, words = next(answers)
        except _BROKEN as exc:
            self._drop()
            raise ServerAwayError(_reason(exc)) from exc
        if code != _OK:
            self._drop()
            raise ServerAwayError(f"the sender is refused: {_said(code, words)}")

    def _end_refused(self, connection: Connection, answers: Iterator[Answer]) -> None:
        """Forget the refused mail (RSET), so that the next one may follow."""
        try:
            # A server that waits for the content of a mail to nobody is left waiting.
            waits = connection.is_pipelined and any(code == _GO_ON for code, _ in answers)
            if not waits and connection.rset()[0] == _OK:
                return
        except _BROKEN:
            pass
        self._drop()


def _refusal(step: str, code: int, words: bytes) -> RefusedError:
    return RefusedError(step, _said(code, words), permanent=code >= _PERMANENT)


def _lost(how: str) -> RefusedError:
    return RefusedError("connection lost", how, permanent=False)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {text}"


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__}: {_said(error.smtp_code, error.smtp_error)}"
    return f"{type(error).__name__}: {error}"
