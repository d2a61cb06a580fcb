"""The shared guard on a real ledger, its clock moved by moving what the ledger remembers."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from core.ledger import queries
from core.ledger.transitions import sources as ledger
from tests.worker.sources.saved import ours
from tests.worker.sources.service import Service
from worker.sources.chain import Chain, make_link
from worker.sources.errors import (
    Captcha,
    HeldBack,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
)
from worker.sources.guard import SharedGuard
from worker.sources.http import new_session
from worker.sources.settings import SourceSettings

CNPJ = "12345678000195"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url, pool_size=12)
    yield engine
    engine.dispose()


def guard(engine: Engine, **options: int) -> SharedGuard:
    """Return the guard of one more worker; `name=limit` are its sources."""
    settings = SourceSettings.model_validate(
        {"sources": tuple(options)}
        | {name: {"url": "http://x", "per_minute": limit} for name, limit in options.items()}
    )
    return SharedGuard(engine, settings)


def test_a_minute_sees_no_more_questions_than_the_limit(engine: Engine) -> None:
    mine, another = guard(engine, cnpjws=3), guard(engine, cnpjws=3)

    answers = [worker.ask("cnpjws") for worker in (mine, another, mine, another, mine)]

    assert answers[:3] == [None] * 3
    assert all(isinstance(answer, HeldBack) for answer in answers[3:])
    assert answers[3] is not None
    assert answers[3].retry_after == pytest.approx(ledger.WINDOW_SECONDS, abs=3)


def test_the_wait_ends_when_the_oldest_question_is_a_minute_old(engine: Engine) -> None:
    mine = guard(engine, cnpjws=2)
    assert mine.ask("cnpjws") is None
    _pass(engine, 40)
    assert mine.ask("cnpjws") is None

    _pass(engine, 20)
    held_back = mine.ask("cnpjws")
    assert held_back is not None
    assert held_back.retry_after == pytest.approx(1, abs=0.9)

    _pass(engine, 1)
    assert mine.ask("cnpjws") is None
    assert isinstance(mine.ask("cnpjws"), HeldBack)


def test_ten_workers_at_once_send_no_more_than_the_limit(engine: Engine, service: Service) -> None:
    service.says("cnpjws", 200, ours("payloads/cnpjws.json"))
    outcomes: list[str] = []

    def work() -> None:
        with new_session() as session:
            link = make_link("cnpjws", service.options("cnpjws", per_minute=3), session)
            chain = Chain((link,), guard(engine, cnpjws=3))
            for _ in range(4):
                try:
                    outcomes.append(chain.lookup(CNPJ).source)
                except HeldBack as held_back:
                    outcomes.append(held_back.code)

    _at_once([work] * 10)

    assert sorted(outcomes) == ["cnpjws"] * 3 + ["held_back"] * 37
    assert len(service.asked) == 3


def test_a_limit_that_was_lowered_holds_at_once(engine: Engine) -> None:
    before = guard(engine, cnpjws=5)
    for _ in range(4):
        assert before.ask("cnpjws") is None

    assert isinstance(guard(engine, cnpjws=3).ask("cnpjws"), HeldBack)
    assert guard(engine, cnpjws=6).ask("cnpjws") is None


@pytest.mark.parametrize("error", [Unavailable(), LayoutChanged(("UF",))])
def test_a_source_that_keeps_failing_is_left_alone_by_all(
    engine: Engine, error: SourceError
) -> None:
    mine = guard(engine, receita=0)
    for _ in range(ledger.FAILURES_TO_OPEN):
        assert mine.ask("receita") is None
        mine.tell("receita", 0.1, error)

    held_back = guard(engine, receita=0).ask("receita")

    assert held_back is not None
    assert held_back.retry_after == pytest.approx(ledger.FIRST_OPEN_SECONDS, abs=3)
    assert isinstance(mine.ask("receita"), HeldBack)
    assert _board(engine)["state"] == "open"


def test_answers_that_are_no_company_are_no_failures(engine: Engine) -> None:
    mine = guard(engine, receita=0)
    for _ in range(4 * ledger.FAILURES_TO_OPEN):
        for error in (NotFound(), Captcha()):
            assert mine.ask("receita") is None
            mine.tell("receita", 0.1, error)


def test_a_success_between_failures_keeps_the_breaker_closed(engine: Engine) -> None:
    mine = guard(engine, receita=0)
    for _ in range(ledger.FAILURES_TO_OPEN):
        mine.tell("receita", 0.1, Unavailable())
        mine.tell("receita", 0.1, None)

    assert mine.ask("receita") is None


def test_after_the_rest_one_worker_tries_and_its_success_lets_all_in(engine: Engine) -> None:
    mine, another = _broken(engine), guard(engine, receita=0)
    _pass(engine, ledger.FIRST_OPEN_SECONDS)
    assert _board(engine)["state"] == "half_open"

    assert mine.ask("receita") is None
    assert isinstance(another.ask("receita"), HeldBack)
    mine.tell("receita", 0.1, None)

    assert _board(engine)["state"] == "closed"
    assert guard(engine, receita=0).ask("receita") is None


def test_a_trial_that_fails_doubles_the_rest(engine: Engine) -> None:
    mine = _broken(engine)
    for doubling in range(1, 7):
        _pass(engine, ledger.LONGEST_OPEN_SECONDS)
        assert mine.ask("receita") is None
        mine.tell("receita", 0.1, Unavailable())

        held_back = mine.ask("receita")

        assert held_back is not None
        expected = min(ledger.FIRST_OPEN_SECONDS * 2**doubling, ledger.LONGEST_OPEN_SECONDS)
        assert held_back.retry_after == pytest.approx(expected, abs=3)


def test_late_failures_do_not_prolong_the_rest(engine: Engine) -> None:
    mine = _broken(engine)
    for _ in range(20):
        mine.tell("receita", 0.1, Unavailable())

    held_back = mine.ask("receita")

    assert held_back is not None
    assert held_back.retry_after == pytest.approx(ledger.FIRST_OPEN_SECONDS, abs=3)


def test_a_worker_that_dies_in_its_trial_does_not_block_the_source(engine: Engine) -> None:
    mine = _broken(engine)
    _pass(engine, ledger.FIRST_OPEN_SECONDS)
    assert mine.ask("receita") is None

    _pass(engine, 60)

    assert guard(engine, receita=0).ask("receita") is None


def test_the_wish_of_a_source_to_wait_holds_for_all(engine: Engine) -> None:
    guard(engine, opencnpj=300).tell("opencnpj", 0.1, RateLimited(25))
    another = guard(engine, opencnpj=300)

    held_back = another.ask("opencnpj")

    assert held_back is not None
    assert held_back.retry_after == pytest.approx(25, abs=3)
    assert _board(engine)["state"] == "paused"
    _pass(engine, 25)
    assert another.ask("opencnpj") is None


def test_the_board_tells_how_a_source_is(engine: Engine) -> None:
    mine = guard(engine, cnpjws=3)
    for error, seconds in [(None, 0.2), (Unavailable(), 0.4)]:
        assert mine.ask("cnpjws") is None
        mine.tell("cnpjws", seconds, error)
    mine.tell("cnpjws", 0.3, None)  # one more that came back late

    board = _board(engine)

    assert (board["name"], board["state"], board["per_minute"]) == ("cnpjws", "closed", 3)
    assert board["rate_left"] == 1
    assert board["latency_ms"] == pytest.approx(300, rel=0.05)
    assert board["error_share"] == pytest.approx(1 / 3, rel=0.05)
    assert board["last_error"] == "unavailable"
    assert board["last_success_at"] >= board["last_error_at"]


def test_a_source_that_is_well_and_unlimited_costs_the_ledger_next_to_nothing(
    engine: Engine,
) -> None:
    mine = guard(engine, receita=0)
    before = _transactions(engine)

    for _ in range(2_000):
        assert mine.ask("receita") is None
        mine.tell("receita", 0.001, None)

    assert _transactions(engine) - before < 100


def test_without_the_ledger_only_unlimited_sources_are_asked() -> None:
    nowhere = create_engine(
        "postgresql+psycopg2://x@127.0.0.1:9/x", connect_args={"connect_timeout": 1}
    )
    mine = guard(nowhere, receita=0, cnpjws=3)

    assert mine.ask("receita") is None
    assert isinstance(mine.ask("cnpjws"), HeldBack)
    mine.tell("receita", 0.1, Unavailable())


def _broken(engine: Engine) -> SharedGuard:
    mine = guard(engine, receita=0)
    for _ in range(ledger.FAILURES_TO_OPEN):
        mine.tell("receita", 0.1, Unavailable())
    assert isinstance(mine.ask("receita"), HeldBack)
    return mine


def _pass(engine: Engine, seconds: float) -> None:
    """Let so many seconds pass, as far as the ledger can tell."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                UPDATE source_health SET
                    paused_until = paused_until - make_interval(secs => :s),
                    open_until = open_until - make_interval(secs => :s),
                    trial_until = trial_until - make_interval(secs => :s),
                    admitted = ARRAY(SELECT m - make_interval(secs => :s)
                        FROM unnest(admitted) WITH ORDINALITY AS a(m, i) ORDER BY i)
            """),
            {"s": seconds},
        )


def _board(engine: Engine) -> dict[str, Any]:
    with engine.begin() as connection:
        (row,) = queries.list_sources(connection)
    return dict(row._mapping)


def _transactions(engine: Engine) -> int:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        count = connection.execute(
            text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(count.scalar_one())


def _at_once(works: list[Any]) -> None:
    barrier = threading.Barrier(len(works))

    def run(work: Any) -> None:
        barrier.wait(10)
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
