"""From the job's creation to its start mail, its result and its end mail, ours and Celery's."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bench import jobs, pages, rounds
from bench.rounds import Finding, Outcome
from bench.stage import FLASK, TIMEOUT_SECONDS, Scene, Stage, opened, wait_until
from bench.worker import SLOTS, celery, ours
from core.ledger.transitions import people
from devstack.servers import ROOT

IDLE_JOBS = 40
IDLE_PAUSE = 0.15
BUSY_FIRST = 1_000_000
BUSY_JOBS = 100
BUSY_PAUSE = 0.025
STEPS = ("start mail", "result", "end mail")
# When a result was committed. What a side writes down itself is the beginning of that transaction
# or a moment within it, as it likes.
STORED = "extract(epoch FROM pg_xact_commit_timestamp(xmin))"
_REFERENCE = re.compile(r"^(?:X-Entity-Ref-ID: |Message-ID: <)run[:.]([^:.]+)[:.](\w+)", re.M)

Delays = dict[str, list[float]]


def run() -> Outcome:
    """Compare idle, one job at a time, and at half load."""
    with opened("track_commit_timestamp=on") as stage, ExitStack() as running:
        mine, theirs = (running.enter_context(stage.scene()) for _ in range(2))
        for command in (*ours(SLOTS).commands, (*FLASK, "dispatch")):
            running.enter_context(mine.process(*command, env=ours(SLOTS).env))
        jobs.fill_peer(theirs, "celery", [])
        running.enter_context(theirs.process(*celery("", "threads", 8).commands[0]))
        idle = _rounds(stage, mine, theirs, range(IDLE_JOBS), IDLE_PAUSE)
        busy = _rounds(stage, mine, theirs, range(BUSY_FIRST, BUSY_FIRST + BUSY_JOBS), BUSY_PAUSE)
        jobs.forget_peer(theirs, "celery")
    rate = f"{1 / BUSY_PAUSE:.0f} jobs/s"
    return Outcome([*_findings("idle", idle, 1.0), *_findings(rate, busy, None)])


def _rounds(
    stage: Stage, mine: Scene, theirs: Scene, first: range, pause: float
) -> dict[str, list[Delays]]:
    """Return the delays of each side and round."""
    found: dict[str, list[Delays]] = {"ours": [], "Celery": []}
    for number in range(rounds.ROUNDS + 1):
        ids = range(first.start + number * len(first), first.stop + number * len(first))
        for name, side in (("ours", partial(_ours, mine)), ("Celery", partial(_celery, theirs))):
            stage.far("/reset?delay=0&keep=1")
            delays = side(stage, ids, pause)
            # The first round opens connections and loads code.
            if number:
                found[name].append(delays)
    return found


def _findings(load: str, found: dict[str, list[Delays]], target: float | None) -> list[Finding]:
    findings = []
    for step in STEPS:
        for share in (0.5, 0.99):
            sides = {
                name: [rounds.percentile(delays[step], share) for delays in rounds_of]
                for name, rounds_of in found.items()
            }
            findings.append(
                Finding(
                    f"{load}, {step}, p{share * 100:.0f}",
                    "ours ÷ Celery",
                    "ms",
                    sides,
                    rounds.ratios(sides["ours"], sides["Celery"]),
                    target if (step, share) == ("result", 0.5) else None,
                    at_most=True,
                )
            )
    return findings


def _ours(scene: Scene, stage: Stage, ids: range, pause: float) -> Delays:
    ledger = scene.engine()
    made: dict[int, float] = {}
    for number in ids:
        new = _new_job(number)
        with ledger.begin() as connection:
            job, _ = people.create_job(connection, new)
        made[job.id] = time.time()
        time.sleep(pause)
    ledger.dispose()
    _wait_for_mails(stage, len(ids))
    with closing(scene.connect()) as reading, reading.cursor() as cursor:
        cursor.execute(f"SELECT run_id::text, job_id, {STORED} FROM result")
        runs = {run: (job_id, float(ended)) for run, job_id, ended in cursor.fetchall()}
    created = {run: made[job_id] for run, (job_id, _) in runs.items() if job_id in made}
    return _delays(stage, created, {run: runs[run][1] for run in created})


def _new_job(number: int) -> people.NewJob:
    numbers = pages.numbers()
    return people.NewJob(
        title=f"Consulta {number}",
        description="",
        cpf_cnpj=numbers[number % len(numbers)],
        date=datetime.now(UTC) - timedelta(seconds=1),
        priority=number % 6,
        creator_id="a",
        creator_email="a@empresa.example",
        idempotency_key=f"{number}-{time.time()}",
    )


def _celery(scene: Scene, stage: Stage, ids: range, pause: float) -> Delays:
    todo = [
        {**job, "id": number, "run_id": f"{number}"}
        for number, job in zip(ids, jobs.make(len(ids)), strict=True)
    ]
    for job in todo:
        scene.execute(
            "INSERT INTO peer_job (id, title, cpf_cnpj, priority, email)"
            " VALUES (%s, %s, %s, %s, %s)",
            tuple(job[name] for name in ("id", "title", "cpf_cnpj", "priority", "email")),
        )
    done = subprocess.run(
        (sys.executable, "-m", "bench.peers.drip", str(pause)),
        cwd=ROOT,
        env=os.environ | scene.environment,
        input=json.dumps(todo),
        text=True,
        check=True,
        timeout=TIMEOUT_SECONDS,
        stdout=subprocess.PIPE,
    )
    created: dict[str, float] = json.loads(done.stdout)
    _wait_for_mails(stage, len(todo))
    with closing(scene.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT job_id::text, {STORED} FROM peer_result")
        ended: dict[str, Any] = dict(cursor.fetchall())
    return _delays(stage, created, {run: float(ended[run]) for run in created})


def _wait_for_mails(stage: Stage, count: int) -> None:
    wait_until(lambda: stage.far("/stats")["mails"] >= 2 * count, "all mails are sent")


def _delays(stage: Stage, created: dict[str, float], ended: dict[str, float]) -> Delays:
    """Return the delays of each step in ms."""
    found: Delays = {step: [] for step in STEPS}
    for moment, mail in stage.far("/mails"):
        reference = _REFERENCE.search(mail.replace("\r\n", "\n"))
        if reference and reference[1] in created:
            step = STEPS[0] if reference[2] == "started" else STEPS[2]
            found[step].append(1000 * (moment - created[reference[1]]))
    found["result"] = [1000 * (ended[run] - created[run]) for run in created]
    return found
