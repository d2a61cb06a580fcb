"""The ledger.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("cpf_cnpj", sa.String(length=14), nullable=False),
        sa.Column("date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "created",
                "queued",
                "processing",
                "processed",
                "error",
                "cancelled",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("recurrence", sa.Text(), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("creator_id", sa.String(length=64), nullable=False),
        sa.Column("creator_email", sa.String(length=254), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("priority BETWEEN 0 AND 5", name="job_priority"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("creator_id", "idempotency_key", name="job_idempotency"),
    )
    op.create_index(
        "job_due",
        "job",
        [sa.literal_column("priority DESC"), "next_run_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'created' AND next_run_at IS NOT NULL"),
    )
    op.create_index(
        "job_next",
        "job",
        ["next_run_at"],
        unique=False,
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index(
        "job_of_creator", "job", ["creator_id", sa.literal_column("id DESC")], unique=False
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(
        "mail_unsent",
        "mail",
        ["next_attempt_at", "id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "created",
                "queued",
                "processing",
                "processed",
                "error",
                "cancelled",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(length=100), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "scheduled_for", name="run_occurrence"),
    )
    op.create_index("run_of_day", "run", ["scheduled_for"], unique=False)
    op.create_index(
        "run_outstanding",
        "run",
        ["priority"],
        unique=False,
        postgresql_where=sa.text("status IN ('created', 'queued') AND next_attempt_at IS NULL"),
    )
    op.create_index(
        "run_unfinished",
        "run",
        [sa.literal_column("coalesce(next_attempt_at, lease_until)")],
        unique=False,
        postgresql_where=sa.text("status IN ('created', 'queued', 'processing')"),
    )
    op.create_table(
        "result",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("creator_id", sa.String(length=64), nullable=False),
        sa.Column("creator_email", sa.String(length=254), nullable=False),
        sa.Column("cnpj", sa.String(length=14), nullable=False),
        sa.Column("matriz_filial", sa.Text(), nullable=False),
        sa.Column("data_abertura", sa.Text(), nullable=False),
        sa.Column("nome_empresarial", sa.Text(), nullable=False),
        sa.Column("nome_fantasia", sa.Text(), nullable=False),
        sa.Column("porte", sa.Text(), nullable=False),
        sa.Column("atividade_principal", sa.Text(), nullable=False),
        sa.Column(
            "atividades_secundarias", postgresql.JSONB(astext_type=sa.Text()), nullable=False
        ),
        sa.Column("natureza_juridica", sa.Text(), nullable=False),
        sa.Column("logradouro", sa.Text(), nullable=False),
        sa.Column("numero", sa.Text(), nullable=False),
        sa.Column("complemento", sa.Text(), nullable=False),
        sa.Column("cep", sa.Text(), nullable=False),
        sa.Column("bairro", sa.Text(), nullable=False),
        sa.Column("municipio", sa.Text(), nullable=False),
        sa.Column("uf", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("telefone", sa.Text(), nullable=False),
        sa.Column("efr", sa.Text(), nullable=False),
        sa.Column("situacao_cadastral", sa.Text(), nullable=False),
        sa.Column("data_situacao_cadastral", sa.Text(), nullable=False),
        sa.Column("motivo_situacao_cadastral", sa.Text(), nullable=False),
        sa.Column("situacao_especial", sa.Text(), nullable=False),
        sa.Column("data_situacao_especial", sa.Text(), nullable=False),
        sa.Column("quadro_societario", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("capital_social", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("data_pesquisa", sa.Text(), nullable=False),
        sa.Column("hora_pesquisa", sa.Text(), nullable=False),
        sa.Column("data_da_base", sa.Text(), nullable=False),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id"),
    )
    op.create_index(
        "result_of_company",
        "result",
        ["creator_id", "cnpj", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "result_of_creator", "result", ["creator_id", sa.literal_column("id DESC")], unique=False
    )
    op.create_index(
        "result_of_job", "result", ["job_id", sa.literal_column("id DESC")], unique=False
    )


def downgrade() -> None:
    op.drop_index("result_of_job", table_name="result")
    op.drop_index("result_of_creator", table_name="result")
    op.drop_index("result_of_company", table_name="result")
    op.drop_table("result")
    op.drop_index(
        "run_unfinished",
        table_name="run",
        postgresql_where=sa.text("status IN ('created', 'queued', 'processing')"),
    )
    op.drop_index(
        "run_outstanding",
        table_name="run",
        postgresql_where=sa.text("status IN ('created', 'queued') AND next_attempt_at IS NULL"),
    )
    op.drop_index("run_of_day", table_name="run")
    op.drop_table("run")
    op.drop_index(
        "mail_unsent",
        table_name="mail",
        postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
    )
    op.drop_table("mail")
    op.drop_index("job_of_creator", table_name="job")
    op.drop_index("job_next", table_name="job", postgresql_where=sa.text("next_run_at IS NOT NULL"))
    op.drop_index(
        "job_due",
        table_name="job",
        postgresql_where=sa.text("status = 'created' AND next_run_at IS NOT NULL"),
    )
    op.drop_table("job")
