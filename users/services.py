"""What the views need, made once per process by the factory."""

from dataclasses import dataclass

from flask import Flask, current_app

from users.keys import SigningKeys
from users.sessions import Sessions
from users.store import Store

_NAME = "users"


@dataclass(frozen=True)
class Services:
    """The database, the signing keys and the sessions."""

    store: Store
    keys: SigningKeys
    sessions: Sessions


def attach(app: Flask, made: Services) -> None:
    """Keep the services with the app."""
    app.extensions[_NAME] = made


def services() -> Services:
    """Return the services of the present app."""
    made: Services = current_app.extensions[_NAME]
    return made
