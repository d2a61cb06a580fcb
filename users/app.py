"""The Flask app of users, for gunicorn and for `flask --app users.app`."""

from apiflask import APIFlask
from flask import Response
from pymongo.errors import PyMongoError

from core import logs, settings, tokens, web
from core.broker.publisher import Publisher
from users import auth, cli, services, signup
from users.keys import SigningKeys
from users.sessions import Sessions
from users.settings import UsersSettings
from users.store import Store

UNAVAILABLE = 503

log = logs.logger(__name__)


def create_app() -> APIFlask:
    """Make the app from the environment; a bad setting ends the process with its name."""
    config = settings.load(UsersSettings)
    logs.configure(config, "users")
    publisher = Publisher(config, "users")
    store = Store(config)
    keys = SigningKeys(store, config.keys_passphrase)

    def database_answers() -> None:
        store.prepare()

    app = web.create_app(
        "users",
        title="Agendador de consultas de CNPJ: contas",
        publisher=publisher,
        checks={"database": database_answers, "broker": web.broker_check(publisher)},
    )
    tokens.configure(app, config, keys.find)
    services.attach(app, services.Services(store, keys, Sessions(store, keys, config)))

    @app.errorhandler(PyMongoError)
    def database_away(error: PyMongoError) -> Response:
        log.warning("database_lost", error=type(error).__name__)
        return web.refuse(UNAVAILABLE)

    app.register_blueprint(signup.bp)
    app.register_blueprint(auth.bp)
    cli.register(app, store)
    return app
