"""The sources' settings: the chain's order, and for each source its address and its limits.

`BRASILAPI_TIMEOUT=30` sets the field `timeout` of `brasilapi`; so for each source and field. The
built-in limits are what the services document or were seen to bear.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from core.settings import Settings


class SourceOptions(BaseModel):
    """How to ask one source.

    `timeout` is in seconds and covers the whole answer; `per_minute` is how many questions all
    workers together may ask, 0 for no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    timeout: PositiveFloat = 20
    per_minute: NonNegativeInt = 0


class StoreOptions(BaseModel):
    """Where the imported open data is; it is on our own disk and has no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Path("var/dados-abertos.duckdb")
    timeout: PositiveFloat = 5
    per_minute: Literal[0] = 0


class SourceSettings(Settings):
    """Settings of a process that asks sources; `sources` names the chain in order."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_", env_nested_max_split=1, nested_model_default_partial_update=True
    )

    sources: Annotated[tuple[str, ...], NoDecode] = (
        "receita",
        "brasilapi",
        "minhareceita",
        "opencnpj",
        "cnpjws",
        "receitaws",
    )
    receita: SourceOptions = SourceOptions(
        url="https://solucoes.receita.fazenda.gov.br/Servicos/cnpjreva/Cnpjreva_Comprovante.asp"
    )
    brasilapi: SourceOptions = SourceOptions(
        url="https://brasilapi.com.br/api/cnpj/v1", per_minute=20
    )
    minhareceita: SourceOptions = SourceOptions(url="https://minhareceita.org", per_minute=60)
    opencnpj: SourceOptions = SourceOptions(url="https://api.opencnpj.org", per_minute=300)
    cnpjws: SourceOptions = SourceOptions(url="https://publica.cnpj.ws/cnpj", per_minute=3)
    # It has been seen to take 70 s.
    receitaws: SourceOptions = SourceOptions(
        url="https://receitaws.com.br/v1/cnpj", per_minute=3, timeout=90
    )
    cnpja: SourceOptions = SourceOptions(url="https://open.cnpja.com/office", per_minute=5)

    dados_abertos: StoreOptions = StoreOptions()

    @field_validator("sources", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @field_validator("sources")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or len(set(names)) < len(names) or not set(names) <= set(SOURCE_NAMES):
            raise ValueError(f"must name some of {', '.join(SOURCE_NAMES)}, each once")
        return names

    def options(self, name: str) -> SourceOptions | StoreOptions:
        """Return how to ask the source of that name."""
        options: SourceOptions | StoreOptions = getattr(self, name)
        return options


WEB_SOURCE_NAMES = tuple(
    name for name, field in SourceSettings.model_fields.items() if field.annotation is SourceOptions
)
SOURCE_NAMES = (*WEB_SOURCE_NAMES, "dados_abertos")
