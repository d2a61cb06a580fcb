"""The settings of the agendador."""

from pydantic import HttpUrl, PositiveInt

from core.freshness import STALE_DAYS
from core.settings import BrokerSettings, LedgerSettings, TokenSettings


class AgendadorSettings(BrokerSettings, LedgerSettings, TokenSettings):
    """What the API and the dispatcher need.

    `dispatch_window` bounds the runs of each priority that wait at the broker; the rest waits in
    the ledger. `database_pool` is per process. `max_open_jobs` (that have not ended) and
    `max_imports_per_hour` are per user. Data older than `stale_days` is shown with a warning.
    """

    jwks_url: HttpUrl = HttpUrl("http://127.0.0.1:8080/.well-known/jwks.json")
    dispatch_window: PositiveInt = 200
    database_pool: PositiveInt = 10
    max_open_jobs: PositiveInt = 20_000
    max_imports_per_hour: PositiveInt = 30
    stale_days: PositiveInt = STALE_DAYS
