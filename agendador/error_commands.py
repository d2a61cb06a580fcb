"""`flask errors`: the recovery worker's commands."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pika.exceptions
import psycopg2
from flask.cli import AppGroup
from pika.adapters.blocking_connection import BlockingConnection
from sqlalchemy.exc import OperationalError

from agendador import recovery
from agendador.database import db
from agendador.settings import AgendadorSettings
from core.broker.connection import connect

DEFAULT_LIMIT = 50


def group(settings: AgendadorSettings) -> AppGroup:
    """Return the command group."""
    errors = AppGroup("errors", help="Look at error events and dead letters; replay them.")
    namespace = settings.broker_namespace
    kind = click.option("--kind", type=click.Choice(list(recovery.QUEUES)), help="default: all")

    @errors.command("list")
    @kind
    @click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(1), help="of each kind")
    def list_events(kind: str | None, limit: int) -> None:
        """List events, oldest first."""
        with _broker(settings) as connection:
            for event in recovery.list_events(connection, namespace, kind, limit):
                click.echo(_line(event))

    @errors.command("show")
    @click.argument("event_id")
    def show(event_id: str) -> None:
        """Show an event's body."""
        with _broker(settings) as connection:
            event = recovery.find(connection, namespace, event_id)
        if event.body is None:
            click.echo(event.text)
        else:
            click.echo(json.dumps(event.body, ensure_ascii=False, indent=2))

    @errors.command("replay")
    @click.argument("event_id", required=False)
    @click.option("--all", "kind", type=click.Choice(["database", "queue", recovery.DEAD_LETTER]),
                  help="replay every event of this kind")  # fmt: skip
    def replay(event_id: str | None, kind: str | None) -> None:
        """Make an event good, or all of a kind."""
        if (event_id is None) == (kind is None):
            raise click.UsageError("give an EVENT_ID or --all KIND")
        with _broker(settings) as connection:
            ids = [event_id] if event_id else _ids(connection, namespace, str(kind))
            outcomes = [_replay(connection, namespace, each) for each in ids]
        if not all(outcomes):
            sys.exit(1)

    @errors.command("discard")
    @click.argument("event_id")
    def discard(event_id: str) -> None:
        """Take an event from its queue for good."""
        with _broker(settings) as connection:
            click.echo(f"discarded: {_line(recovery.discard(connection, namespace, event_id))}")

    return errors


def _replay(connection: BlockingConnection, namespace: str, event_id: str) -> bool:
    """Make an event good, tell what came of it, and return whether it was made good."""
    try:
        outcome = recovery.replay(connection, namespace, event_id, db.engine)
    except recovery.RecoveryError as exc:
        click.echo(f"{event_id}: {exc}", err=True)
        return False
    click.echo(f"{event_id}: {outcome}")
    return True


def _ids(connection: BlockingConnection, namespace: str, kind: str) -> list[str]:
    events = recovery.list_events(connection, namespace, kind, recovery.MAX_SEARCHED)
    return [event.id for event in events]


def _line(event: recovery.Event) -> str:
    at = f"{event.occurred_at:%Y-%m-%dT%H:%M:%SZ}" if event.occurred_at else "-"
    body = event.body or {}
    said = body.get("errors") or body.get("reason") or body.get("type") or body.get("job") or body
    return f"{event.id}  {event.kind}  {at}  {json.dumps(said, ensure_ascii=False)[:120]}"


@contextmanager
def _broker(settings: AgendadorSettings) -> Iterator[BlockingConnection]:
    try:
        with connect(settings, "recovery") as connection:
            yield connection
    except recovery.RecoveryError as exc:
        raise click.ClickException(str(exc)) from exc
    except pika.exceptions.AMQPError as exc:
        raise click.ClickException(
            f"the broker does not answer ({type(exc).__name__}): check BROKER_URL, createqueue"
        ) from exc
    except (OperationalError, psycopg2.OperationalError) as exc:
        raise click.ClickException("the database does not answer: check DATABASE_URL") from exc
