from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.clock import SAO_PAULO, to_utc, utc_now


def test_now_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= utc_now() <= datetime.now(UTC)
    assert utc_now().tzinfo is UTC


def test_a_moment_without_a_zone_is_read_in_sao_paulo() -> None:
    assert to_utc(datetime.fromisoformat("2026-07-01T23:30")) == datetime(
        2026, 7, 2, 2, 30, tzinfo=UTC
    )


def test_summer_time_of_the_past_counts() -> None:
    assert to_utc(datetime.fromisoformat("2018-12-01T12:00")) == datetime(
        2018, 12, 1, 14, 0, tzinfo=UTC
    )


@pytest.mark.parametrize("hours", [-12, -3, 0, 5.5, 14])
def test_a_moment_with_a_zone_keeps_its_instant(hours: float) -> None:
    moment = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=hours)))
    assert to_utc(moment) == moment
    assert to_utc(moment).tzinfo is UTC


def test_a_moment_of_sao_paulo_keeps_its_instant() -> None:
    moment = datetime(2026, 7, 1, 19, 0, tzinfo=SAO_PAULO)
    assert to_utc(moment) == datetime(2026, 7, 1, 22, 0, tzinfo=UTC)
