"""The settings of users."""

from pydantic import PositiveInt, SecretStr

from core.settings import BrokerSettings, MongoUrl, TokenSettings


class UsersSettings(BrokerSettings, TokenSettings):
    """What the service needs; `keys_passphrase` encrypts the keys that sign tokens."""

    mongo_url: MongoUrl
    mongo_database: str = "users"
    keys_passphrase: SecretStr
    access_token_minutes: PositiveInt = 15
    refresh_token_days: PositiveInt = 30
