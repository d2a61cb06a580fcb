import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from devstack.process import Program
from devstack.servers import ROOT
from tests.worker.mailer.postbox import Postbox
from tests.worker.mailer.rows import StartMailer


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def postbox(request: pytest.FixtureRequest) -> Iterator[Postbox]:
    server = Postbox(pipelining=getattr(request, "param", False))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_mailer(database_url: str, tmp_path: Path) -> Iterator[StartMailer]:
    started: list[Program] = []

    def start(port: int, **settings: str) -> Program:
        mailer = Program(
            name=f"mailer-{len(started)}",
            command=(sys.executable, "-m", "worker", "mail"),
            home=tmp_path,
            cwd=ROOT,
            env={
                "DATABASE_URL": database_url,
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(port),
                "MAIL_FROM": "Agendador <agendador@example.org>",
                "LOG_FORMAT": "json",
                **settings,
            },
        )
        started.append(mailer)
        mailer.start()
        return mailer

    yield start
    for mailer in started:
        mailer.stop()
