"""Settings: every one is an environment variable, checked when the process starts.

A service declares a subclass of `Settings`; `load` reads it. A setting may also come as a file
named like the variable in lower case, in the folder that `SECRETS_DIR` names (by default
`/run/secrets`, where containers mount their secrets). The environment wins over the file.
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

DEFAULT_SECRETS_DIR = "/run/secrets"


def _with_scheme(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"must begin with {' or '.join(f'{s}://' for s in schemes)}")
        return url

    return AfterValidator(check)


def _read_by(reader: Callable[[str], Any]) -> AfterValidator:
    """Check that the library which uses the URL can read it; what it says may hold a password."""

    def check(url: SecretStr) -> SecretStr:
        try:
            reader(url.get_secret_value())
        except Exception:  # noqa: BLE001 each library has its own
            raise ValueError(
                "cannot be read: in a user name or password write / as %2F, # as %23, @ as %40"
            ) from None
        return url

    return AfterValidator(check)


def _read_broker_url(url: str) -> None:
    import pika  # noqa: PLC0415 only those that talk to the broker need it

    pika.URLParameters(url)


def _read_database_url(url: str) -> None:
    import sqlalchemy  # noqa: PLC0415 only those that talk to the ledger have it

    sqlalchemy.make_url(url)


BrokerUrl = Annotated[SecretStr, _with_scheme("amqp", "amqps"), _read_by(_read_broker_url)]
DatabaseUrl = Annotated[
    SecretStr, _with_scheme("postgresql", "postgresql+psycopg2"), _read_by(_read_database_url)
]
MongoUrl = Annotated[SecretStr, _with_scheme("mongodb", "mongodb+srv")]


def _in_a_folder(file: Path) -> Path:
    if not file.parent.is_dir():
        raise ValueError("its folder does not exist")
    return file


class Settings(BaseSettings):
    """What every process has. URLs that hold a password are secrets and never printed."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    heartbeat_file: Annotated[Path, AfterValidator(_in_a_folder)] | None = None


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
        _stop(*(_line(problem) for problem in exc.errors(include_input=False)))
    except SettingsError as exc:
        # A setting that has parts was given as a whole; the message tells the field, not the value.
        (name,) = re.findall(r'field "(\w+)"', str(exc))
        _stop(f"setting {name.upper()}: is set part by part, as {name.upper()}_...")


def _line(problem: Any) -> str:
    name = "_".join(str(part) for part in problem["loc"]).upper()
    return f"setting {name}: {problem['msg']}"


def _stop(*lines: str) -> NoReturn:
    for line in lines:
        sys.stderr.write(f"{line}\n")
    sys.stderr.write("Settings are environment variables; .env.example lists them all.\n")
    raise SystemExit(2)
