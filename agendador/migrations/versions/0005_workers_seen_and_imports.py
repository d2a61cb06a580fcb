"""Which workers are there; which jobs an import made.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_seen",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=100), nullable=False),
        sa.Column("slots", sa.SmallInteger(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("job", sa.Column("import_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "job_import_id_fkey", "job", "job_import", ["import_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "job_of_import", "job", ["import_id"], postgresql_where=sa.text("import_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("job_of_import", table_name="job")
    op.drop_column("job", "import_id")
    op.drop_table("worker_seen")
