from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text

from core.clock import utc_now
from core.ledger import listings
from core.ledger.listings import Choice, Place
from core.ledger.models import Status

MANY = 50_000
ME = Choice("me")
FAILED = Choice("me", statuses=frozenset({Status.ERROR}))
# A page is 20; what is read beside it are index pages and the like.
MOST_ROWS = 100


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """Give a ledger in which one user has many jobs, one in a thousand of them failed."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as opened:
        opened.execute(
            text("""
                INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                                 creator_email, request_id)
                SELECT 'x', '', '', now() + n * interval '1 minute', n % 6,
                       CASE WHEN n % 1000 = 0 THEN 'error' ELSE 'processed' END, 'me', '', ''
                FROM generate_series(1, :many) AS n
            """),
            {"many": MANY},
        )
        opened.execute(text("VACUUM ANALYZE job"))
        yield opened
    engine.dispose()


def rows_read(connection: Connection, read: Callable[[], object]) -> int:
    """Return how many rows the scans of a read's statement go through."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        statements.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    read()
    event.remove(connection, "before_cursor_execute", note)
    ((statement, values),) = statements
    explained = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement
    plan = connection.exec_driver_sql(explained, values).scalar_one()[0]["Plan"]
    return sum(_of_scan(node) for node in _nodes(plan) if "Scan" in node["Node Type"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _of_scan(node: dict[str, Any]) -> int:
    return int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))


READS: dict[str, Callable[[Connection], object]] = {
    "first page": lambda c: listings.list_jobs(c, ME, "-created", 20),
    "oldest first": lambda c: listings.list_jobs(c, ME, "created", 20),
    "by status": lambda c: listings.list_jobs(c, FAILED, "-created", 20),
    "by date": lambda c: listings.list_jobs(c, ME, "date", 20),
    "deep": lambda c: listings.list_jobs_after(c, ME, "-created", 20, Place(MANY // 2, MANY // 2)),
    "deep by date": lambda c: listings.list_jobs_after(c, ME, "-date", 20, Place(utc_now(), 1)),
    "deep by status": lambda c: listings.list_jobs_after(
        c, FAILED, "-created", 20, Place(MANY // 2, MANY // 2)
    ),
    "from a day on": lambda c: listings.list_jobs(c, Choice("me", since=utc_now()), "date", 20),
}


def test_a_page_reads_little_more_than_it_shows(connection: Connection) -> None:
    read = {name: rows_read(connection, partial(r, connection)) for name, r in READS.items()}

    assert {name: rows for name, rows in read.items() if rows > MOST_ROWS} == {}


def test_counting_stops_at_its_limit(connection: Connection) -> None:
    assert listings.count_jobs(connection, ME) == listings.COUNT_LIMIT
    assert listings.count_jobs(connection, FAILED) == MANY // 1_000
    rows = rows_read(connection, lambda: listings.count_jobs(connection, ME))
    assert rows <= 2 * listings.COUNT_LIMIT


def test_every_job_is_given_once_in_batches(connection: Connection) -> None:
    ids = [job.id for job in listings.every_job(connection, FAILED)]

    assert len(ids) == len(set(ids)) == MANY // 1_000
    assert ids == sorted(ids, reverse=True)


def test_a_page_tells_how_many_there_are_in_all(connection: Connection) -> None:
    rows, total = listings.list_and_count(connection, FAILED, "-created", 5)
    assert (len(rows), total) == (5, MANY // 1_000)
    rows, total = listings.list_and_count(connection, FAILED, "-created", 5, skip=MANY)
    assert (len(rows), total) == (0, MANY // 1_000)
    place = listings.place_of(listings.list_jobs(connection, FAILED, "-created", 3)[-1], "-created")
    rows, total = listings.list_and_count(connection, FAILED, "-created", 5, place=place)
    assert rows[0].id < place.job_id
    assert total == MANY // 1_000


def test_that_there_are_many_is_counted_once_a_while(connection: Connection) -> None:
    def page() -> object:
        rows, total = listings.list_and_count(connection, ME, "-created", 20)
        assert (len(rows), total) == (20, listings.COUNT_LIMIT)
        return rows

    assert rows_read(connection, page) > listings.COUNT_LIMIT
    assert rows_read(connection, page) <= MOST_ROWS
