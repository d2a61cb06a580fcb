"""The pages have words for all that can come from the APIs."""

from datetime import timedelta

import pytest

from core import words
from core.clock import utc_now
from core.ledger.models import Status
from web import formats, states
from worker import attempt
from worker.mails import troubles
from worker.sources import errors
from worker.sources.settings import SOURCE_NAMES


def _kinds(kind: type[errors.SourceError]) -> set[str]:
    return {kind.code}.union(*(_kinds(below) for below in kind.__subclasses__()))


CODES = _kinds(errors.SourceError) - {errors.SourceError.code}
OWN_CODES = {attempt.EXHAUSTED, attempt.CRASHED, attempt.HUNG, attempt.UNSTORABLE}
# After these a run is tried again, or its attempts are exhausted.
PASSING = {errors.HeldBack.code, attempt.CRASHED, attempt.HUNG}


@pytest.mark.parametrize("code", sorted(CODES | OWN_CODES))
def test_each_error_is_told_in_plain_words(code: str) -> None:
    assert words.trouble(code) is not words.UNKNOWN_TROUBLE


@pytest.mark.parametrize("code", sorted((CODES | OWN_CODES) - PASSING))
def test_each_error_that_ends_a_run_is_told_in_its_mail(code: str) -> None:
    assert troubles.find("error", code) is not troubles.find("error", "")


def test_each_state_and_source_has_a_name() -> None:
    assert set(states.STATES) == set(Status)
    assert set(SOURCE_NAMES) == set(words.SOURCES)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "há 0 s"), (59, "há 59 s"), (61, "há 1 min"), (7_300, "há 2 h"), (90_000, "há 1 dia")],
)
def test_how_long_ago_something_was(seconds: int, said: str) -> None:
    assert formats.ago((utc_now() - timedelta(seconds=seconds)).isoformat()) == said
