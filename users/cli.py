"""The commands of users: `flask --app users.app COMMAND`."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import click
from flask import Flask
from flask.cli import AppGroup
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from core.groups import GROUP_ADMIN
from core.validation import field_errors
from users import accounts
from users.errors import LockedKeysError, TakenError
from users.schemas import SuperuserIn
from users.services import Services

P = ParamSpec("P")


def register(app: Flask, made: Services) -> None:
    """Add the commands to `app`."""
    keys = AppGroup("keys", help="The keys that sign tokens.")

    @app.cli.command("createsuperuser")
    @click.argument("name")
    @click.argument("email")
    @click.argument("password", required=False)
    @_with_clear_errors
    def createsuperuser(name: str, email: str, password: str | None) -> None:
        """Make an administrator; without PASSWORD it is asked for."""
        secret = password or click.prompt("Senha", hide_input=True, confirmation_prompt=True)
        wanted = SuperuserIn(full_name=name, email=email, password=secret)
        account = accounts.register(made.store, **wanted.model_dump(), group=GROUP_ADMIN)
        click.echo(f"Administrador {account['email']} criado.")

    @keys.command("rotate")
    @_with_clear_errors
    def rotate() -> None:
        """Sign with a new key; tokens of the former ones stay valid until they expire."""
        click.echo(f"Chave {made.keys.rotate()} criada: ela assina os tokens a partir de agora.")

    app.cli.add_command(keys)


def _with_clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ValidationError as exc:
            lines = [f"{name}: {' '.join(texts)}" for name, texts in field_errors(exc).items()]
            raise click.ClickException("\n".join(lines)) from exc
        except TakenError as exc:
            raise click.ClickException("Já existe uma conta com este e-mail.") from exc
        except LockedKeysError as exc:
            raise click.ClickException("KEYS_PASSPHRASE não abre as chaves guardadas.") from exc
        except PyMongoError as exc:
            text = f"O MongoDB não responde ({type(exc).__name__}): confira MONGO_URL."
            raise click.ClickException(text) from exc

    return guarded
