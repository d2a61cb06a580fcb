"""The two clocks of the system: UTC inside, America/Sao_Paulo for people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone is read as America/Sao_Paulo time."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=SAO_PAULO)
    return aware.astimezone(UTC)
