"""Whose turn it is: since when a run waits, and each user's first jobs.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "run",
        sa.Column(
            "waiting_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.create_index(
        "job_turn",
        "job",
        ["priority", "creator_id", "next_run_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'created' AND next_run_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("job_turn", table_name="job")
    op.drop_column("run", "waiting_since")
