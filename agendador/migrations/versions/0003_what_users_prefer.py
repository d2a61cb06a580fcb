"""Pausing; lists by status and date; what users prefer; imports.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "job", sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(
        "job_of_creator_by_status", "job", ["creator_id", "status", sa.literal_column("id DESC")]
    )
    op.create_index(
        "job_of_creator_by_date",
        "job",
        ["creator_id", sa.literal_column("date DESC"), sa.literal_column("id DESC")],
    )
    op.create_table(
        "preference",
        sa.Column("creator_id", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "unsubscribe_token",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
        ),
        sa.Column("calendar_token_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("creator_id"),
        sa.UniqueConstraint("unsubscribe_token"),
        sa.UniqueConstraint("calendar_token_hash"),
    )
    op.create_table(
        "job_import",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("creator_id", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), server_default="0", nullable=False),
        sa.Column("made", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("import_of_creator", "job_import", ["creator_id", "created"])


def downgrade() -> None:
    op.drop_table("job_import")
    op.drop_table("preference")
    op.drop_index("job_of_creator_by_date", table_name="job")
    op.drop_index("job_of_creator_by_status", table_name="job")
    op.drop_column("job", "paused")
