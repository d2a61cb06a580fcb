"""What the run left behind: nothing may be lost, nothing may be there twice."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

import psycopg2

from core.broker import topology
from devstack.services import FLASK_AGENDADOR
from tests.faults.actions import GARBAGE, Faults, Happened
from tests.faults.load import Load
from tests.faults.network import SIDES, line
from tests.faults.plan import EVERYTHING
from tests.faults.questions import (
    ATTEMPTS,
    FIGURES,
    GIVEN_UP,
    NOT_UNDERSTOOD,
    UNFINISHED,
    WRONG,
)
from tests.faults.refusals import REASONS, REFUSALS, UNWANTED
from tests.faults.suite import Suite
from tests.queues import take
from worker.mailer import MOST_UNMARKED

POLL_SECONDS = 0.5
# A mailer notes a mail this soon after the server took it, unless the database is away.
NOTED_SECONDS = 2.0

# What can hide that a mail was taken, how that is counted, and of how many mails at most.
IN_FLIGHT = {
    ("kill", "inbox"): ("server", 2),
    ("stop", "inbox"): ("server", 2),
    ("stop", EVERYTHING): ("mailer", 2 * MOST_UNMARKED),
    **{("kill", name): ("mailer", MOST_UNMARKED) for name in ("mailer", "mailer-2")},
    **{("stop", name): ("mailer", MOST_UNMARKED) for name in ("mailer", "mailer-2")},
    **{("cut", line("smtp", side)): ("network", 1) for side in SIDES},
    # The line to the true server breaks when another takes its place.
    **{(kind, line("smtp", side)): ("network", 1) for kind in REFUSALS for side in SIDES},
    # Each of its mails comes again, until it ends.
    **{("last_words", line("smtp", side)): ("network", 1000) for side in SIDES},
}
# While one of these lasts, a mailer cannot hear or note that a mail was taken.
DEAF = ("postgres", *(line(server, side) for server in ("postgres", "smtp") for side in SIDES))


@dataclass
class Verdict:
    """What is wrong (empty when nothing is), and the figures for the table."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def require(self, name: str, found: list[Any]) -> None:
        """Note what should not be."""
        if found:
            shown = ", ".join(str(one) for one in found[:5])
            self.wrong.append(f"{len(found)} {name}: {shown}")


def wait_for_quiet(suite: Suite, seconds: float) -> float:
    """Wait until nothing is left to do and return the seconds that took; at most `seconds`."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if _rows(suite, UNFINISHED)[0][0] == 0 and _depths(suite)[topology.JOB_CREATED] == 0:
            break
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def check(suite: Suite, load: Load, faults: Faults) -> Verdict:
    """Audit the ledger, the queues and the inbox."""
    verdict = Verdict()
    for name, question in WRONG.items():
        verdict.require(name, _rows(suite, question))
    verdict.figures = {name: _rows(suite, query)[0][0] for name, query in FIGURES.items()}
    _check_accepted(suite, load, verdict)
    _check_rubbish(suite, faults, verdict)
    _check_source(suite, faults, verdict)
    _check_given_up(suite, verdict)
    _check_mails(suite, faults, verdict)
    _check_queues(suite, verdict)
    verdict.require("processes that ended by themselves", faults.died)
    late = [f"{name}: {seconds:.1f} s" for name, seconds in faults.stops.items() if seconds > 10]
    verdict.require("processes that ended later than 10 s after SIGTERM", late)
    _attempt(verdict, "people cannot log in again", load.log_in_again)
    return verdict


def _check_accepted(suite: Suite, load: Load, verdict: Verdict) -> None:
    jobs = {row[0]: row[1] for row in _rows(suite, "SELECT idempotency_key, id FROM job")}
    lost = [key for key, job in load.accepted.items() if jobs.get(key) != job]
    verdict.require("accepted jobs that are lost or are another", lost)
    verdict.require("jobs that the API did not accept in three minutes", load.given_up)
    verdict.require("jobs that nobody sent", sorted(jobs.keys() - load.accepted.keys()))


def _check_rubbish(suite: Suite, faults: Faults, verdict: Verdict) -> None:
    """Excuse pages that were not understood while rubbish came in the registry's place."""
    times = [one for one in faults.happened if one.fault.kind == "rubbish"]
    found = _rows(suite, NOT_UNDERSTOOD)
    verdict.figures["not understood: rubbish"] = len(found)
    unexplained = [
        job
        for job, at in found
        if not any(one.began <= at <= one.ended + NOTED_SECONDS for one in times)
    ]
    verdict.require("good companies that were not understood", unexplained)


def _check_source(suite: Suite, faults: Faults, verdict: Verdict) -> None:
    """Compare how often each company was asked for, as the source noted it, with its attempts.

    Only a worker that was told to stop may have asked and handed the attempt back uncounted.
    """
    asked = faults.asked + Counter(suite.registry.asked())
    attempts = dict(_rows(suite, ATTEMPTS))
    handed_back = sum(one.fault.kind == "stop" for one in faults.happened)
    verdict.figures["source: questions, companies"] = f"{asked.total()}, {len(asked)}"
    found = [
        f"{cnpj}: {asked[cnpj]} times in {attempts[cnpj]} attempts"
        for cnpj in attempts
        if asked[cnpj] > attempts[cnpj] + handed_back
    ]
    verdict.require("companies asked for more often than was tried", found)
    verdict.require("questions that nobody had", sorted(asked.keys() - attempts.keys()))


def _check_given_up(suite: Suite, verdict: Verdict) -> None:
    """Excuse mails that the plan let the server refuse for good, if the ledger says just why."""
    found = _rows(suite, GIVEN_UP)
    verdict.figures["mails refused for good"] = len(found)
    unexplained = [
        f"{key}: {why}"
        for key, recipient, why in found
        if recipient != UNWANTED or why not in REASONS
    ]
    verdict.require("mails given up that the plan does not explain", unexplained)


def _check_mails(suite: Suite, faults: Faults, verdict: Verdict) -> None:
    """Compare the inbox with the ledger.

    A mail that came twice, or came and was then given up, needs an excuse.
    """
    came = _arrivals(suite)
    sent = dict(_rows(suite, "SELECT key, sent_at IS NOT NULL FROM mail"))
    missing = [key for key, was_sent in sent.items() if was_sent and key not in came]
    verdict.require("mails missing in the inbox", sorted(missing))
    verdict.require("mails in the inbox that the ledger does not know", sorted(came.keys() - sent))
    excuses: Counter[str] = Counter()
    used: Counter[int] = Counter()
    for key, moments in came.items():
        for moment in sorted(moments)[: len(moments) - sent.get(key, False)]:
            excuse = _excuse(moment, faults.happened, used)
            excuses[excuse or "none"] += 1
            if excuse is None:
                verdict.wrong.append(f"mail twice without a reason: {key} at {moment}")
    verdict.figures |= {
        "mails": sum(map(len, came.values())),
        "mails twice, server died": excuses["server"],
        "mails twice, mailer died": excuses["mailer"],
        "mails twice, network cut": excuses["network"],
        "mails twice, unexplained": excuses["none"],
    }


def _excuse(moment: float, happened: list[Happened], used: Counter[int]) -> str | None:
    """Say which death hid from the ledger that a mail was taken at this moment.

    A mail server, or the line to it, may die after it took the mail and before it said so; a
    mailer after that and before it wrote it down, which it cannot while the database is away. A
    death hides no more than was in flight; `used` counts them.
    """
    until = moment + NOTED_SECONDS
    for away in happened:
        if away.fault.target in DEAF and away.began <= until and away.ended >= moment:
            until = max(until, away.ended + NOTED_SECONDS)
    for one in happened:
        if one.began > until or _over(one) < moment:
            continue
        cause, most = IN_FLIGHT.get((one.fault.kind, one.fault.target), ("", 0))
        told_in_time = one.fault.kind == "stop" and until == moment + NOTED_SECONDS
        if used[id(one)] < most and not (cause == "mailer" and told_in_time):
            used[id(one)] += 1
            return cause
    return None


def _over(one: Happened) -> float:
    """Return when a fault can hide nothing more: a death, or another server, when it is there."""
    return one.come if one.fault.kind in {"kill", "stop", *REFUSALS} else one.ended


def _check_queues(suite: Suite, verdict: Verdict) -> None:
    depths = _depths(suite)
    verdict.require("messages left in job_created", [0] * depths[topology.JOB_CREATED])
    for kind in ("payload_error", "exception_error"):
        if depths[kind]:
            events = [event.data for event in take(suite.broker, kind, depths[kind])]
            verdict.require(f"events in {kind}", [json.dumps(event)[:400] for event in events])
    verdict.figures["events: database, queue"] = (
        f"{depths['database_error']}, {depths['queue_error']}"
    )
    if depths["database_error"]:
        # Their jobs were sent again with the same key: replaying them must make none.
        before = _rows(suite, "SELECT count(*) FROM job")
        suite.stack.run((*FLASK_AGENDADOR, "errors", "replay", "--all", "database"))
        if _rows(suite, "SELECT count(*) FROM job") != before:
            verdict.wrong.append("replaying database errors made jobs a second time")
    _check_dead_letters(suite, depths[topology.JOB_CREATED_DLQ], verdict)


def _check_dead_letters(suite: Suite, depth: int, verdict: Verdict) -> None:
    letters = take(suite.broker, topology.JOB_CREATED_DLQ, depth) if depth else []
    exhausted = {
        str(row[0])
        for row in _rows(suite, "SELECT id FROM run WHERE error_code = 'attempts_exhausted'")
    }
    garbage = [one for one in letters if one.body in GARBAGE]
    explained = [
        one for one in letters if one.body not in GARBAGE and one.data.get("run_id") in exhausted
    ]
    verdict.figures["dead letters: garbage, exhausted"] = f"{len(garbage)}, {len(explained)}"
    unexplained = [one.body[:100] for one in letters if one not in garbage and one not in explained]
    verdict.require("dead letters that the plan does not explain", unexplained)


def _arrivals(suite: Suite) -> dict[str, list[float]]:
    """Return when each mail of a run came, by its key in the ledger."""
    found: dict[str, list[float]] = {}
    for path in (suite.home / "inbox").glob("*.json"):
        caught = json.loads(path.read_text())
        mail = message_from_bytes(base64.b64decode(caught["content"]), policy=policy.default)
        if key := mail["X-Entity-Ref-ID"]:
            moment = datetime.fromisoformat(caught["created"]).timestamp()
            found.setdefault(str(key), []).append(moment)
    return found


def _depths(suite: Suite) -> dict[str, int]:
    """Return how many messages each queue holds, the unacknowledged ones included."""
    listed = suite.control("list_queues", "--no-table-headers", "name", "messages")
    return {name: int(count) for name, count in (line.split() for line in listed.splitlines())}


def _rows(suite: Suite, question: str) -> list[Any]:
    with closing(psycopg2.connect(suite.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


def _attempt(verdict: Verdict, name: str, action: Callable[[], None]) -> None:
    try:
        action()
    except OSError as error:  # what `requests` raises is one
        verdict.wrong.append(f"{name}: {error}")
