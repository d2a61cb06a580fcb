"""What all workers together know of each source.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "source_health",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("admitted", postgresql.ARRAY(moment), server_default="{}", nullable=False),
        sa.Column("paused_until", moment, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open_until", moment, nullable=True),
        sa.Column("trial_until", moment, nullable=True),
        sa.Column("asked", sa.Float(), server_default="0", nullable=False),
        sa.Column("failed", sa.Float(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.Column("counted_at", moment, server_default=sa.func.now(), nullable=False),
        sa.Column("last_error", sa.String(length=40), nullable=True),
        sa.Column("last_error_at", moment, nullable=True),
        sa.Column("last_success_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("source_health")
