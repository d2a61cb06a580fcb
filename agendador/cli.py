"""The agendador's commands: `flask --app agendador.app COMMAND`."""

import signal
import threading
from types import FrameType

import click
import pika.exceptions
from flask import Flask

from agendador import error_commands
from agendador.dispatcher import Dispatcher
from agendador.settings import AgendadorSettings
from core.broker import topology
from core.broker.connection import connect


def register(app: Flask, settings: AgendadorSettings) -> None:
    """Add the commands to `app`."""
    app.cli.add_command(error_commands.group(settings))

    @app.cli.command("createqueue")
    def createqueue() -> None:
        """Make the exchanges and queues; what exists already is left as it is."""
        try:
            with connect(settings, "createqueue") as connection:
                made = topology.declare(connection, settings.broker_namespace)
        except topology.TopologyMismatchError as exc:
            raise click.ClickException(str(exc)) from exc
        except pika.exceptions.AMQPError as exc:
            raise click.ClickException(
                f"the broker does not answer ({type(exc).__name__}): check BROKER_URL"
            ) from exc
        for binding in made:
            click.echo(f"{binding.exchange} --{binding.routing_key}--> {binding.queue}")

    @app.cli.command("dispatch")
    def dispatch() -> None:
        """Publish due jobs until told to stop (SIGTERM). Any number may run at once."""
        stopping = threading.Event()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        Dispatcher(settings).run(stopping)
