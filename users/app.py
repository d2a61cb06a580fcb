"""The Flask app of users, for gunicorn and for `flask --app users.app`."""

from apiflask import APIFlask
from werkzeug.routing import IntegerConverter

from core import logs, openapi, settings, tokens, web
from core.broker.publisher import Publisher
from core.openapi import Clue
from users import admin, auth, cli, errors, limits, me, recovery, services, signup
from users.keys import SigningKeys
from users.outbox import Outbox
from users.sessions import Sessions
from users.settings import UsersSettings
from users.store import Store

DESCRIPTION = """\
Contas de pessoas e os tokens com que elas usam os serviços.

* `POST /auth` responde `token`, que vale 15 minutos e vai em `Authorization: Bearer <token>`, e \
`refresh`, que `POST /auth/refresh` troca por outro par; cada um vale uma única vez.
* Toda resposta é um envelope `{status, resource, message, data}`; um pedido recusado (422) traz \
também `errors: {campo: [mensagens]}`.
* Depois de muitas tentativas a resposta é 429, com `Retry-After` em segundos.
"""


CLUES = (
    Clue("post", "/users", "201", "/data/id", "account_id"),
    Clue("post", "/users", "201", "/data/cpf_cnpj", "cpf_cnpj"),
    Clue("get", "/admin/users/page/{page}", "200", "/data/items/0/id", "account_id"),
    Clue("get", "/admin/users/page/{page}", "200", "/data/next_num", "page"),
)


class PageNumber(IntegerConverter):
    """A number in an address; a page that no list can have is not found."""

    regex = r"[1-9]\d{0,6}"


def create_app() -> APIFlask:
    """Make the app from the environment; a bad setting ends the process with its name."""
    config = settings.load(UsersSettings)
    logs.configure(config, "users")
    publisher = Publisher(config, "users")
    store = Store(config)
    keys = SigningKeys(store, config)
    sessions = Sessions(store, keys, config)
    made = services.Services(store, keys, sessions, Outbox(store, sessions, config))
    app = web.create_app(
        "users",
        title="Agendador de consultas de CNPJ: contas",
        publisher=publisher,
        checks={"database": made.check_database, "broker": web.broker_check(publisher)},
    )
    app.config["INFO"] = {"description": DESCRIPTION}
    openapi.complete(app, clues=CLUES)
    app.url_map.converters["int"] = PageNumber
    app.extensions["publisher"] = publisher
    services.attach(app, made)
    tokens.configure(app, config, keys.find)
    limits.configure(app, config, store)
    errors.register(app)
    # With the first request and not before: a process may fork, and a command sends nothing.
    app.before_request(made.outbox.start)
    for module in (signup, auth, recovery, me, admin):
        app.register_blueprint(module.bp)
    cli.register(app, made)
    return app
