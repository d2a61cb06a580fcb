"""The day's summary of 10,000 users with 100,000 jobs: queueing it and sending it."""

import smtplib
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from bench import rounds
from bench.rounds import Finding, Outcome
from bench.stage import Scene, Stage, memory, opened, wait_until
from cronjob import summary
from devstack.ports import LOOPBACK
from worker.mails import Sealed, render

USERS = 10_000
JOBS = 100_000
BATCH = 1_000
MAILER = (sys.executable, "-m", "worker", "mail")


def run() -> Outcome:
    """Queue all summaries in one statement, then send them batch by batch."""
    with opened() as stage, stage.scene() as scene:
        _plan(scene)
        ledger = scene.engine()
        queueing = rounds.seconds(lambda: summary.queue(ledger, datetime.now(UTC).date()))
        ledger.dispose()
        ready = _ready_made(scene)
        scene.execute("UPDATE mail SET next_attempt_at = 'infinity'")
        held: list[float] = []
        with scene.process(*MAILER, env={"LOG_FORMAT": "json"}) as mailer:
            wait_until(partial(_is_there, scene), "the mailer has started")
            figures = rounds.interleave(
                {
                    "ours": lambda: _ours(stage, scene, held, lambda: memory(mailer)),
                    "the sink": lambda: _limit(stage, ready),
                }
            )
    ratio = rounds.ratios(figures["ours"], figures["the sink"])
    growth = [now / held[0] for now in held[1:]]
    return Outcome(
        [
            Finding("queueing", f"{USERS:,} mails", "s", {"ours": [queueing]}),
            Finding("sending", "ours ÷ ready-made mails", "mails/s", figures, ratio, 0.7),
            Finding("memory of the mailer", "later ÷ first round", "MB", {"ours": held}, growth),
        ]
    )


def _plan(scene: Scene) -> None:
    scene.execute(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, next_run_at,
                         creator_id, creator_email, request_id)
        SELECT 'Consulta ' || n, '', '11222333000181', noon, mod(n, 6), 'created', noon,
               'user' || mod(n, %s), 'user' || mod(n, %s) || '@empresa.example', ''
        FROM generate_series(1, %s) AS n, LATERAL (
            SELECT date_trunc('day', now()) + interval '15 hours' AS noon) AS today
        """,
        (USERS, USERS, JOBS),
    )
    scene.execute("ANALYZE job")


def _is_there(scene: Scene) -> bool:
    return bool(scene.value("SELECT count(*) FROM worker_seen WHERE kind = 'mail'"))


def _ready_made(scene: Scene) -> list[Sealed]:
    """Return some of the mails as the mailer makes them."""
    with scene.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT kind, context, key, recipient FROM mail LIMIT %s", (BATCH,))
        return [
            render(kind, context, key=key, recipient=recipient, sender="agendador@localhost")
            for kind, context, key, recipient in cursor.fetchall()
        ]


def _ours(stage: Stage, scene: Scene, held: list[float], measure: "rounds.Side") -> float:
    stage.far("/reset?delay=0&keep=0")
    with closing(scene.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE mail SET next_attempt_at = now() WHERE id IN (
                SELECT id FROM mail WHERE next_attempt_at = 'infinity' LIMIT %s)
            """,
            (BATCH,),
        )
        began = time.time()
        cursor.execute("NOTIFY ledger_mail")
    wait_until(lambda: stage.far("/stats")["mails"] >= BATCH, "the batch is sent")
    held.append(measure())
    return float(BATCH / (stage.far("/stats")["last_mail"] - began))


def _limit(stage: Stage, ready: list[Sealed]) -> float:
    """Send ready-made mails over one kept connection, as fast as the sink takes them."""
    with smtplib.SMTP(LOOPBACK, stage.far_smtp) as server:
        server.ehlo()

        def send() -> None:
            for mail in ready:
                server.sendmail(mail.sender, [mail.recipient], mail.content)

        return len(ready) / rounds.seconds(send)
