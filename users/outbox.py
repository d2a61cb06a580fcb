"""Mails of accounts, and word to the agendador of those erased: stored first, then sent.

A thread of each process sends them, each at least once. Who asks for a link gets the same answer
whether or not there is such an account: only the thread looks for it.
"""

import smtplib
import threading
from datetime import timedelta
from email.message import EmailMessage

from pymongo.errors import PyMongoError

from core import logs
from core.clock import utc_now
from users import agendador, links, mails
from users.sessions import Sessions
from users.settings import UsersSettings
from users.store import Document, Store

RESET = "reset"
PASSWORD_CHANGED = "password_changed"  # noqa: S105 a kind of mail
EMAIL_CHANGED = "email_changed"
ACCOUNT_ERASED = "account_erased"

# A link that comes later than this is not waited for any more; a notice still is. That an account
# was erased is never given up.
KEPT_FOR = {
    RESET: links.VALID_FOR,
    PASSWORD_CHANGED: timedelta(days=1),
    EMAIL_CHANGED: timedelta(1),
    ACCOUNT_ERASED: timedelta(days=36_500),
}
# Longer than one takes at most, so that no two threads send it.
LEASE = timedelta(minutes=2)
# What a call may take that began with a token's last second, and clocks may differ.
SPARE = timedelta(minutes=1)
LONGEST_PAUSE_SECONDS = 60
POLL_SECONDS = 5.0
PERMANENT = 500

log = logs.logger(__name__)


class Outbox:
    """Takes what is to be sent from any thread and sends it; one per process.

    The thread starts with `start`, so a process may fork before that.
    """

    def __init__(self, store: Store, sessions: Sessions, settings: UsersSettings) -> None:
        self._store = store
        self._sessions = sessions
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def put(self, kind: str, email: str, full_name: str = "") -> None:
        """Have a mail sent: a link of kind RESET if the address is an account's, or a notice."""
        self._put(kind, {"email": email, "full_name": full_name})
        self.wake()

    def put_erased(self, account_id: str) -> None:
        """Have the jobs of an account ended as soon as it is gone; `wake` says that it is.

        They are ended once more when its last token has expired, which may have made some since.
        """
        self._put(ACCOUNT_ERASED, {"account_id": account_id})

    def wake(self) -> None:
        """Have what is due sent at once."""
        self._wake.set()

    def start(self) -> None:
        """Start sending, unless that has been done."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop; a mail that is on its way has at most `timeout` seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _put(self, kind: str, content: Document) -> None:
        now = utc_now()
        times = {"next_attempt_at": now, "expires_at": now + KEPT_FOR[kind]}
        self._store.put_mail({"kind": kind, "attempts": 0} | times | content)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                while not self._stopping.is_set() and self._send_next():
                    pass
            except PyMongoError as exc:
                log.warning("database_unavailable", error=type(exc).__name__)
            except Exception:
                log.exception("outbox_failed")
            self._wake.wait(POLL_SECONDS)

    def _send_next(self) -> bool:
        """Send one that is due; False if none is."""
        now = utc_now()
        mail = self._store.claim_mail(now, now + LEASE)
        if mail is None:
            return False
        if not self._is_done(mail):
            pause = timedelta(seconds=min(2 ** mail["attempts"], LONGEST_PAUSE_SECONDS))
            self._store.postpone_mail(mail["_id"], utc_now() + pause)
        elif mail["kind"] == ACCOUNT_ERASED and not mail.get("told"):
            self._store.repeat_mail(mail["_id"], utc_now() + self._tokens_live())
        else:
            self._store.delete_mail(mail["_id"])
        return True

    def _tokens_live(self) -> timedelta:
        """Return after how long no token of an account that is gone can have made another job."""
        return timedelta(minutes=self._settings.access_token_minutes) + SPARE

    def _is_done(self, mail: Document) -> bool:
        """Send one; tells whether there is nothing left to do for it."""
        if mail["kind"] == ACCOUNT_ERASED:
            return self._jobs_ended(mail["account_id"])
        message = self._compose(mail)
        return message is None or self._delivered(message)

    def _jobs_ended(self, account_id: str) -> bool:
        if self._store.find_account(account_id) is not None:
            return False  # not erased yet, and maybe never: whoever was at it may have died
        token = self._sessions.token_of_erased(account_id)
        return agendador.end_all(self._settings, token)

    def _compose(self, mail: Document) -> EmailMessage | None:
        if mail["kind"] != RESET:
            letter = mails.notice(mail["kind"], mail["full_name"])
            return mails.seal(letter, mail["email"], self._settings.mail_from)
        account = self._store.find_account_by("email", mail["email"])
        if account is None or not account["active"]:
            return None
        token = links.make(self._store, str(account["_id"]))
        letter = mails.reset(account["full_name"], str(self._settings.web_url), token)
        return mails.seal(letter, mail["email"], self._settings.mail_from)

    def _delivered(self, message: EmailMessage) -> bool:
        """Send a mail; tells whether it was taken or never will be."""
        try:
            mails.send(message, self._settings)
        except (smtplib.SMTPException, OSError) as exc:
            permanent = _is_permanent(exc)
            log.warning("mail_not_sent", error=type(exc).__name__, permanent=permanent)
            return permanent
        return True


def _is_permanent(error: Exception) -> bool:
    """Tell whether the server will never take this mail (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT
