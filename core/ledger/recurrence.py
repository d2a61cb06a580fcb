"""When a recurring job runs: RFC 5545 recurrence rules, the part of them that makes sense here.

A rule is anchored at the job's `date`, which is always its present or next occurrence; what a rule
counts (COUNT) is what remains from there. So the job alone tells all that is to come. Days, weeks
and months are counted on the clock of America/Sao_Paulo, 09:00 staying 09:00 when the zone's offset
changes; minutes and hours are counted as they pass.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from functools import lru_cache
from itertools import islice

from dateutil.rrule import rrule, rrulestr

from core.clock import SAO_PAULO

MIN_INTERVAL = timedelta(minutes=15)
# How far ahead an occurrence is looked for.
HORIZON = timedelta(days=3_660)
MAX_LENGTH = 200
# What every zone can tell; 99991231 is a way to say never.
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
# Every month has this day.
LAST_SURE_DAY = 28

_WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"
_WEEKDAYS = f"{_WEEKDAY}(,{_WEEKDAY}){{0,6}}"
_NTH_WEEKDAYS = rf"([+-]?[1-5])?{_WEEKDAY}(,([+-]?[1-5])?{_WEEKDAY}){{0,13}}"
_DAY_OF_MONTH = "(-?(0?[1-9]|[12][0-9]|3[01]))"
_VALUES = {
    "FREQ": "MINUTELY|HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": "[1-9][0-9]{0,4}",
    "COUNT": "[1-9][0-9]{0,4}",
    "UNTIL": "[0-9]{8}(T[0-9]{6}Z?)?",
    "BYDAY": _NTH_WEEKDAYS,
    "BYMONTHDAY": f"{_DAY_OF_MONTH}(,{_DAY_OF_MONTH}){{0,30}}",
    "WKST": _WEEKDAY,
}
_MINUTES = {"MINUTELY": 1, "HOURLY": 60}


class InvalidRuleError(ValueError):
    """The text is no rule that is supported; the message tells the user why, in Portuguese."""


def parse(text: str) -> str:
    """Return a rule in its plain form, such as `FREQ=WEEKLY;BYDAY=MO;COUNT=4`.

    Supported are FREQ (MINUTELY to YEARLY, every 15 minutes at most), INTERVAL, BYDAY, BYMONTHDAY,
    WKST, and COUNT or UNTIL. Raises InvalidRuleError.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidRuleError(f"A regra deve ter no máximo {MAX_LENGTH} caracteres.")
    plain = text.strip().upper().removeprefix("RRULE:").rstrip(";")
    parts = _parts(plain)
    if "FREQ" not in parts:
        raise InvalidRuleError("A regra deve ter FREQ, por exemplo FREQ=DAILY.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise InvalidRuleError("Use COUNT ou UNTIL, não os dois.")
    _check_days(parts)
    minutes = _MINUTES.get(parts["FREQ"])
    if minutes and timedelta(minutes=minutes * int(parts.get("INTERVAL", 1))) < MIN_INTERVAL:
        raise InvalidRuleError("O intervalo mínimo é de 15 minutos.")
    if "UNTIL" in parts:
        _until(parts["UNTIL"])
    return plain


@lru_cache(maxsize=1_024)
def first(rule: str, date: datetime) -> datetime | None:
    """Return the rule's first occurrence at or after `date`, None when it has none."""
    return next(occurrences(rule, date), None)


def following(rule: str, date: datetime, after: datetime) -> tuple[datetime, str] | None:
    """Return the first occurrence after both moments and the rule that remains from there.

    Occurrences that were missed meanwhile are passed over and count. None when none is left.
    """
    for number, occurrence in enumerate(occurrences(rule, date)):
        if occurrence > after and occurrence > date:
            return occurrence, _minus(rule, number)
    return None


def occurrences(rule: str, date: datetime) -> Iterator[datetime]:
    """Yield the moments of a rule from `date` on, in UTC, for the next ten years at most."""
    parts = _parts(rule)
    zone = UTC if parts["FREQ"] in _MINUTES else SAO_PAULO
    start = date.astimezone(zone).replace(tzinfo=None)
    end = start + HORIZON
    if "UNTIL" in parts:
        end = min(end, _until(parts["UNTIL"]).astimezone(zone).replace(tzinfo=None))
    bare = _written({k: v for k, v in parts.items() if k not in {"COUNT", "UNTIL"}})
    every = rrulestr(bare, dtstart=start)
    assert isinstance(every, rrule)  # noqa: S101 a single rule, as the parser made sure
    limit = int(parts["COUNT"]) if "COUNT" in parts else None
    for local in islice(every.replace(until=end), limit):
        yield local.replace(tzinfo=zone).astimezone(UTC)


def as_feed(rule: str) -> str:
    """Return a rule as a calendar program must be given it: UNTIL in UTC (RFC 5545, 3.3.10)."""
    parts = _parts(rule)
    if "UNTIL" in parts:
        parts["UNTIL"] = f"{_until(parts['UNTIL']):%Y%m%dT%H%M%SZ}"
    return _written(parts)


def _written(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _parts(rule: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name not in _VALUES:
            raise InvalidRuleError(f"{name[:20] or 'Regra vazia'}: não é aceito em uma regra.")
        if name in parts:
            raise InvalidRuleError(f"{name}: está repetido.")
        if not re.fullmatch(_VALUES[name], value, re.ASCII):
            raise InvalidRuleError(f"{name}: o valor {value[:40]!r} não é aceito.")
        parts[name] = value
    return parts


def _check_days(parts: dict[str, str]) -> None:
    """Refuse days that do not fit the frequency, or might never come.

    dateutil looks for a rule's next occurrence up to the year 9999, so each rule must have one
    within a few steps; nothing else bounds the search.
    """
    freq, every_time = parts["FREQ"], parts.get("INTERVAL", "1") == "1"
    if "BYMONTHDAY" in parts:
        _check_days_of_month(parts["BYMONTHDAY"], freq, every_time=every_time)
        if "BYDAY" in parts:
            raise InvalidRuleError("Use BYDAY ou BYMONTHDAY, não os dois.")
    if "BYDAY" not in parts:
        return
    if freq not in {"DAILY", "WEEKLY", "MONTHLY"}:
        raise InvalidRuleError("BYDAY só vale com FREQ=DAILY, WEEKLY ou MONTHLY.")
    if freq != "MONTHLY" and not re.fullmatch(_WEEKDAYS, parts["BYDAY"]):
        raise InvalidRuleError("BYDAY com número (como 1MO) só vale com FREQ=MONTHLY.")
    if freq == "DAILY" and not every_time:
        raise InvalidRuleError("BYDAY com FREQ=DAILY só vale sem INTERVAL.")
    # dateutil would ask for both at once, which no day is.
    if len({len(day) > len("MO") for day in parts["BYDAY"].split(",")}) > 1:
        raise InvalidRuleError("BYDAY: use número em todos os dias, ou em nenhum.")
    if "5" in parts["BYDAY"] and not every_time:
        raise InvalidRuleError("BYDAY com o quinto dia (como 5MO) só vale sem INTERVAL.")


def _check_days_of_month(days: str, freq: str, *, every_time: bool) -> None:
    if freq != "MONTHLY":
        raise InvalidRuleError("BYMONTHDAY só vale com FREQ=MONTHLY.")
    if not every_time and any(abs(int(day)) > LAST_SURE_DAY for day in days.split(",")):
        raise InvalidRuleError(f"BYMONTHDAY com INTERVAL só vale até o dia {LAST_SURE_DAY}.")


def _until(value: str) -> datetime:
    """Return the last moment of a rule, in UTC; a date alone is all of that day in São Paulo."""
    form = "%Y%m%dT%H%M%S" if "T" in value else "%Y%m%d"
    try:
        moment = datetime.strptime(value.rstrip("Z"), form)  # noqa: DTZ007 see below
    except ValueError:
        raise InvalidRuleError(f"UNTIL: {value} não é uma data.") from None
    if "T" not in value:
        moment = datetime.combine(moment, time_of_day.max)
    moment = moment.replace(tzinfo=UTC if value.endswith("Z") else SAO_PAULO)
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def _minus(rule: str, number: int) -> str:
    return re.sub(r"COUNT=(\d+)", lambda count: f"COUNT={int(count[1]) - number}", rule)
