"""The agendador's Flask app, for gunicorn and for `flask --app agendador.app`."""

from apiflask import APIFlask
from sqlalchemy import text

from agendador import cli, database
from agendador.settings import AgendadorSettings
from core import logs, settings, web
from core.broker.publisher import Publisher


def create_app() -> APIFlask:
    """Make the app from the environment; a bad setting ends the process with its name."""
    config = settings.load(AgendadorSettings)
    logs.configure(config, "agendador")
    publisher = Publisher(config, "agendador")

    def database_answers() -> None:
        database.db.session.execute(text("SELECT 1"))

    app = web.create_app(
        "agendador",
        title="Agendador de consultas de CNPJ: consultas",
        publisher=publisher,
        checks={"database": database_answers, "broker": web.broker_check(publisher)},
    )
    database.configure(app, config)
    cli.register(app, config)
    return app
