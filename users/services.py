"""What the views need, made once per process by the factory."""

from dataclasses import dataclass

from flask import Flask, current_app

from users.keys import SigningKeys
from users.outbox import Outbox
from users.sessions import Sessions
from users.store import Store

_NAME = "users"


@dataclass(frozen=True)
class Services:
    """The database, the signing keys, the sessions and the mails."""

    store: Store
    keys: SigningKeys
    sessions: Sessions
    outbox: Outbox

    def check_database(self) -> None:
        """Raise unless the database answers and the signing keys can be read."""
        self.store.ping()
        self.store.prepare()
        self.keys.signing()


def attach(app: Flask, made: Services) -> None:
    """Keep the services with the app."""
    app.extensions[_NAME] = made


def services() -> Services:
    """Return the services of the present app."""
    made: Services = current_app.extensions[_NAME]
    return made
