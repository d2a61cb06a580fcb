"""Settings: every one is an environment variable, checked when the process starts.

A service declares a subclass of `Settings`; `load` reads it. A setting may also come as a file
named like the variable in lower case, in the folder that `SECRETS_DIR` names (by default
`/run/secrets`, where containers mount their secrets). The environment wins over the file.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_SECRETS_DIR = "/run/secrets"


def _with_scheme(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"must begin with {' or '.join(f'{s}://' for s in schemes)}")
        return url

    return AfterValidator(check)


BrokerUrl = Annotated[SecretStr, _with_scheme("amqp", "amqps")]
DatabaseUrl = Annotated[SecretStr, _with_scheme("postgresql", "postgresql+psycopg2")]
MongoUrl = Annotated[SecretStr, _with_scheme("mongodb", "mongodb+srv")]


class Settings(BaseSettings):
    """What every process has. URLs that hold a password are secrets and never printed."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    heartbeat_file: Path | None = None


class BrokerSettings(Settings):
    """Settings of a process that talks to RabbitMQ."""

    broker_url: BrokerUrl
    broker_namespace: str = ""


class LedgerSettings(Settings):
    """Settings of a process that talks to the ledger's PostgreSQL."""

    database_url: DatabaseUrl


class TokenSettings(Settings):
    """What a token must say about who made it and for whom (RFC 7519 `iss` and `aud`)."""

    token_issuer: str = "agendador-de-consulta-cnpj"  # noqa: S105 a public name
    token_audience: str = "agendador-de-consulta-cnpj"  # noqa: S105 a public name


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """Read settings of the given kind from the environment and the secrets folder.

    A missing or bad one ends the process with exit code 2 and a line per variable on standard
    error: its name and what is wrong, never its value.
    """
    folder = Path(os.environ.get("SECRETS_DIR", DEFAULT_SECRETS_DIR))
    try:
        return kind(_secrets_dir=folder if folder.is_dir() else None)  # type: ignore[call-arg]
    except ValidationError as exc:
        _stop(exc)


def _stop(error: ValidationError) -> NoReturn:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = "_".join(str(part) for part in problem["loc"]).upper()
        sys.stderr.write(f"setting {name}: {problem['msg']}\n")
    sys.stderr.write("Settings are environment variables; .env.example lists them all.\n")
    raise SystemExit(2)
