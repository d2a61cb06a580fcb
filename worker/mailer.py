"""The mailer: `python -m worker mail` sends the ledger's unsent mails. Any number may run at once.

While the server takes a mail, the next one is written; while it takes the last of a batch, the next
batch is claimed. At least once: what the server took is marked sent within milliseconds, a few
mails together, while the next ones are sent, so only a crash between the two sends them again: at
most MOST_UNMARKED, each with the same `Message-ID`. A mail that the server refuses is put off or
given up alone. A server that takes no mail at all counts against none: the mails are handed back,
and the mailer rests longer and longer.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Row

from core import logs
from core.heartbeat import Heartbeat
from core.ledger import connection as ledger
from core.ledger.presence import Presence
from core.ledger.transitions import mails
from worker.mails import MailError, Sealed, render
from worker.mails.smtp import LONGEST_MAIL_SECONDS, MailServer, RefusedError, ServerAwayError
from worker.settings import MailerSettings

POLL_SECONDS = 1.0
BATCH = 50
# So many mails that the server took are marked sent together, unless the server makes us wait.
NOTE_MAILS = 8
# So many are marked while as many are sent, and with either the last two of a batch.
MOST_UNMARKED = 2 * (NOTE_MAILS + 2)
# So many mails of a full batch are still to be written when the next one is claimed.
CLAIM_AHEAD = 16
# A claimed mail is begun within these seconds or handed back: then it ends within the lease.
BEGIN_SECONDS = 30.0
LEASE = timedelta(seconds=BEGIN_SECONDS + LONGEST_MAIL_SECONDS + 10.0)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
FIRST_DELAY_SECONDS = 10.0
DELAY_GROWTH = 3
LONGEST_DELAY_SECONDS = 3600.0

log = logs.logger(__name__)


class _Batch(NamedTuple):
    """Mails that were claimed together, and when (monotonic clock)."""

    mails: Sequence[Row[Any]]
    claimed_at: float

    def since(self) -> dict[int, float]:
        """Return since when each of them is ours, by its id."""
        return {mail.id: self.claimed_at for mail in self.mails}


class Mailer:
    """One mailer with its connections; `run` goes round until it is told to stop."""

    def __init__(self, settings: MailerSettings) -> None:
        self._settings = settings
        # Whatever the mailer writes is one statement.
        self._engine = ledger.engine(
            settings, "mailer", 2, checked=False, by_index=True, single=True
        )
        self._listener = ledger.Listener(settings, "mailer", [ledger.MAIL_CHANNEL])
        self._server = MailServer[Row[Any]](settings, when_waiting=self._note_taken)
        self._heartbeat = Heartbeat(settings.heartbeat_file)
        self._presence = Presence("mail")
        self._stopping = threading.Event()
        self._pauses = 0
        # Since when those are ours whose end is open; what the server took and is not marked yet.
        self._undecided: dict[int, float] = {}
        self._taken: list[int] = []
        # Marking and claiming wait for the disk, and need not keep the next mails waiting.
        self._beside = ThreadPoolExecutor(1, "beside")
        self._marking: Future[None] | None = None
        self._claiming: Future[_Batch] | None = None

    def run(self, stopping: threading.Event) -> None:
        """Send until `stopping` is set, whatever goes away and comes back meanwhile.

        What the server has been told of is ended; what else is claimed is handed back.
        """
        self._stopping = stopping
        log.info("mailer_started", server=f"{self._settings.smtp_host}:{self._settings.smtp_port}")
        while not stopping.is_set():
            try:
                self._listener.wait(POLL_SECONDS)
                while not stopping.is_set() and self._send_due():
                    pass
                self._heartbeat.beat()
                self._presence.tell(self._engine)
                self._pauses = 0
            # Whatever the database says: ending would only leave what is claimed to its lease.
            except ledger.ERRORS as exc:
                self._pause("database_lost", type(exc).__name__)
            except ServerAwayError as exc:
                self._pause("smtp_server_away", str(exc))
        # Without the database the end is as orderly; `_note` has told what stays unmarked.
        with suppress(*ledger.ERRORS):
            self._hand_back()
        self._beside.shutdown()
        self._server.close()
        self._listener.close()
        self._presence.leave(self._engine)
        self._engine.dispose()
        log.info("mailer_stopped")

    def _pause(self, event: str, error: str) -> None:
        seconds = _grown(FIRST_PAUSE_SECONDS, 2, self._pauses, LONGEST_PAUSE_SECONDS)
        self._pauses += 1
        log.warning(event, error=error, retry_in_seconds=round(seconds, 1))
        self._stopping.wait(seconds)

    def _send_due(self) -> bool:
        """Send mails that are due, and tell whether there were any.

        The last of them that the server took are marked as more are claimed.
        """
        claimed = self._claimed_meanwhile() or self._claimed_now()
        try:
            for mail, refusal in self._server.send(self._written(claimed), self._may_begin):
                self._decide(mail, refusal)
        finally:
            if self._undecided:
                self._hand_back()
        return bool(claimed)

    def _claimed_now(self) -> Sequence[Row[Any]]:
        batch = self._claim(self._taken)
        self._taken = []
        self._undecided = batch.since()
        return batch.mails

    def _claimed_meanwhile(self) -> Sequence[Row[Any]]:
        claiming, self._claiming = self._claiming, None
        if claiming is None:
            return ()
        batch = claiming.result()
        self._undecided |= batch.since()
        return batch.mails

    def _claim(self, taken: Sequence[int] = ()) -> _Batch:
        claimed_at = time.monotonic()
        with self._engine.begin() as connection:
            return _Batch(mails.claim_mails(connection, BATCH, LEASE, taken), claimed_at)

    def _written(self, claimed: Sequence[Row[Any]]) -> Iterator[tuple[Row[Any], Sealed]]:
        """Write one mail after the other; what else there is to do is done between them.

        Then the server is at work: whatever is raised here would leave its word unheard.
        """
        for mail in self._one_by_one(claimed):
            if len(self._taken) >= NOTE_MAILS:
                self._note_taken_beside()
            self._heartbeat.beat()
            with suppress(*ledger.ERRORS):
                self._presence.tell(self._engine)
            try:
                yield mail, self._message(mail)
            except (MailError, RefusedError) as exc:
                self._decide(mail, exc)

    def _one_by_one(self, claimed: Sequence[Row[Any]]) -> Iterator[Row[Any]]:
        """Yield these mails, then those of each batch that was claimed in time."""
        while claimed:
            for mail in claimed:
                if len(claimed) == BATCH and mail is claimed[-CLAIM_AHEAD]:
                    self._claiming = self._beside.submit(self._claim)
                yield mail
            ready = self._claiming and self._claiming.done() and not self._claiming.exception()
            claimed = self._claimed_meanwhile() if ready else ()

    def _may_begin(self) -> bool:
        claimed_at = next(iter(self._undecided.values()))
        late = time.monotonic() - claimed_at > BEGIN_SECONDS
        return not (late or self._stopping.is_set())

    def _hand_back(self) -> None:
        """Have marked what was taken, and hand back what is claimed and not begun.

        The next batch as well: it must not overtake these.
        """
        since, self._undecided = self._undecided, {}
        claiming, self._claiming = self._claiming, None
        self._note_taken()
        if claiming and not claiming.exception():
            since |= claiming.result().since()
        # Past the lease they may be another mailer's already.
        begin = time.monotonic() - LEASE.total_seconds()
        ids = [mail_id for mail_id, claimed_at in since.items() if claimed_at > begin]
        if ids:
            with self._engine.begin() as connection:
                mails.release_mails(connection, ids)
            log.info("mails_handed_back", mails=len(ids))

    def _decide(self, mail: Row[Any], error: MailError | RefusedError | None) -> None:
        """Write down that a mail was taken, put it off, or give it up."""
        del self._undecided[mail.id]
        if error is None:
            self._taken.append(mail.id)
            self._pauses = 0
            log.info("mail_sent", mail_id=mail.id, kind=mail.kind, attempt=mail.attempts)
        elif isinstance(error, MailError):
            self._give_up(mail, "not a mail", str(error))
        elif error.permanent or mail.attempts >= self._settings.max_mail_attempts:
            self._give_up(mail, error.step, str(error))
        else:
            self._put_off(mail, error.step, str(error))

    def _note_taken_beside(self) -> None:
        """Have the mails that were taken marked while the next are sent."""
        self._end_marking()
        taken, self._taken = self._taken, []
        self._marking = self._beside.submit(self._note, mails.mark_mails_sent, taken)

    def _note_taken(self) -> None:
        """Have all that were taken marked, and wait for it."""
        taken, self._taken = self._taken, []
        try:
            if taken:
                self._note(mails.mark_mails_sent, taken)
        finally:
            self._end_marking()

    def _end_marking(self) -> None:
        marking, self._marking = self._marking, None
        if marking:
            marking.result()

    def _message(self, mail: Row[Any]) -> Sealed:
        try:
            return render(
                mail.kind,
                {
                    **from_json(mail.context),
                    "stale_days": self._settings.stale_days,
                    "api_url": str(self._settings.api_url),
                    "web_url": str(self._settings.web_url),
                },
                key=mail.key,
                recipient=mail.recipient,
                sender=self._settings.mail_from,
            )
        except MailError:
            raise
        except Exception as exc:
            log.exception("mail_not_rendered", mail_id=mail.id, kind=mail.kind)
            raise RefusedError("rendering", type(exc).__name__, permanent=False) from exc

    def _give_up(self, mail: Row[Any], step: str, why: str) -> None:
        self._note(mails.mark_mail_failed, mail.id, why)
        log.error("mail_failed", mail_id=mail.id, kind=mail.kind, attempt=mail.attempts, step=step)

    def _put_off(self, mail: Row[Any], step: str, why: str) -> None:
        seconds = _grown(
            FIRST_DELAY_SECONDS, DELAY_GROWTH, mail.attempts - 1, LONGEST_DELAY_SECONDS
        )
        self._note(mails.retry_mail, mail.id, why, timedelta(seconds=seconds))
        log.warning(
            "mail_put_off",
            mail_id=mail.id,
            kind=mail.kind,
            attempt=mail.attempts,
            step=step,
            retry_in_seconds=round(seconds),
        )

    def _note(self, change: Callable[..., None], mail: int | list[int], *details: Any) -> None:
        """Write down what became of a mail or of several, however long the database is away.

        Forgetting it would send the mail again. When told to stop, it tries once more and raises.
        """
        while True:
            try:
                with self._engine.begin() as connection:
                    change(connection, mail, *details)
            except ledger.ERRORS as exc:
                if self._stopping.is_set():
                    log.error("mail_not_noted", mail_id=mail, change=change.__name__)
                    raise
                log.warning("database_lost", mail_id=mail, error=type(exc).__name__)
                self._stopping.wait(POLL_SECONDS)
            else:
                return


def _grown(first: float, factor: int, times: int, longest: float) -> float:
    """Return an exponentially growing number of seconds, less up to half of it by chance."""
    return float(min(first * factor ** min(times, 30), longest) * random.uniform(0.5, 1.0))  # noqa: S311
