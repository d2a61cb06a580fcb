"""Publishes jobs one by one with a pause between, and prints when each was taken (JSON)."""

import json
import sys
import time

from bench.peers import celery_app


def main() -> None:
    """Read jobs from standard input; the pause in seconds is the only argument."""
    moments = {}
    for job in json.load(sys.stdin):
        celery_app.task.apply_async((job,), priority=job["priority"])
        moments[job["run_id"]] = time.time()
        time.sleep(float(sys.argv[1]))
    print(json.dumps(moments))


if __name__ == "__main__":
    main()
