"""The ledger's tables bound to Flask-SQLAlchemy and Flask-Migrate."""

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, make_url

from agendador.settings import AgendadorSettings
from core.ledger.connection import options, single
from core.ledger.models import Base

MIGRATIONS = Path(__file__).parent / "migrations"

db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate(db=db, directory=str(MIGRATIONS))


def configure(app: Flask, settings: AgendadorSettings) -> None:
    """Bind the ledger's database to `app`."""
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg2")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "connect_args": options("agendador"),
        "pool_size": settings.database_pool,
        "max_overflow": 0,
        "pool_timeout": 5,
        "pool_pre_ping": True,
        "hide_parameters": True,
    }
    db.init_app(app)
    migrate.init_app(app)


def reading() -> Connection:
    """Open a connection on which each statement is a transaction of its own."""
    return single(db.engine).connect()
