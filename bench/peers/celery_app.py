"""The consultation as a Celery task: late acknowledgement, persistent messages, confirms."""

import os
from typing import Any

from celery import Celery
from kombu import Queue

from bench.peers.usual import consult

QUEUE = os.environ["BROKER_NAMESPACE"] + "celery"

app = Celery("peer", broker=os.environ["BROKER_URL"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_default_delivery_mode="persistent",
    task_queues=[Queue(QUEUE, routing_key=QUEUE, queue_arguments={"x-max-priority": 5})],
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "4")),
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
)


def run(job: dict[str, Any]) -> None:
    """Do one job."""
    consult(job)


task = app.task(name="consult")(run)
