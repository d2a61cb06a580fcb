"""Mails of accounts: stored first, then sent by a thread of each process, at least once each.

Who asks for a link gets the same answer whether or not there is such an account: only the thread
looks for it.
"""

import smtplib
import threading
from datetime import timedelta
from email.message import EmailMessage

from pymongo.errors import PyMongoError

from core import logs
from core.clock import utc_now
from users import links, mails
from users.settings import UsersSettings
from users.store import Document, Store

RESET = "reset"
PASSWORD_CHANGED = "password_changed"  # noqa: S105 a kind of mail
EMAIL_CHANGED = "email_changed"

# A link that comes later than this is not waited for any more; a notice still is.
KEPT_FOR = {
    RESET: links.VALID_FOR,
    PASSWORD_CHANGED: timedelta(days=1),
    EMAIL_CHANGED: timedelta(1),
}
# Longer than one mail takes at most, so that no two threads send it.
LEASE = timedelta(minutes=2)
LONGEST_PAUSE_SECONDS = 60
POLL_SECONDS = 5.0
PERMANENT = 500

log = logs.logger(__name__)


class Outbox:
    """Takes mails from any thread and sends them; one per process.

    The thread starts with `start`, so a process may fork before that.
    """

    def __init__(self, store: Store, settings: UsersSettings) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def put(self, kind: str, email: str, full_name: str = "") -> None:
        """Have a mail sent: a link of kind RESET if the address is an account's, or a notice."""
        now = utc_now()
        self._store.put_mail(
            {
                "kind": kind,
                "email": email,
                "full_name": full_name,
                "attempts": 0,
                "next_attempt_at": now,
                "expires_at": now + KEPT_FOR[kind],
            }
        )
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
        """Send one mail that is due; False if none is."""
        now = utc_now()
        mail = self._store.claim_mail(now, now + LEASE)
        if mail is None:
            return False
        message = self._compose(mail)
        if message is None or self._delivered(mail, message):
            self._store.delete_mail(mail["_id"])
        return True

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

    def _delivered(self, mail: Document, message: EmailMessage) -> bool:
        """Tell whether there is nothing left to do for this mail."""
        try:
            mails.send(message, self._settings)
        except (smtplib.SMTPException, OSError) as exc:
            permanent = _is_permanent(exc)
            log.warning("mail_not_sent", error=type(exc).__name__, permanent=permanent)
            if not permanent:
                self._postpone(mail)
            return permanent
        return True

    def _postpone(self, mail: Document) -> None:
        pause = timedelta(seconds=min(2 ** mail["attempts"], LONGEST_PAUSE_SECONDS))
        self._store.postpone_mail(mail["_id"], utc_now() + pause)


def _is_permanent(error: Exception) -> bool:
    """Tell whether the server will never take this mail (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT
