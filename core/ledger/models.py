"""The ledger's tables (SQLAlchemy 2 declarative).

`agendador` binds the same metadata to Flask-SQLAlchemy and Flask-Migrate. Moments are UTC.
"""

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 5_000
MAX_PRIORITY = 5


class Status(enum.StrEnum):
    """The state of a job, as the API shows it, and of a run."""

    CREATED = "created"
    QUEUED = "queued"
    PROCESSING = "processing"
    PROCESSED = "processed"
    ERROR = "error"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.PROCESSED, Status.ERROR, Status.CANCELLED})


class Base(DeclarativeBase):
    """The metadata that all tables of the ledger share."""

    type_annotation_map = {  # noqa: RUF012 SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        Status: Enum(
            Status,
            native_enum=False,
            length=16,
            create_constraint=True,
            name="status",
            values_callable=lambda kind: [member.value for member in kind],
        ),
    }


class Job(Base):
    """A consultation that somebody scheduled.

    `next_run_at` is when the dispatcher makes the next run; null when none is to come. It stays
    while that run is on its way to the broker (`created`), until its confirm is noted or it is
    claimed. `date` is the occurrence that is due or at work; a recurring job's moves on when that
    has ended.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    description: Mapped[str] = mapped_column(Text, default="")
    cpf_cnpj: Mapped[str] = mapped_column(String(14))
    date: Mapped[datetime]
    priority: Mapped[int] = mapped_column(SmallInteger, default=0)
    status: Mapped[Status] = mapped_column(default=Status.CREATED)
    recurrence: Mapped[str | None] = mapped_column(Text)
    next_run_at: Mapped[datetime | None]
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    creator_id: Mapped[str] = mapped_column(String(64))
    creator_email: Mapped[str] = mapped_column(String(254))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(64), default="")
    import_id: Mapped[int | None] = mapped_column(ForeignKey("job_import.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    updated: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(f"priority BETWEEN 0 AND {MAX_PRIORITY}", name="job_priority"),
        UniqueConstraint("creator_id", "idempotency_key", name="job_idempotency"),
        Index(
            "job_due",
            text("priority DESC"),
            "next_run_at",
            "id",
            postgresql_where=text("status = 'created' AND next_run_at IS NOT NULL"),
        ),
        Index(
            "job_turn",
            "priority",
            "creator_id",
            "next_run_at",
            "id",
            postgresql_where=text("status = 'created' AND next_run_at IS NOT NULL"),
        ),
        Index("job_next", "next_run_at", postgresql_where=text("next_run_at IS NOT NULL")),
        Index("job_of_creator", "creator_id", text("id DESC")),
        Index("job_of_creator_by_status", "creator_id", "status", text("id DESC")),
        Index("job_of_creator_by_date", "creator_id", text("date DESC"), text("id DESC")),
        Index("job_of_import", "import_id", postgresql_where=text("import_id IS NOT NULL")),
    )


class Run(Base):
    """One occurrence of a job.

    `lease_until` is when whoever moves the run on (the dispatcher that publishes it, the broker
    that holds its message, the worker that claimed it) is presumed gone; the dispatcher then
    publishes it again. `attempt` counts the claims and fences off a worker that was presumed gone.
    `priority` is the effective one, that of its message, and grows with the time since
    `waiting_since`: when the job was due, or its next attempt was.
    `not_found_count` counts the answers that there is no such CNPJ, each to be seen again later.
    `page_digest` is the SHA-256 of the page that a person gave to be read; null where
    the sources are asked.
    """

    __tablename__ = "run"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    scheduled_for: Mapped[datetime]
    priority: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[Status] = mapped_column(default=Status.CREATED)
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    not_found_count: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(100))
    source: Mapped[str | None] = mapped_column(String(40))
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_detail: Mapped[str | None] = mapped_column(Text)
    page_digest: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    waiting_since: Mapped[datetime] = mapped_column(server_default=func.now())
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("job_id", "scheduled_for", name="run_occurrence"),
        CheckConstraint(
            "(finished_at IS NULL) = (status IN ('created', 'queued', 'processing'))",
            name="run_finished",
        ),
        Index(
            "run_open",
            "job_id",
            postgresql_where=text("finished_at IS NULL AND next_attempt_at IS NULL"),
        ),
        Index(
            "run_next_attempt",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("run_of_day", "scheduled_for"),
        # Until it ends, what changes of a run is in no index: there is room for it beside the run.
        {"postgresql_with": {"fillfactor": 50}},
    )


class UploadedPage(Base):
    """The page that a person gave for a run: there until the run has ended, and no longer."""

    __tablename__ = "uploaded_page"

    run_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("run.id", ondelete="CASCADE"), primary_key=True
    )
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime] = mapped_column(server_default=func.now())


class Result(Base):
    """What a run brought: the company's data in one form whatever the source.

    Unknown is `""` (or `[]`), never null.
    """

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), unique=True)
    creator_id: Mapped[str] = mapped_column(String(64))
    creator_email: Mapped[str] = mapped_column(String(254))
    cnpj: Mapped[str] = mapped_column(String(14))
    matriz_filial: Mapped[str] = mapped_column(Text)
    data_abertura: Mapped[str] = mapped_column(Text)
    nome_empresarial: Mapped[str] = mapped_column(Text)
    nome_fantasia: Mapped[str] = mapped_column(Text)
    porte: Mapped[str] = mapped_column(Text)
    atividade_principal: Mapped[str] = mapped_column(Text)
    atividades_secundarias: Mapped[list[Any]]
    natureza_juridica: Mapped[str] = mapped_column(Text)
    logradouro: Mapped[str] = mapped_column(Text)
    numero: Mapped[str] = mapped_column(Text)
    complemento: Mapped[str] = mapped_column(Text)
    cep: Mapped[str] = mapped_column(Text)
    bairro: Mapped[str] = mapped_column(Text)
    municipio: Mapped[str] = mapped_column(Text)
    uf: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    telefone: Mapped[str] = mapped_column(Text)
    efr: Mapped[str] = mapped_column(Text)
    situacao_cadastral: Mapped[str] = mapped_column(Text)
    data_situacao_cadastral: Mapped[str] = mapped_column(Text)
    motivo_situacao_cadastral: Mapped[str] = mapped_column(Text)
    situacao_especial: Mapped[str] = mapped_column(Text)
    data_situacao_especial: Mapped[str] = mapped_column(Text)
    quadro_societario: Mapped[list[Any]]
    capital_social: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(40))
    data_pesquisa: Mapped[str] = mapped_column(Text)
    hora_pesquisa: Mapped[str] = mapped_column(Text)
    data_da_base: Mapped[str] = mapped_column(Text)
    changes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    created: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("result_of_creator", "creator_id", text("id DESC")),
        Index("result_of_job", "job_id", text("id DESC")),
        Index("result_of_company", "creator_id", "cnpj", text("id DESC")),
    )


class Mail(Base):
    """A mail to send, written in the transaction of the state that it tells of.

    `key` names the occasion (`run:<id>:started`, `run:<id>:finished`, `summary:<user>:<day>`), so
    that no occasion is mailed twice. `next_attempt_at` is also the lease of the mailer that is
    sending it.
    """

    __tablename__ = "mail"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(254))
    context: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index(
            "mail_unsent",
            "next_attempt_at",
            "id",
            postgresql_where=text("sent_at IS NULL AND failed_at IS NULL"),
        ),
    )


class Preference(Base):
    """What a user wants of the system; who has no row wants what is usual.

    `unsubscribe_token` is in the links of their summaries; of the token of their calendar feed
    only the SHA-256 is kept.
    """

    __tablename__ = "preference"

    creator_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    summary: Mapped[bool] = mapped_column(server_default=text("true"))
    unsubscribe_token: Mapped[uuid.UUID] = mapped_column(
        server_default=text("gen_random_uuid()"), unique=True
    )
    calendar_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)


class JobImport(Base):
    """A file of jobs that somebody sent: how many rows it had, how many jobs it made."""

    __tablename__ = "job_import"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    creator_id: Mapped[str] = mapped_column(String(64))
    lines: Mapped[int] = mapped_column(Integer, server_default="0")
    made: Mapped[int] = mapped_column(Integer, server_default="0")
    created: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("import_of_creator", "creator_id", "created"),)


class SourceHealth(Base):
    """What all workers together know of a source of companies.

    `admitted` are the moments of the last questions, as many as `per_minute` (0 is no limit).
    Nobody asks before `paused_until` (the source's own wish) nor before `open_until` (its circuit
    breaker); after that, one worker at a time tries, until `trial_until`, and a success clears
    both. `asked`, `failed` and `seconds` are counts of which the old part has faded.
    """

    __tablename__ = "source_health"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    per_minute: Mapped[int] = mapped_column(Integer)
    admitted: Mapped[list[datetime]] = mapped_column(
        ARRAY(DateTime(timezone=True)), server_default=text("'{}'")
    )
    paused_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    openings: Mapped[int] = mapped_column(Integer, server_default="0")
    open_until: Mapped[datetime | None]
    trial_until: Mapped[datetime | None]
    asked: Mapped[float] = mapped_column(Float, server_default="0")
    failed: Mapped[float] = mapped_column(Float, server_default="0")
    seconds: Mapped[float] = mapped_column(Float, server_default="0")
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_error: Mapped[str | None] = mapped_column(String(40))
    last_error_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]


class WorkerSeen(Base):
    """A worker, mailer or dispatcher (`kind`) that has given a sign of life of late."""

    __tablename__ = "worker_seen"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    host: Mapped[str] = mapped_column(String(100))
    slots: Mapped[int] = mapped_column(SmallInteger)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
