"""Alembic's environment: migrations run on the engine of the Flask app, under a lock."""

from alembic import context
from flask import current_app
from sqlalchemy import text

from core.ledger.models import Base

# Two services that start at once must not migrate at once; the number is arbitrary.
MIGRATION_LOCK = 2_229_2024


def run() -> None:
    """Apply the migrations, one process at a time."""
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
        connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))


run()
