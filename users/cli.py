"""The commands of users: `flask --app users.app COMMAND`."""

import click
from flask import Flask
from pydantic import TypeAdapter, ValidationError

from core.groups import GROUP_ADMIN
from core.validation import field_errors
from users import accounts
from users.errors import TakenError
from users.schemas import Email, Name, Password
from users.store import Store


def register(app: Flask, store: Store) -> None:
    """Add the commands to `app`."""

    @app.cli.command("createsuperuser")
    @click.argument("name")
    @click.argument("email")
    @click.argument("password", required=False)
    def createsuperuser(name: str, email: str, password: str | None) -> None:
        """Make an administrator; without PASSWORD it is asked for."""
        secret = password or click.prompt("Senha", hide_input=True, confirmation_prompt=True)
        try:
            account = accounts.register(
                store,
                full_name=TypeAdapter(Name).validate_python(name),
                email=TypeAdapter(Email).validate_python(email),
                password=TypeAdapter(Password).validate_python(secret),
                group=GROUP_ADMIN,
            )
        except ValidationError as exc:
            messages = [text for texts in field_errors(exc).values() for text in texts]
            raise click.ClickException(" ".join(messages)) from exc
        except TakenError as exc:
            raise click.ClickException(f"Já existe uma conta com o e-mail {email}.") from exc
        click.echo(f"Administrador {account['email']} criado.")
