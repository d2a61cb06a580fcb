"""The ledger's tables bound to Flask-SQLAlchemy and Flask-Migrate."""

from contextlib import AbstractContextManager
from pathlib import Path

from flask import Flask, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, make_url

from agendador.settings import AgendadorSettings
from core.ledger.connection import SINGLE, Singles, options, replace_closed
from core.ledger.models import Base

MIGRATIONS = Path(__file__).parent / "migrations"
POOL_TIMEOUT_SECONDS = 5
_SINGLE = "single"

db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate(db=db, directory=str(MIGRATIONS))


def configure(app: Flask, settings: AgendadorSettings) -> None:
    """Bind the ledger's database to `app`."""
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg2")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    usual = {
        "connect_args": options("agendador"),
        "pool_size": settings.database_pool,
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT_SECONDS,
        "hide_parameters": True,
    }
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = usual
    app.config["SQLALCHEMY_BINDS"] = {_SINGLE: {"url": url, **usual, **SINGLE}}
    db.init_app(app)
    migrate.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            replace_closed(engine)
        app.extensions[_SINGLE] = Singles(
            db.engines[_SINGLE], settings.database_pool, POOL_TIMEOUT_SECONDS
        )


def single() -> AbstractContextManager[Connection]:
    """Lend a connection on which each statement is a transaction of its own."""
    kept: Singles = current_app.extensions[_SINGLE]
    return kept.lend()
