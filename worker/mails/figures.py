"""How moments, durations and priorities are written in mails; the rest is in `core.words`."""

from datetime import date, datetime
from functools import lru_cache

from core.clock import SAO_PAULO
from core.words import MONTHS, PRIORITIES, WEEKDAYS


def joined(separator: str, *parts: str) -> str:
    """Return the parts that are not empty, with the separator between them."""
    return separator.join(filter(None, parts))


# Consultations that repeat are due at few moments.
@lru_cache(maxsize=1024)
def moment(value: datetime | None) -> str:
    """Return a moment as `dd/mm/aaaa às HH:MM` in São Paulo, or nothing for none."""
    return _local(value.astimezone(SAO_PAULO)) if value else ""


def moment_within(day: date, value: datetime | None) -> str:
    """Return a moment as `às HH:MM` when it lies within `day`, else with its date."""
    if value is None:
        return ""
    local = value.astimezone(SAO_PAULO)
    return _time(local) if local.date() == day else f"em {_local(local)}"


def _local(moment: datetime) -> str:
    return f"{short_date(moment)} {_time(moment)}"


def _time(moment: datetime) -> str:
    return f"às {moment.hour:02}:{moment.minute:02}"


def short_date(day: date) -> str:
    """Return a day as `24/11/2026`."""
    # `strftime` takes twice as long, and a mail has a dozen of them.
    return f"{day.day:02}/{day.month:02}/{day.year}"


def long_date(day: date) -> str:
    """Return a day as `24 de novembro de 2026 (terça-feira)`."""
    ordinal = "1º" if day.day == 1 else str(day.day)
    return f"{ordinal} de {MONTHS[day.month - 1]} de {day.year} ({WEEKDAYS[day.weekday()]})"


def duration(milliseconds: int | None) -> str:
    """Return a duration as `35 ms`, `0,8 s`, `12 s` or `2 min 5 s`, or nothing for none."""
    if milliseconds is None:
        return ""
    if milliseconds < 100:  # noqa: PLR2004 (what would be 0,0 s)
        return f"{milliseconds} ms"
    if milliseconds < 10_000:  # noqa: PLR2004 (below ten seconds a tenth still tells something)
        return f"{milliseconds / 1000:.1f} s".replace(".", ",")
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


@lru_cache(maxsize=16)
def priority(level: int) -> str:
    """Return a priority in words with its number, such as `Urgente (5)`."""
    return f"{PRIORITIES[level]} ({level})" if 0 <= level < len(PRIORITIES) else str(level)
