"""Every change of state of a job, a run or a mail is one function here, and nowhere else.

`people` holds what people do with jobs, `leaving` how all of a person's end, `due` whose turn it
is, `dispatch` what else the dispatcher does, `work` what the worker does, `sources` what it tells
of its sources, `workers` that it is there, `mails` what the mailer and the cronjob do. A function
takes a connection inside the caller's transaction. Rows are always locked in the same order, jobs
(by id) before their runs, so that transactions wait for one another and never deadlock.
"""

from datetime import timedelta

# How long the dispatcher may take from making a run to the broker's confirm.
PUBLISH_LEASE = timedelta(seconds=15)
# How long a run may stay in the broker's queue before the dispatcher asks whether it is lost.
QUEUE_LEASE = timedelta(seconds=60)
# How long a claim holds without a sign of life from its worker.
WORK_LEASE = timedelta(seconds=60)

# Locks the jobs of the runs `:run_ids` in the order of all transactions. A join might go through
# all runs.
JOBS_OF_RUNS = """
        SELECT id FROM job WHERE id = ANY(ARRAY(
            SELECT (SELECT job_id FROM run WHERE id = run_id) FROM unnest(:run_ids) AS run_id))
        ORDER BY id FOR NO KEY UPDATE"""
