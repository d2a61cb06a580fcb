"""The settings of the pages."""

from pydantic import Field, HttpUrl, SecretStr

from core.settings import BrokerSettings


class WebSettings(BrokerSettings):
    """What the pages need. `secret_key` signs the cookie that holds what a form must send back."""

    users_url: HttpUrl = HttpUrl("http://127.0.0.1:8080")
    agendador_url: HttpUrl = HttpUrl("http://127.0.0.1:8081")
    secret_key: SecretStr = Field(min_length=16)
