"""The settings of the worker's processes."""

from pydantic import PositiveInt, SecretStr

from core.addresses import AddressText
from core.settings import BrokerSettings, LedgerSettings
from worker.sources.settings import SourceSettings


class LookupSettings(BrokerSettings, LedgerSettings, SourceSettings):
    """Settings of `python -m worker lookups`.

    `lookup_slots` is how many pages are fetched at once; `max_attempts` how often a run is tried.
    """

    lookup_slots: PositiveInt = 8
    max_attempts: PositiveInt = 5


class MailerSettings(LedgerSettings):
    """Settings of `python -m worker mail`; `max_mail_attempts` is how often a mail is tried."""

    smtp_host: str = "localhost"
    smtp_port: PositiveInt = 1025
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    mail_from: AddressText = "Agendador de consultas <agendador@localhost>"
    max_mail_attempts: PositiveInt = 8
