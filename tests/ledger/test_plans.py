"""The statements that run all the time read by index, also among many rows that are done with."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import psycopg2.extensions
import pytest
from sqlalchemy import Connection, create_engine, text

from core.clock import utc_now
from core.ledger import queries
from core.ledger.models import Status
from core.ledger.transitions import dispatch, due, mails, people, work
from core.ledger.transitions.work import Delivery, Outcome
from tests.world import AGEING, company

MANY = 20_000
# A statement may look at what is unfinished, of which there is little; never at all there is.
UNFINISHED = 200
MOST_ROWS = 6 * UNFINISHED
NOT_EXPLAINED = r"\s*(SELECT id FROM run WHERE status|PREPARE|SAVEPOINT|ROLLBACK)"

ROWS = (
    """
    INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                     creator_email, idempotency_key, request_id, next_run_at)
    SELECT 'x', '', lpad((n % 500)::text, 14, '0'), now() - n * interval '1 minute', n % 6,
           CASE WHEN n <= :unfinished THEN 'created' ELSE 'processed' END,
           'user' || n % 50, 'a@b.example', 'key' || n, '',
           CASE WHEN n <= :unfinished THEN now() - n * interval '1 minute' END
    FROM generate_series(1, :many) AS n""",
    """
    INSERT INTO run (id, job_id, scheduled_for, priority, status, attempt, lease_until, worker,
                     next_attempt_at, started_at, finished_at)
    SELECT gen_random_uuid(), id, date, priority, CASE
               WHEN id % 100 = 0 THEN 'queued' WHEN id % 100 = 1 THEN 'processing'
               ELSE 'processed' END,
           1, CASE WHEN id % 100 < 2 THEN now() + interval '1 minute' END,
           CASE WHEN id % 100 = 1 THEN 'w' END,
           CASE WHEN id % 1000 = 0 THEN now() + interval '1 hour' END, date,
           CASE WHEN id % 100 > 1 THEN date END
    FROM job WHERE status = 'processed'""",
    f"""
    INSERT INTO result (job_id, run_id, creator_id, creator_email, {", ".join(work.COMPANY_FIELDS)})
    SELECT job.id, run.id, creator_id, creator_email, {{values}}
    FROM run JOIN job ON job.id = job_id WHERE run.status = 'processed'""",  # noqa: S608
    """
    INSERT INTO mail (key, kind, recipient, context, sent_at, next_attempt_at)
    SELECT 'run:' || id || '\\:started', 'started', 'a@b.example', '{}',
           CASE WHEN status = 'processed' THEN now() END, now() FROM run""",
)


class Explaining(psycopg2.extensions.cursor):
    """Notes the plan of each statement in `plans`, if there is such a list."""

    plans: ClassVar[list[Any] | None] = None

    def execute(self, statement: Any, values: Any = None) -> None:
        if self.plans is not None and not re.match(NOT_EXPLAINED, statement):
            super().execute("SAVEPOINT explained")
            super().execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, values)
            self.plans.append(self.fetchall()[0][0][0]["Plan"])
            super().execute("ROLLBACK TO SAVEPOINT explained")
        super().execute(statement, values)


@pytest.fixture(scope="module")
def connection(shared_ledger_url: str) -> Iterator[Connection]:
    """Give a ledger of which nearly everything is done with, inside a transaction."""
    values = ", ".join(
        "cpf_cnpj" if name == "cnpj" else "'[]'" if isinstance(value, list) else "''"
        for name, value in company().items()
    )
    engine = create_engine(shared_ledger_url, connect_args={"cursor_factory": Explaining})
    with closing(engine.connect()) as opened:
        # Other tests leave rows in the ledger that they share.
        opened.execute(text("TRUNCATE job, mail RESTART IDENTITY CASCADE"))
        for statement in ROWS:
            opened.execute(
                text(statement.replace("{values}", values)),
                {"many": MANY, "unfinished": UNFINISHED},
            )
        opened.execute(text("ANALYZE"))
        yield opened
        opened.rollback()
    engine.dispose()


def some_runs(connection: Connection, status: str) -> list[uuid.UUID]:
    found = connection.execute(
        text("SELECT id FROM run WHERE status = :status LIMIT 4"), {"status": status}
    )
    return list(found.scalars())


def settle(connection: Connection) -> object:
    told = company(cnpj="00000000000001")
    outcomes = [
        Outcome(run_id, 1, Status.PROCESSED, source="t", company=told)
        for run_id in some_runs(connection, "processing")
    ]
    assert len(outcomes) == 4
    return work.settle(connection, outcomes, "w")


def claim(connection: Connection) -> object:
    asked = [Delivery(run_id, redelivered=False) for run_id in some_runs(connection, "queued")]
    return work.claim(connection, asked, "w")


def queue_summaries(connection: Connection) -> object:
    # An hour of some jobs whose run is still to be made, and of some that have had theirs.
    since: datetime = utc_now() - timedelta(minutes=UNFINISHED + 20)
    return mails.queue_summaries(connection, date(2026, 1, 1), since, since + timedelta(hours=1))


def create(connection: Connection) -> object:
    new = people.NewJob("t", "", "1", utc_now(), 1, "user1", "a@b.example", idempotency_key="key1")
    return people.create_job(connection, new)


def of_run(function: Callable[..., Any], *rest: Any) -> Callable[[Connection], object]:
    return lambda c: function(c, some_runs(c, "queued"), *rest)


HOT: dict[str, Callable[[Connection], object]] = {
    "when is the next run": lambda c: queries.seconds_to_next_run(c, 1.0),
    "is any past its lease": queries.count_unclaimed_past_lease,
    "take what is due": lambda c: due.take_due(c, 100, AGEING),
    "take what is stranded": lambda c: dispatch.take_stranded(c, 100, AGEING),
    "note the confirms": of_run(dispatch.mark_queued),
    "hand back": of_run(dispatch.hand_back_unpublished, timedelta(0)),
    "keep what is queued": dispatch.keep_queued,
    "claim": claim,
    "renew": of_run(work.renew, "w"),
    "release": of_run(work.release, "w"),
    "settle": settle,
    "claim mails": lambda c: mails.claim_mails(c, 20, timedelta(1), [1, 2]),
    "summaries of a day": queue_summaries,
    "create": create,
    "cancel": lambda c: people.cancel_job(c, 1, "user1"),
    "list runs": lambda c: queries.list_runs(c, 5000, 1, 20),
    "list results": lambda c: queries.list_results(c, "user1", None, 1, 20),
    "list results of a job": lambda c: queries.list_results(c, "user0", 5000, 1, 20),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_reads_few_rows(connection: Connection, name: str) -> None:
    inside = connection.begin_nested()
    try:
        assert long_scans(connection, HOT[name]) == []
    finally:
        inside.rollback()


def test_the_next_of_a_crowd_are_found_by_index(connection: Connection) -> None:
    inside = connection.begin_nested()
    try:
        connection.execute(
            text("""
            UPDATE job SET status = 'created', next_run_at = now() - id % 1000 * interval '1 second'
            WHERE NOT EXISTS (SELECT FROM run WHERE job_id = job.id AND status <> 'processed')""")
        )
        connection.execute(text("ANALYZE job"))
        # As on the dispatcher's own connection.
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        assert long_scans(connection, lambda c: due.take_due(c, 10_000, AGEING)) == []
        assert len(due.take_due(connection, 10_000, AGEING)) == due.BATCH
    finally:
        inside.rollback()


def long_scans(
    connection: Connection, action: Callable[[Connection], object]
) -> list[tuple[str, str, int]]:
    """Return the parts of what an action asks that read many rows of a table."""
    plans: list[Any] = []

    Explaining.plans = plans
    try:
        action(connection)
    finally:
        Explaining.plans = None
    assert plans
    scans = [node for plan in plans for node in nodes(plan) if "Relation Name" in node]
    return [
        (node["Node Type"], node["Relation Name"], rows_of(node))
        for node in scans
        if rows_of(node) > MOST_ROWS
    ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_of(node: dict[str, Any]) -> int:
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(each * node["Actual Loops"])
