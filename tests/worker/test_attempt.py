"""What becomes of a run, by what the sources said."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from core.ledger.models import Status
from core.ledger.transitions.work import Outcome
from core.settings import load
from tests.world import World
from worker.attempt import perform
from worker.settings import LookupSettings
from worker.sources.errors import Captcha, HeldBack, NotFound, RateLimited, SourceError, Unavailable

MAX_ATTEMPTS = 3
RETRIES = (60.0, 600.0)


@dataclass(frozen=True)
class Sources:
    """Sources that say nothing else."""

    error: SourceError

    def lookup(self, cnpj: str) -> NoReturn:  # noqa: ARG002 the protocol's
        raise self.error


def attempt(
    error: SourceError,
    *,
    number: int = 1,
    not_found_count: int = 0,
    retries: Sequence[float] = RETRIES,
) -> Outcome:
    run: Any = SimpleNamespace(
        run_id=uuid.uuid4(),
        attempt=number,
        not_found_count=not_found_count,
        cpf_cnpj="12ABC34501DE35",
        page=None,
    )
    return perform(run, Sources(error), MAX_ATTEMPTS, retries)


def not_found(*said_by: str) -> NotFound:
    error = NotFound()
    error.said_by = said_by
    error.confirmed = len(said_by) > 1
    return error


def test_what_two_sources_did_not_find_ends_at_once_and_tells_who_said_so_when() -> None:
    outcome = attempt(not_found("receita", "brasilapi"))

    assert (outcome.status, outcome.error_code) == (Status.ERROR, "not_found")
    assert "receita e brasilapi responderam que o CNPJ 12.ABC.345/01DE-35 não existe" in str(
        outcome.error_detail
    )


@pytest.mark.parametrize(("before", "wait"), [(0, 60.0), (1, 600.0)])
def test_what_one_source_did_not_find_is_looked_for_again(before: int, wait: float) -> None:
    outcome = attempt(not_found("receita"), number=MAX_ATTEMPTS, not_found_count=before)

    assert (outcome.status, outcome.retry_in, outcome.counts) == (Status.QUEUED, wait, False)
    assert outcome.missing
    assert "perguntaremos de novo em" in str(outcome.error_detail)


@pytest.mark.parametrize(("before", "retries"), [(2, RETRIES), (3, RETRIES), (0, ())])
def test_not_found_as_often_as_may_be_is_the_end(before: int, retries: Sequence[float]) -> None:
    outcome = attempt(not_found("receita"), not_found_count=before, retries=retries)

    assert (outcome.status, outcome.error_code) == (Status.ERROR, "not_found")
    assert f"{before + 1}ª vez" in str(outcome.error_detail)


def test_a_question_that_we_held_back_ourselves_is_no_attempt() -> None:
    outcome = attempt(HeldBack(20), number=MAX_ATTEMPTS)

    assert (outcome.status, outcome.counts) == (Status.QUEUED, False)
    assert outcome.retry_in is not None
    assert outcome.retry_in >= 20


@pytest.mark.parametrize("error", [RateLimited(20), Unavailable(20)])
def test_a_source_that_refuses_was_asked_and_is_not_asked_for_ever(error: SourceError) -> None:
    again, last = attempt(error), attempt(error, number=MAX_ATTEMPTS)

    assert (again.status, again.counts) == (Status.QUEUED, True)
    assert again.retry_in is not None
    assert again.retry_in >= 20
    assert (last.status, last.error_code) == (Status.ERROR, "attempts_exhausted")


def test_when_no_attempt_is_left_it_is_the_turn_of_the_person_whom_a_source_asked_for() -> None:
    error = Unavailable()
    error.captcha = Captcha()

    again, last = attempt(error), attempt(error, number=MAX_ATTEMPTS)

    assert (again.status, again.error_code) == (Status.QUEUED, "unavailable")
    assert (last.status, last.error_code) == (Status.ERROR, "captcha")


def test_the_ledger_counts_how_often_a_company_was_not_found_beside_the_attempts(
    world: World,
) -> None:
    _, run_id = world.start()
    for count in (1, 2):
        world.settle(
            run_id, Status.QUEUED, retry_in=3600, counts=False, missing=True, error_code="not_found"
        )
        run = world.run(run_id)
        assert (run.status, run.attempt, run.not_found_count) == ("queued", 0, count)
        assert run.next_attempt_at - world.now() > timedelta(minutes=59)
        world.end_pauses()
        world.take_due()
        (claimed,) = world.claim(run_id)
        assert (claimed.attempt, claimed.not_found_count) == (1, count)
    assert world.mail_kinds(run_id) == ["started"]


@pytest.mark.parametrize(
    ("text", "retries"), [("2, 4.5", (2, 4.5)), ("", ()), (None, (3600, 86400))]
)
def test_how_often_to_look_again_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, text: str | None, retries: tuple[float, ...]
) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://u:p@localhost/")
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.delenv("NOT_FOUND_RETRIES", raising=False)
    if text is not None:
        monkeypatch.setenv("NOT_FOUND_RETRIES", text)

    assert load(LookupSettings).not_found_retries == retries
