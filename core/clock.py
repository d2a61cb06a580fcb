"""The two clocks of the system: UTC inside, America/Sao_Paulo for people."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone is read as America/Sao_Paulo time."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=SAO_PAULO)
    return aware.astimezone(UTC)


# A page of jobs has eighty moments, many of them the same or on the page before, too.
@lru_cache(maxsize=10_000)
def utc_text(moment: datetime) -> str:
    """Return an aware moment as it is answered: ISO 8601 in UTC, with its offset."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
