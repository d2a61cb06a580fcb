"""The settings of the pages."""

from pydantic import Field, HttpUrl, SecretStr

from core import official_page
from core.settings import BrokerSettings


class WebSettings(BrokerSettings):
    """What the pages need. `secret_key` signs the cookie that holds what a form must send back.

    `official_page_url` is where people pass the official page's check.
    """

    users_url: HttpUrl = HttpUrl("http://127.0.0.1:8080")
    agendador_url: HttpUrl = HttpUrl("http://127.0.0.1:8081")
    secret_key: SecretStr = Field(min_length=16)
    official_page_url: HttpUrl = HttpUrl(official_page.URL)
