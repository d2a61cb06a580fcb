import os
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from core.ledger.models import Base, Status
from devstack.servers import ROOT
from tests.world import World

MIGRATIONS = Path("agendador/migrations")


def test_the_migrations_make_what_the_models_say(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()

    assert differences == []


def test_there_is_one_latest_migration() -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


def test_the_latest_migration_can_be_undone_and_made_again_over_jobs_in_every_state(
    world: World, database_url: str
) -> None:
    for status in (Status.PROCESSED, Status.ERROR):
        world.settle(world.start()[1], status, error_code=None)
    world.settle(world.start()[1], Status.QUEUED, retry_in=60)
    world.cancel(world.start()[0])
    world.start()
    world.add()
    world.queue()
    world.add()
    world.take_due()
    before = world.rows("SELECT * FROM run ORDER BY id")
    assert {run.status for run in before} == set(Status)

    for command in ("downgrade", "upgrade"):
        subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-m", "flask", "--app", "agendador.app", "db", command],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url, "BROKER_URL": "amqp://nowhere"},
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert world.rows("SELECT * FROM run ORDER BY id") == before
