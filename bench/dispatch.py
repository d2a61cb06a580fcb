"""Due jobs to confirmed messages a second, and how late a message is with many jobs waiting."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection

from agendador.dispatcher import _message
from bench import jobs, rounds
from bench.rounds import Finding, Outcome
from bench.stage import FLASK, Scene, opened, wait_until
from core.broker.messages import Message
from core.ledger.models import Base

JOBS = 5_000
NAIVE_JOBS = 500
DUE = 60
EVERY_SECONDS = 0.02
AHEAD_SECONDS = 1.0
TAKE_EVERY_SECONDS = 0.1
FEW, MANY = 1_000, 1_000_000


def run() -> Outcome:
    """Compare with pika publishing the same bodies."""
    with opened() as stage, stage.scene() as scene:
        messages = _bodies(scene)
        figures = rounds.interleave(
            {
                "ours": lambda: _ours(scene),
                "pika, pipelined": lambda: _pipelined(scene, messages),
                "pika, one by one": lambda: _one_by_one(scene, messages[:NAIVE_JOBS]),
            }
        )
    limit = rounds.ratios(figures["ours"], figures["pika, pipelined"])
    naive = rounds.ratios(figures["ours"], figures["pika, one by one"])
    return Outcome(
        [
            Finding("rate", "ours ÷ pika, pipelined", "messages/s", figures, limit, 0.5),
            Finding("rate, naive", "ours ÷ pika, one by one", "messages/s", figures, naive),
        ]
    )


def run_delay() -> Outcome:
    """Measure the delay from due to confirmed with few and with many jobs waiting."""
    few, many = f"{FEW:,} waiting", f"{MANY:,} waiting"
    with opened() as stage, ExitStack() as open_now:
        scenes = {few: open_now.enter_context(stage.scene())}
        scenes[many] = open_now.enter_context(stage.scene())
        wait_for_later(scenes[few], FEW)
        wait_for_later(scenes[many], MANY)
        for scene in scenes.values():
            open_now.enter_context(scene.process(*FLASK, "dispatch"))
        for scene in scenes.values():
            _late(scene)
        figures = rounds.interleave({name: partial(_late, s) for name, s in scenes.items()})
    ratio = rounds.ratios(figures[many], figures[few])
    sides = {many: figures[many]}
    return Outcome(
        [
            Finding("delay, p99", f"with {many}", "ms", sides, [], 250, at_most=True),
            Finding("delay, growth", f"{many} ÷ {few}", "ms", figures, ratio, 2, at_most=True),
        ]
    )


def wait_for_later(scene: Scene, count: int) -> None:
    """Put jobs into the ledger that are due in days to come."""
    scene.execute(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, next_run_at,
                         creator_id, creator_email, request_id)
        SELECT 'Consulta ' || n, '', '11222333000181', due, mod(n, 6), 'created', due,
               'user' || mod(n, 1000), 'user' || mod(n, 1000) || '@empresa.example', ''
        FROM generate_series(1, %s) AS n, LATERAL (
            SELECT now() + interval '1 day' + n * interval '1 second' AS due) AS later
        """,
        (count,),
    )
    scene.execute("VACUUM ANALYZE job")


def _ours(scene: Scene) -> float:
    """Wake a dispatcher that already runs, and wait until the ledger says that all are queued.

    The window is lifted, which would wait for workers; the batches are those of every dispatcher.
    The end is when the last run was noted as queued: looking for it comes up to 50 ms later.
    """
    _forget(scene)
    window = {"DISPATCH_WINDOW": str(jobs.WINDOW)}
    with scene.process(*FLASK, "dispatch", env=window), _taking(scene):
        jobs.insert(scene, jobs.make(1))
        scene.execute("NOTIFY ledger_job")
        _wait_queued(scene, 1)
        jobs.insert(scene, jobs.make(JOBS))
        began = time.time()
        scene.execute("NOTIFY ledger_job")
        return JOBS / (_wait_queued(scene, JOBS + 1) - began)


def _wait_queued(scene: Scene, count: int) -> float:
    """Wait until so many runs are queued and return when the last of them was noted to be.

    On one connection: a new one for each look takes from the side that is measured.
    """
    with closing(scene.connect()) as connection, connection.cursor() as cursor:

        def all_queued() -> bool:
            cursor.execute("SELECT count(queued_at) = %s FROM run", (count,))
            return bool((cursor.fetchone() or [False])[0])

        wait_until(all_queued, f"{count} jobs are queued")
        cursor.execute("SELECT extract(epoch FROM max(queued_at)) FROM run")
        return float((cursor.fetchone() or [0])[0])


@contextmanager
def _taking(scene: Scene) -> Iterator[None]:
    """End the queued runs now and then, as workers would, so that few are outstanding."""
    over = threading.Event()

    def take() -> None:
        with closing(scene.connect()) as connection, connection.cursor() as cursor:
            while not over.wait(TAKE_EVERY_SECONDS):
                cursor.execute(
                    "UPDATE run SET status = 'processed', finished_at = now(), lease_until = NULL"
                    " WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status = 'queued'"
                )

    thread = threading.Thread(target=take)
    thread.start()
    yield
    over.set()
    thread.join()


def _forget(scene: Scene) -> None:
    tables = ", ".join(Base.metadata.tables)
    scene.execute(f"TRUNCATE {tables} CASCADE")
    with _connection(scene) as connection:
        connection.channel().queue_purge(f"{scene.namespace}job_created")


def _bodies(scene: Scene) -> list[Message]:
    """Return the messages that the dispatcher makes of the same jobs."""
    jobs.insert(scene, jobs.make(JOBS))
    with closing(scene.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT *, priority AS level, gen_random_uuid() AS run_id, 1 AS attempt"
            " FROM job ORDER BY id"
        )
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [_message(_Row(row)) for row in rows]  # type: ignore[arg-type]


class _Row:
    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _connection(scene: Scene) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(scene.stage.servers.broker_url))


def _one_by_one(scene: Scene, messages: list[Message]) -> float:
    _forget(scene)
    with _connection(scene) as connection:
        channel = connection.channel()
        channel.confirm_delivery()

        def publish() -> None:
            for message in messages:
                _publish(channel, scene, message)

        return len(messages) / rounds.seconds(publish)


def _publish(channel: Any, scene: Scene, message: Message) -> None:
    channel.basic_publish(
        scene.namespace + message.exchange,
        message.routing_key,
        message.body,
        message.properties(),
        mandatory=True,
    )


def _pipelined(scene: Scene, messages: list[Message]) -> float:
    """Publish all at once on an asynchronous connection and wait for the last confirm."""
    _forget(scene)
    moments: list[float] = []
    last = len(messages)

    def on_confirm(frame: Any) -> None:
        if frame.method.delivery_tag == last:
            moments.append(time.perf_counter())
            connection.close()

    def on_ready(channel: Any) -> None:
        moments.append(time.perf_counter())
        for message in messages:
            _publish(channel, scene, message)

    def on_channel(channel: Any) -> None:
        channel.confirm_delivery(on_confirm, callback=lambda _: on_ready(channel))

    connection: Any = SelectConnection(
        pika.URLParameters(scene.stage.servers.broker_url),
        on_open_callback=lambda opened_one: opened_one.channel(on_open_callback=on_channel),
        on_close_callback=lambda closed, _: closed.ioloop.stop(),
    )
    connection.ioloop.start()
    return last / (moments[1] - moments[0])


def _late(scene: Scene) -> float:
    """Let jobs become due one after the other; return the p99 of their delays in ms."""
    scene.execute("DELETE FROM job WHERE title LIKE 'Agora%'")
    scene.execute(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, next_run_at,
                         creator_id, creator_email, request_id)
        SELECT 'Agora ' || n, '', '11222333000181', due, mod(n, 6), 'created', due,
               'a', 'a@empresa.example', ''
        FROM generate_series(1, %s) AS n, LATERAL (
            SELECT now() + (%s + n * %s) * interval '1 second' AS due) AS soon
        """,
        (DUE, AHEAD_SECONDS, EVERY_SECONDS),
    )
    scene.execute("NOTIFY ledger_job")
    _wait_queued(scene, DUE)
    with closing(scene.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM queued_at - scheduled_for) FROM run")
        delays = [float(delay) * 1000 for (delay,) in cursor.fetchall()]
    return rounds.percentile(delays, 0.99)
