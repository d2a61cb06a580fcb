"""What the ledger's mail rows hold, by kind, made safe to show.

Everything that is text comes out of here as one line without control characters, so that a
title can neither break a header nor pretend to be a line of ours. Missing and null are the same:
the field's default, which the mails leave out.
"""

import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from core.freshness import STALE_DAYS

LONGEST_TEXT = 1000  # characters; more than any name, less than what spoils a mail

# They turn the reading direction of all that follows; names in Hebrew or Arabic do without.
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean(value: object) -> str:
    """Return `value` as one line of text, without control characters and of bounded length."""
    text = str(value)
    if not text.isprintable():
        text = "".join(_harmless(character) for character in text)
    return clip(" ".join(text.split()), LONGEST_TEXT)


def clip(text: str, length: int) -> str:
    """Return `text`, shortened with an ellipsis when it is longer than `length` characters."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _harmless(character: str) -> str:
    if character in _BIDI_CONTROLS:
        return ""
    return " " if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character


# Consultations that repeat are due at few moments, which are told faster when they are the same.
@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | str:
    """Return the moment that a text tells, of UTC without a zone; other text as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _known_moment(value: object) -> object:
    return _moment(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(clean)]
Moment = Annotated[datetime, BeforeValidator(_known_moment)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}


class Started(_Lenient):
    """A consultation began."""

    job_id: int | None = None
    run_id: Text = ""
    title: Text = ""
    cpf_cnpj: Text = ""
    priority: int = 0
    date: Moment | None = None
    started_at: Moment | None = None


class Partner(_Lenient):
    """A line of `quadro_societario`."""

    nome: Text = ""
    qualificacao: Text = ""


class Company(_Lenient):
    """The fields of a result that a mail shows."""

    cnpj: Text = ""
    matriz_filial: Text = ""
    data_abertura: Text = ""
    nome_empresarial: Text = ""
    nome_fantasia: Text = ""
    porte: Text = ""
    atividade_principal: Text = ""
    atividades_secundarias: list[Text] = []
    natureza_juridica: Text = ""
    logradouro: Text = ""
    numero: Text = ""
    complemento: Text = ""
    cep: Text = ""
    bairro: Text = ""
    municipio: Text = ""
    uf: Text = ""
    email: Text = ""
    telefone: Text = ""
    efr: Text = ""
    situacao_cadastral: Text = ""
    data_situacao_cadastral: Text = ""
    motivo_situacao_cadastral: Text = ""
    situacao_especial: Text = ""
    data_situacao_especial: Text = ""
    quadro_societario: list[Partner] = []
    capital_social: Text = ""
    data_pesquisa: Text = ""
    hora_pesquisa: Text = ""
    data_da_base: Text = ""


class Change(_Lenient):
    """A field that differs from this CNPJ's previous result; the values are as in a result."""

    field: Text = ""
    before: Any = ""
    after: Any = ""


class Finished(Started):
    """A consultation ended, well or not; `web_url` is where its page is."""

    status: Text = ""
    error_code: Text = ""
    error_detail: Text = ""
    source: Text = ""
    finished_at: Moment | None = None
    duration_ms: int | None = None
    company: Company | None = None
    changes: list[Change] = []
    stale_days: int = STALE_DAYS
    web_url: Text = ""


class Job(_Lenient):
    """A line of the day's summary."""

    job_id: int | None = None
    title: Text = ""
    cpf_cnpj: Text = ""
    priority: int = 0
    status: Text = ""
    date: Moment | None = None
    finished_at: Moment | None = None
    nome_empresarial: Text = ""
    situacao_cadastral: Text = ""
    error_code: Text = ""
    changes: list[Change] = []


class Summary(_Lenient):
    """A user's day; the token and the address of the API make the link that ends summaries."""

    day: date
    total: int = 0
    counts: dict[str, int] = {}
    jobs: list[Job] = []
    omitted: int = 0
    unsubscribe_token: UUID | None = None
    api_url: Text = ""
