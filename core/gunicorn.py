"""gunicorn's configuration, the same for every Flask service (`gunicorn -c core/gunicorn.py`).

The number of processes is gunicorn's own variable, WEB_CONCURRENCY.
"""

import os
import shutil
import tempfile
from typing import Any

worker_class = "core.patient.PatientWorker"
threads = 8
# Slow connections cost no thread, so there may be many of them.
worker_connections = 2_000
timeout = 30
graceful_timeout = 6
keepalive = 65
max_requests = 100_000
max_requests_jitter = 10_000
limit_request_line = 8_190
limit_request_fields = 64
# Requests are logged by core.web, as structured lines.
accesslog = None
errorlog = "-"
loglevel = "warning"
# It would write to the home folder, and nobody uses it.
control_socket_disable = True

# prometheus_client adds the figures of several processes up through files in this folder; it reads
# the variable when it is imported, which is after this file.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")


def child_exit(_server: Any, worker: Any) -> None:
    """Let the gauges of a process go when it ends."""
    from prometheus_client import multiprocess  # noqa: PLC0415 see the variable above

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the folder of the figures."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
