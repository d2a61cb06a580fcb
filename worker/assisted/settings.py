"""The settings of the assisted mode."""

from pydantic import HttpUrl, SecretStr

from core import official_page
from core.settings import Settings


class AssistedSettings(Settings):
    """Where the APIs and the official page are, and optionally an access token instead of a log-in.

    `official_page_url` is where people pass the official page's check.
    """

    users_url: HttpUrl = HttpUrl("http://127.0.0.1:8080")
    agendador_url: HttpUrl = HttpUrl("http://127.0.0.1:8081")
    official_page_url: HttpUrl = HttpUrl(official_page.URL)
    agendador_token: SecretStr = SecretStr("")
