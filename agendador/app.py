"""The agendador's Flask app, for gunicorn and for `flask --app agendador.app`."""

from apiflask import APIFlask
from sqlalchemy import text
from werkzeug.routing import IntegerConverter

from agendador import (
    admin,
    calendar,
    cli,
    database,
    errors,
    exports,
    imports,
    jobs,
    limits,
    me,
    openapi,
    overview,
    pages,
    preferences,
    results,
)
from agendador.keys import PublicKeys
from agendador.settings import AgendadorSettings
from core import logs, settings, tokens, web
from core.broker.publisher import Publisher


class LedgerId(IntegerConverter):
    """A number in an address; one that the ledger's bigint cannot hold is not found."""

    regex = r"\d{1,18}"


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
        on_refused=errors.report_refused,
    )
    app.url_map.converters["int"] = LedgerId
    database.configure(app, config)
    tokens.configure(app, config, PublicKeys(str(config.jwks_url)).find)
    app.extensions["settings"] = config
    app.extensions[limits.OPEN_JOBS] = limits.OpenJobs(config.max_open_jobs)
    errors.register(app, publisher)
    for part in (
        jobs, pages, results, overview, imports, exports, calendar, preferences, me, admin,
    ):  # fmt: skip
        app.register_blueprint(part.bp)
    openapi.complete(app)
    cli.register(app, config)
    return app
