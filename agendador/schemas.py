"""What the agendador's API takes and gives."""

import uuid
from typing import Any, Literal

import sqlalchemy
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from agendador import cursors
from agendador.cursors import MAX_LENGTH
from agendador.fields import (
    Cnpj,
    Description,
    JobDate,
    Key,
    Moment,
    Priorities,
    Priority,
    Recurrence,
    Statuses,
    Title,
    Until,
    Utc,
    Words,
)
from core.clock import utc_now, utc_text
from core.ledger.listings import NEWEST_FIRST, SORTS, Choice
from core.ledger.models import Status
from core.ledger.queries import JOB_FIELDS
from core.ledger.recurrence import first

MAX_PAGE = 1_000_000
MAX_PER_PAGE = 100
MAX_LEDGER_ID = 2**63 - 1
_MOMENTS = ("date", "created", "updated", "next_run_at")


class JobIn(BaseModel):
    """A job to make, or to put in the place of one that has not started.

    Unknown fields are ignored: nobody sets a job's status or owner. `recurrence` is a rule of RFC
    5545; it makes the date its first occurrence at or after `date`.
    """

    title: Title
    description: Description = ""
    cpf_cnpj: Cnpj
    date: JobDate
    priority: Priority = 0
    recurrence: Recurrence | None = None

    @field_validator("recurrence")
    @classmethod
    def _occurs(cls, rule: str | None, info: ValidationInfo) -> str | None:
        date = info.data.get("date")
        if rule is not None and date is not None and first(rule, date) is None:
            raise ValueError("A regra não tem nenhuma data a partir da data da consulta.")
        return rule


class JobPatch(BaseModel):
    """What is to change of a job that has not started; what is absent stays."""

    title: Title = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    cpf_cnpj: Cnpj = Field(default_factory=str)
    date: JobDate = Field(default_factory=utc_now)
    priority: Priority = Field(default_factory=int)
    recurrence: Recurrence | None = None

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(exclude_unset=True)


class IdempotencyHeader(BaseModel):
    """The header that makes sending a request again harmless."""

    model_config = ConfigDict(populate_by_name=True)

    idempotency_key: Key | None = Field(default=None, alias="Idempotency-Key")


class JobFilter(BaseModel):
    """Which jobs: those that fit everything that is given.

    `status` and `priority` may list several, with commas; `q` is looked for in title, description
    and CNPJ; `from` and `to` bound the date, a day alone being the whole of it; `import_id` is of
    the table that they came by.
    """

    model_config = ConfigDict(populate_by_name=True)

    status: Statuses = Field(default_factory=frozenset)
    priority: Priorities = Field(default_factory=frozenset)
    q: Words = ""
    since: Moment | None = Field(default=None, alias="from")
    until: Until | None = Field(default=None, alias="to")
    import_id: int | None = Field(default=None, ge=1, le=MAX_LEDGER_ID)

    def choice(self, creator_id: str) -> Choice:
        """Return these jobs of a user."""
        return Choice(
            creator_id,
            self.status,
            self.priority,
            self.q,
            self.since,
            self.until,
            self.import_id,
        )


class JobsQuery(JobFilter):
    """Which page of which jobs, in which order; pages count from 1, and a cursor replaces them."""

    sort: Literal[SORTS] = NEWEST_FIRST  # type: ignore[valid-type]
    cursor: str | None = Field(default=None, max_length=MAX_LENGTH)
    page: int = Field(default=1, ge=1, le=MAX_PAGE)
    per_page: int = Field(default=20, ge=1, le=MAX_PER_PAGE)

    @field_validator("cursor")
    @classmethod
    def _fits(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and "sort" in info.data:
            cursors.read(info.data["sort"], cursor)
        return cursor


class ListQuery(BaseModel):
    """Which part of a plain list, newest first."""

    page: int = Field(default=1, ge=1, le=MAX_PAGE)
    per_page: int = Field(default=MAX_PER_PAGE, ge=1, le=MAX_PER_PAGE)


class ResultsQuery(ListQuery):
    """Which results: those of one job, or all."""

    job_id: int | None = Field(default=None, ge=1, le=MAX_LEDGER_ID)


class Row(BaseModel):
    """What is shown of an object of the domain, attribute by attribute."""

    model_config = ConfigDict(from_attributes=True)


class JobOut(Row):
    """A job. Moments are UTC."""

    id: int
    title: str
    description: str
    cpf_cnpj: str
    date: Utc
    priority: int
    status: Status
    recurrence: str | None
    creator_id: str
    creator_email: str
    created: Utc
    updated: Utc
    next_run_at: Utc | None
    paused: bool


class JobPage(BaseModel):
    """One page of jobs; `next_num` and `prev_num` are null where there is no such page.

    A page that a cursor asked for has no number. `total` stops at 10,000, and `total_is_exact`
    tells whether it did; `next_cursor` leads on from any page.
    """

    items: list[JobOut]
    page: int | None
    per_page: int
    total: int
    total_is_exact: bool
    has_next: bool
    has_prev: bool
    next_num: int | None
    prev_num: int | None
    next_cursor: str | None


class RunOut(Row):
    """One occurrence of a job; `attempt` counts how often it was tried.

    One that waits to be tried again has the reason and `next_attempt_at`. `uploaded` tells that a
    person gave its page; `source` is then where that page is from.
    """

    id: uuid.UUID
    scheduled_for: Utc
    status: Status
    attempt: int
    source: str | None
    error_code: str | None
    error_detail: str | None
    next_attempt_at: Utc | None
    queued_at: Utc | None
    started_at: Utc | None
    finished_at: Utc | None
    duration_ms: int | None
    uploaded: bool


class Partner(BaseModel):
    """Somebody in a company's `quadro_societario`."""

    model_config = ConfigDict(extra="allow")

    nome: str = ""
    qualificacao: str = ""


class ResultOut(Row):
    """What a run brought; unknown is `""` or `[]`, never null.

    `stale` tells that the source's data was old already (STALE_DAYS).
    """

    id: int
    job_id: int
    run_id: uuid.UUID
    cnpj: str
    matriz_filial: str
    data_abertura: str
    nome_empresarial: str
    nome_fantasia: str
    porte: str
    atividade_principal: str
    atividades_secundarias: list[str]
    natureza_juridica: str
    logradouro: str
    numero: str
    complemento: str
    cep: str
    bairro: str
    municipio: str
    uf: str
    email: str
    telefone: str
    efr: str
    situacao_cadastral: str
    data_situacao_cadastral: str
    motivo_situacao_cadastral: str
    situacao_especial: str
    data_situacao_especial: str
    quadro_societario: list[Partner]
    capital_social: str
    source: str
    data_pesquisa: str
    hora_pesquisa: str
    data_da_base: str
    creator_id: str
    creator_email: str
    created: Utc
    changes: list[dict[str, Any]]
    stale: bool = False


def shown(kind: type[Row], row: Any) -> dict[str, Any]:
    """Return an object of the domain as the API shows it."""
    return kind.model_validate(row).model_dump(mode="json")


def shown_job(row: sqlalchemy.Row[Any]) -> dict[str, Any]:
    """Return a job as the API shows it, a JobOut, from a row that has its JOB_FIELDS first.

    Nothing is validated: the ledger's columns are typed already.
    """
    job = dict(zip(JOB_FIELDS, row, strict=False))
    for name in _MOMENTS:
        if job[name] is not None:
            job[name] = utc_text(job[name])
    return job
