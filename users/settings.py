"""The settings of users."""

from ipaddress import ip_network
from typing import Annotated

from limits import parse_many
from pydantic import AfterValidator, HttpUrl, PositiveInt, SecretStr

from core.addresses import AddressText
from core.settings import BrokerSettings, MongoUrl, TokenSettings


def _rate(text: str) -> str:
    parse_many(text)
    return text


def _networks(text: str) -> str:
    for network in text.split(","):
        if network.strip():
            ip_network(network.strip())
    return text


Rate = Annotated[str, AfterValidator(_rate)]


class UsersSettings(BrokerSettings, TokenSettings):
    """What the service needs; `keys_passphrase` encrypts the keys that sign tokens.

    Rates are written like `10 per 15 minutes`; of log-ins only the refused ones count.
    `trusted_proxies` holds networks (CIDR, by commas) whose `X-Forwarded-For` is believed.
    `web_url` is where the pages are: the link to another password leads there. `agendador_url` is
    what is told of erased accounts.
    """

    mongo_url: MongoUrl
    mongo_database: str = "users"
    keys_passphrase: SecretStr
    access_token_minutes: PositiveInt = 15
    refresh_token_days: PositiveInt = 30

    rate_log_in_account: Rate = "10 per 15 minutes"
    rate_log_in_address: Rate = "100 per 15 minutes"
    rate_sign_up: Rate = "100 per hour"
    rate_forgot_account: Rate = "5 per hour"
    rate_forgot_address: Rate = "30 per hour"
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = ""

    web_url: HttpUrl = HttpUrl("http://127.0.0.1:3000")
    agendador_url: HttpUrl = HttpUrl("http://127.0.0.1:8081")
    smtp_host: str = "localhost"
    smtp_port: PositiveInt = 1025
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    mail_from: AddressText = "Agendador de consultas <agendador@localhost>"
