"""The settings of the worker's processes."""

from typing import Annotated

from pydantic import HttpUrl, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import NoDecode

from core.addresses import AddressText
from core.freshness import STALE_DAYS
from core.settings import BrokerSettings, LedgerSettings
from worker.sources.settings import SourceSettings


class LookupSettings(BrokerSettings, LedgerSettings, SourceSettings):
    """Settings of `python -m worker lookups`.

    `lookup_slots` is how many pages are fetched at once; `max_attempts` how often a run is tried;
    `not_found_retries` after how many seconds each a CNPJ that one source alone did not find is
    looked for again.
    """

    lookup_slots: PositiveInt = 24
    max_attempts: PositiveInt = 5
    not_found_retries: Annotated[tuple[PositiveFloat, ...], NoDecode] = (3600, 86400)

    @property
    def longest_lookup_seconds(self) -> float:
        """How long the whole chain may take to answer, each source until its timeout."""
        return sum(self.options(name).timeout for name in self.sources)

    @field_validator("not_found_retries", mode="before")
    @classmethod
    def _split_retries(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())


class MailerSettings(LedgerSettings):
    """Settings of `python -m worker mail`.

    `max_mail_attempts` is how often a mail is tried; data older than `stale_days` is told with a
    warning. `api_url` is where users reach the agendador: the link that ends summaries leads there.
    `web_url` is where they reach the pages: the link to a consultation that waits for them.
    """

    smtp_host: str = "localhost"
    smtp_port: PositiveInt = 1025
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    mail_from: AddressText = "Agendador de consultas <agendador@localhost>"
    max_mail_attempts: PositiveInt = 8
    api_url: HttpUrl = HttpUrl("http://127.0.0.1:8081")
    web_url: HttpUrl = HttpUrl("http://127.0.0.1:3000")
    stale_days: PositiveInt = STALE_DAYS
