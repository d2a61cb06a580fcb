from datetime import UTC, date, datetime

import pytest

from cronjob import summary


@pytest.mark.parametrize(
    ("day", "begin", "end"),
    [
        # UTC-3 all year round since 2019.
        (date(2026, 7, 1), "2026-07-01T03:00+00:00", "2026-07-02T03:00+00:00"),
        (date(2026, 12, 31), "2026-12-31T03:00+00:00", "2027-01-01T03:00+00:00"),
        # Summer time began at midnight and made this day an hour shorter, its end one longer.
        (date(2018, 11, 4), "2018-11-04T03:00+00:00", "2018-11-05T02:00+00:00"),
        (date(2018, 2, 17), "2018-02-17T02:00+00:00", "2018-02-18T03:00+00:00"),
    ],
)
def test_a_day_is_one_of_sao_paulo(day: date, begin: str, end: str) -> None:
    assert summary.span(day) == (datetime.fromisoformat(begin), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-07-01T21:59:59", date(2026, 6, 30)),
        ("2026-07-01T22:00:00", date(2026, 7, 1)),
        # Past midnight in UTC, and not yet in São Paulo.
        ("2026-07-02T01:00:00", date(2026, 7, 1)),
        ("2026-07-02T03:00:00", date(2026, 7, 1)),
        ("2027-01-01T12:00:00", date(2026, 12, 31)),
    ],
)
def test_the_last_summary_was_due_at_the_last_seven_in_the_evening(now: str, day: date) -> None:
    assert summary.last_due_day(datetime.fromisoformat(now).replace(tzinfo=UTC)) == day
