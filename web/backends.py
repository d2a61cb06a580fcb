"""The two services that the pages speak to."""

from dataclasses import dataclass

from apiflask import APIFlask
from flask import current_app

from web.api import Api
from web.settings import WebSettings

EXTENSION = "backends"


@dataclass(frozen=True)
class Backends:
    """The clients, one per process."""

    users: Api
    agendador: Api


def configure(app: APIFlask, settings: WebSettings) -> Backends:
    """Make the clients and give them to `app`."""
    made = Backends(
        users=Api("users", str(settings.users_url)),
        agendador=Api("agendador", str(settings.agendador_url)),
    )
    app.extensions[EXTENSION] = made
    return made


def users() -> Api:
    """Return the client of accounts and tokens."""
    made: Backends = current_app.extensions[EXTENSION]
    return made.users


def agendador() -> Api:
    """Return the client of jobs and results."""
    made: Backends = current_app.extensions[EXTENSION]
    return made.agendador
