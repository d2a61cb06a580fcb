"""Until a run ends, what changes of it is in no index, so that it changes in its place.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("run_unfinished", table_name="run")
    op.drop_index("run_outstanding", table_name="run")
    # Every end has told its moment; were there one that had not, it must not keep the rest back.
    op.execute(
        "UPDATE run SET finished_at = coalesce(started_at, scheduled_for)"
        " WHERE finished_at IS NULL AND status NOT IN ('created', 'queued', 'processing')"
    )
    op.create_check_constraint(
        "run_finished",
        "run",
        "(finished_at IS NULL) = (status IN ('created', 'queued', 'processing'))",
    )
    op.create_index(
        "run_open",
        "run",
        ["job_id"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL AND next_attempt_at IS NULL"),
    )
    op.create_index(
        "run_next_attempt",
        "run",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.execute("ALTER TABLE run SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE run RESET (fillfactor)")
    op.drop_index("run_next_attempt", table_name="run")
    op.drop_index("run_open", table_name="run")
    op.drop_constraint("run_finished", "run", type_="check")
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
