"""The same jobs for every side, and how each side's queue is filled before the clock starts."""

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pika
from psycopg2.extras import Json, execute_values

from bench import pages
from bench.peers.usual import TABLES
from bench.stage import FLASK, TIMEOUT_SECONDS, Scene, wait_until
from devstack.servers import ROOT

WINDOW = 1_000_000


def make(count: int) -> list[dict[str, Any]]:
    """Return jobs of every priority for the invented companies."""
    numbers = pages.numbers()
    date = datetime.now(UTC).isoformat()
    return [
        {
            "id": number + 1,
            "title": f"Consulta {number + 1}",
            "cpf_cnpj": numbers[number % len(numbers)],
            "priority": number % 6,
            "email": f"pessoa{number % 50}@empresa.example",
            "date": date,
        }
        for number in range(count)
    ]


def insert(scene: Scene, jobs: list[dict[str, Any]]) -> None:
    """Put jobs that are due now into the ledger."""
    scene.execute(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, next_run_at,
                         creator_id, creator_email, request_id)
        SELECT title, '', cpf_cnpj, date, priority, 'created', now(), email, email, ''
        FROM jsonb_to_recordset(%s) AS job(
            id int, title text, cpf_cnpj text, date timestamptz, priority int, email text)
        ORDER BY id
        """,
        (Json(jobs),),
    )


def fill_ours(scene: Scene, jobs: list[dict[str, Any]]) -> None:
    """Let the dispatcher publish all jobs."""
    insert(scene, jobs)
    with scene.process(*FLASK, "dispatch", env={"DISPATCH_WINDOW": str(WINDOW)}):
        wait_until(
            lambda: scene.value("SELECT count(*) FROM run WHERE status = 'queued'") == len(jobs),
            "all jobs are queued",
        )


def fill_peer(scene: Scene, peer: str, jobs: list[dict[str, Any]]) -> None:
    """Let a peer publish all jobs."""
    marked = [{**job, "run_id": f"{scene.database}-{job['id']}"} for job in jobs]
    scene.execute(TABLES)
    with closing(scene.connect()) as connection, connection.cursor() as cursor:
        columns = ("id", "title", "cpf_cnpj", "priority", "email")
        execute_values(
            cursor,
            f"INSERT INTO peer_job ({', '.join(columns)}) VALUES %s",
            [tuple(job[column] for column in columns) for job in marked],
        )
    subprocess.run(
        (sys.executable, "-m", "bench.peers.fill", peer),
        cwd=ROOT,
        env=os.environ | scene.environment,
        input=json.dumps(marked),
        text=True,
        check=True,
        timeout=TIMEOUT_SECONDS,
    )


def forget_peer(scene: Scene, peer: str) -> None:
    """Remove a peer's queues."""
    name = scene.namespace + peer
    with pika.BlockingConnection(pika.URLParameters(scene.stage.servers.broker_url)) as broker:
        for queue in (name, f"{name}.DQ", f"{name}.XQ"):
            broker.channel().queue_delete(queue)
