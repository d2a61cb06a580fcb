"""The settings of the agendador."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, HttpUrl, PositiveInt

from core.freshness import STALE_DAYS
from core.settings import BrokerSettings, LedgerSettings, TokenSettings

MAX_AGEING_MINUTES = 525_600


class AgendadorSettings(BrokerSettings, LedgerSettings, TokenSettings):
    """What the API and the dispatcher need.

    `dispatch_window` bounds the runs of each priority that wait at the broker; the rest waits in
    the ledger, where each `ageing_minutes` raise a job's priority by one. `database_pool` is per
    process. `max_open_jobs` (that have not ended) and `max_imports_per_hour` are per user. Data
    older than `stale_days` is shown with a warning.
    """

    jwks_url: HttpUrl = HttpUrl("http://127.0.0.1:8080/.well-known/jwks.json")
    dispatch_window: PositiveInt = 64
    ageing_minutes: Annotated[float, Field(gt=0, le=MAX_AGEING_MINUTES)] = 30
    database_pool: PositiveInt = 10
    max_open_jobs: PositiveInt = 20_000
    max_imports_per_hour: PositiveInt = 30
    stale_days: PositiveInt = STALE_DAYS

    @property
    def ageing(self) -> timedelta:
        """How long a job waits for each level that its priority rises."""
        return timedelta(minutes=self.ageing_minutes)
