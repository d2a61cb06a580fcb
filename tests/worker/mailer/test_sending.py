"""The mailer as a process, between a real ledger and real mail servers."""

import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.clients import Inbox
from tests.waiting import wait_until
from tests.worker.mailer.postbox import Postbox
from tests.worker.mailer.rows import StartMailer, logged, queue_mail, row, wait_sent
from tests.worker.mails.samples import STARTED
from worker.mailer import BATCH, CLAIM_AHEAD


def test_one_row_gives_one_mail(ledger: Engine, inbox: Inbox, start_mailer: StartMailer) -> None:
    start_mailer(inbox.smtp_port)
    mail_id = queue_mail(ledger, "ana@example.com")

    wait_sent(ledger, mail_id)

    (mail,) = inbox.messages()
    assert mail.recipients == ("ana@example.com",)
    assert mail.sender == "Agendador <agendador@example.org>"
    assert mail.subject == "Consulta iniciada: Fornecedor de pães"
    assert "Prioridade: Urgente (5)" in mail.text
    assert "Urgente (5)" in mail.html
    assert mail.message["X-Entity-Ref-ID"] == "run:ana@example.com:started"
    assert row(ledger, mail_id).attempts == 1


def test_mails_go_oldest_first_over_one_connection(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    people = [f"p{number:03}@example.com" for number in range(2 * BATCH + 5)]
    ids = [queue_mail(ledger, person) for person in people]

    start_mailer(postbox.port)
    wait_sent(ledger, *ids)

    assert postbox.received == people
    assert len(postbox.connections) == 1
    assert {row(ledger, mail_id).attempts for mail_id in ids} == {1}


def test_two_mailers_send_each_mail_once(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    start_mailer(postbox.port)
    start_mailer(postbox.port)
    people = [f"p{number:03}@example.com" for number in range(100)]

    wait_sent(ledger, *[queue_mail(ledger, person) for person in people])

    assert postbox.times() == dict.fromkeys(people, 1)


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (("nobody", "started", STARTED), "the recipient is not one e-mail address"),
        (("eva@example.com", "party", STARTED), "there is no mail of kind 'party'"),
        (("eva@example.com", "summary", {}), "malformed: day: Field required"),
    ],
)
def test_row_that_cannot_be_a_mail_fails_alone(
    ledger: Engine,
    postbox: Postbox,
    start_mailer: StartMailer,
    mail: tuple[str, str, dict[str, Any]],
    reason: str,
) -> None:
    bad = queue_mail(ledger, *mail)
    good = queue_mail(ledger, "ana@example.com")

    start_mailer(postbox.port)
    wait_sent(ledger, good)

    assert row(ledger, bad).failed_at is not None
    assert reason in row(ledger, bad).last_error


@pytest.mark.parametrize(
    ("postbox", "begun"),
    [(False, 1), (True, 2)],
    ids=["one by one", "pipelining"],
    indirect=["postbox"],
)
def test_mailer_told_to_stop_ends_what_it_has_begun_and_hands_back_the_rest(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer, begun: int
) -> None:
    postbox.open_gate.clear()
    people = [f"p{number}@example.com" for number in range(4)]
    ids = [queue_mail(ledger, person) for person in people]
    mailer = start_mailer(postbox.port)
    wait_until(lambda: postbox.received, because="no mail was begun")
    process = mailer.process()
    assert process is not None

    process.send_signal(signal.SIGTERM)
    postbox.open_gate.set()
    wait_until(lambda: mailer.process() is None, because="the mailer did not stop")

    mails = [row(ledger, mail_id) for mail_id in ids]
    assert postbox.received == people[:begun]
    assert all(mail.sent_at for mail in mails[:begun])
    rest = [(mail.sent_at, mail.attempts, mail.waits) for mail in mails[begun:]]
    assert rest == [(None, 0, False)] * (4 - begun)
    assert logged(mailer, "mailer_stopped")


def test_mailer_told_to_stop_hands_back_the_batch_that_it_claimed_meanwhile(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    people = [f"p{number:03}@example.com" for number in range(BATCH + 10)]
    last = BATCH - CLAIM_AHEAD + 3
    postbox.held = {people[last]}
    postbox.open_gate.clear()
    ids = [queue_mail(ledger, person) for person in people]
    mailer = start_mailer(postbox.port)
    wait_until(lambda: people[last] in postbox.received, because="not begun")
    wait_until(lambda: row(ledger, ids[-1]).attempts, because="the next batch was not claimed")
    process = mailer.process()
    assert process is not None

    process.send_signal(signal.SIGTERM)
    postbox.open_gate.set()
    wait_until(lambda: mailer.process() is None, because="the mailer did not stop")

    mails = [row(ledger, mail_id) for mail_id in ids]
    assert postbox.received == people[: last + 1]
    assert all(mail.sent_at for mail in mails[: last + 1])
    rest = {(mail.sent_at, mail.attempts, mail.waits) for mail in mails[last + 1 :]}
    assert rest == {(None, 0, False)}


def test_heartbeat_file_is_touched_by_an_idle_mailer(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer, tmp_path: Path
) -> None:
    beat = tmp_path / "beat"
    start_mailer(postbox.port, HEARTBEAT_FILE=str(beat))
    first = wait_until(lambda: beat.exists() and beat.stat().st_mtime_ns, because="no heartbeat")

    wait_until(lambda: beat.stat().st_mtime_ns > first, because="no second heartbeat")


def test_bad_sender_stops_the_start_with_the_name_of_the_setting(
    database_url: str, start_mailer: StartMailer
) -> None:
    mailer = start_mailer(1, MAIL_FROM="nobody")

    wait_until(lambda: mailer.process() is None, because="the mailer runs")

    assert "setting MAIL_FROM: Value error, not one e-mail address" in mailer.log.read_text()
