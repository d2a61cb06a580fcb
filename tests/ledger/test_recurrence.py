import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SAO_PAULO
from core.ledger.recurrence import InvalidRuleError, first, following, occurrences, parse

TUESDAY = datetime(2031, 3, 4, 9, tzinfo=SAO_PAULO)


def days(rule: str, date: datetime, count: int = 3) -> list[str]:
    """Return the first occurrences on the clock of São Paulo."""
    found = islice(occurrences(parse(rule), date), count)
    return [f"{moment.astimezone(SAO_PAULO):%Y-%m-%d %H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY", ["2031-03-04 09:00", "2031-03-05 09:00", "2031-03-06 09:00"]),
        ("FREQ=DAILY;INTERVAL=10;COUNT=2", ["2031-03-04 09:00", "2031-03-14 09:00"]),
        (
            "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=5",
            ["2031-03-04 09:00", "2031-03-05 09:00", "2031-03-06 09:00"],
        ),
        ("FREQ=WEEKLY", ["2031-03-04 09:00", "2031-03-11 09:00", "2031-03-18 09:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,FR", ["2031-03-07 09:00", "2031-03-10 09:00", "2031-03-14 09:00"]),
        ("FREQ=MONTHLY", ["2031-03-04 09:00", "2031-04-04 09:00", "2031-05-04 09:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2031-03-28 09:00", "2031-04-25 09:00", "2031-05-30 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2031-03-31 09:00", "2031-05-31 09:00"]),
        ("FREQ=DAILY;UNTIL=20310305", ["2031-03-04 09:00", "2031-03-05 09:00"]),
        ("FREQ=DAILY;UNTIL=20310305T085959", ["2031-03-04 09:00"]),
        ("FREQ=HOURLY;UNTIL=99991231", ["2031-03-04 09:00", "2031-03-04 10:00"]),
        ("FREQ=DAILY;UNTIL=20310305T120000Z", ["2031-03-04 09:00", "2031-03-05 09:00"]),
        ("FREQ=MINUTELY;INTERVAL=15", ["2031-03-04 09:00", "2031-03-04 09:15", "2031-03-04 09:30"]),
        ("FREQ=HOURLY;COUNT=1", ["2031-03-04 09:00"]),
    ],
)  # fmt: skip
def test_a_rule_has_its_occurrences(rule: str, expected: list[str]) -> None:
    assert days(rule, TUESDAY, len(expected)) == expected


def test_the_hour_stays_when_the_zone_changes() -> None:
    """São Paulo's summer time began on 2018-11-04 and ended on 2019-02-17."""
    before = datetime(2018, 11, 3, 9, tzinfo=SAO_PAULO)
    winter = list(islice(occurrences("FREQ=DAILY", before), 2))
    summer = list(islice(occurrences("FREQ=DAILY", datetime(2019, 2, 16, 12, tzinfo=UTC)), 2))

    assert [moment.hour for moment in winter] == [12, 11]
    assert [moment.astimezone(SAO_PAULO).hour for moment in summer] == [10, 10]


def test_an_hour_that_a_zone_change_leaves_out_is_still_run_once() -> None:
    start = datetime(2018, 11, 3, 0, 30, tzinfo=SAO_PAULO)
    found = list(islice(occurrences("FREQ=DAILY", start), 3))

    assert [moment.date().day for moment in found] == [3, 4, 5]
    assert found == sorted(set(found))


def test_minutes_are_counted_as_they_pass_through_a_zone_change() -> None:
    start = datetime(2018, 11, 4, 2, tzinfo=UTC)
    found = list(islice(occurrences("FREQ=MINUTELY;INTERVAL=30", start), 10))

    assert found == [start + timedelta(minutes=30) * number for number in range(10)]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "não é aceito"),
        ("INTERVAL=2", "FREQ"),
        ("FREQ=SECONDLY", "FREQ"),
        ("FREQ=MINUTELY", "15 minutos"),
        ("FREQ=MINUTELY;INTERVAL=14", "15 minutos"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20310101", "não os dois"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "repetido"),
        ("FREQ=DAILY;UNTIL=20310231", "UNTIL"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "INTERVAL"),
        ("FREQ=MINUTELY;INTERVAL=1440;BYDAY=MO", "BYDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
        ("FREQ=DAILY;BYMONTHDAY=1", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=1MO", "não os dois"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30", "até o dia 28"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=1,-29", "até o dia 28"),
        ("FREQ=MONTHLY;INTERVAL=24;BYDAY=1MO,-5FR", "quinto dia"),
        ("FREQ=MONTHLY;BYDAY=-1MO,TU", "em nenhum"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR"),
        ("FREQ=DAILY;BYSECOND=1,2,3", "BYSECOND"),
        ("FREQ=DAILY\nRRULE:FREQ=DAILY", "FREQ"),
        ("DTSTART:20310101T000000", "não é aceito"),
        ("FREQ=DAILY;" + "X" * 300, "200"),
    ],
)
def test_a_rule_that_is_not_supported_says_why(rule: str, says: str) -> None:
    with pytest.raises(InvalidRuleError, match=says):
        parse(rule)


def test_a_rule_is_kept_in_its_plain_form() -> None:
    assert parse(" rrule:freq=weekly;byday=mo; ") == "FREQ=WEEKLY;BYDAY=MO"


def test_the_first_occurrence_may_be_later_than_the_date() -> None:
    monday = datetime(2031, 3, 10, 12, tzinfo=UTC)

    assert first("FREQ=WEEKLY;BYDAY=MO", TUESDAY) == monday
    assert first("FREQ=DAILY;UNTIL=20300101", TUESDAY) is None
    assert first("FREQ=DAILY;UNTIL=00010101T000000Z", TUESDAY) is None


def test_what_follows_counts_what_remains() -> None:
    rule = "FREQ=DAILY;COUNT=3"
    second = following(rule, TUESDAY, TUESDAY)
    assert second == (TUESDAY + timedelta(days=1), "FREQ=DAILY;COUNT=2")
    third = following(second[1], second[0], second[0])
    assert third == (TUESDAY + timedelta(days=2), "FREQ=DAILY;COUNT=1")
    assert following(third[1], third[0], third[0]) is None


def test_what_was_missed_is_passed_over() -> None:
    now = TUESDAY + timedelta(days=9, hours=1)

    assert following("FREQ=DAILY", TUESDAY, now) == (TUESDAY + timedelta(days=10), "FREQ=DAILY")


WEEKDAYS = st.lists(
    st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, unique=True
)
RULES = st.one_of(
    st.builds("FREQ=MINUTELY;INTERVAL={}".format, st.integers(15, 99_999)),
    st.builds(
        "FREQ=WEEKLY;INTERVAL={};BYDAY={}".format, st.integers(1, 60), WEEKDAYS.map(",".join)
    ),
    st.builds("FREQ=DAILY;BYDAY={}".format, WEEKDAYS.map(",".join)),
    st.builds(
        "FREQ=MONTHLY;INTERVAL={};BYMONTHDAY={}".format, st.integers(1, 99), st.integers(-28, -1)
    ),
    st.builds("FREQ=MONTHLY;BYMONTHDAY={}".format, st.integers(29, 31)),
    st.builds(
        "FREQ=MONTHLY;INTERVAL={};BYDAY=-1{}".format,
        st.integers(1, 99),
        WEEKDAYS.map(",4".join),
    ),
    st.builds("FREQ=MONTHLY;BYDAY=5{}".format, WEEKDAYS.map(",-5".join)),
    st.builds("FREQ=MONTHLY;INTERVAL={}".format, st.integers(1, 99_999)),
    st.builds("FREQ=YEARLY;INTERVAL={}".format, st.integers(1, 99_999)),
)


@given(rule=RULES, seconds=st.integers(0, 10 * 366 * 86_400))
def test_any_accepted_rule_keeps_its_interval_and_answers_soon(rule: str, seconds: int) -> None:
    date = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    began = time.process_time()
    found = list(islice(occurrences(parse(rule), date), 20))

    assert all(b - a >= timedelta(minutes=15) for a, b in pairwise(found))
    assert all(moment >= date for moment in found)
    assert time.process_time() - began < 1.0
