"""What the audit asks the ledger."""

UNFINISHED = """
    SELECT (SELECT count(*) FROM job WHERE status NOT IN ('processed', 'error', 'cancelled'))
         + (SELECT count(*) FROM run WHERE status NOT IN ('processed', 'error', 'cancelled'))
         + (SELECT count(*) FROM mail WHERE sent_at IS NULL AND failed_at IS NULL)
"""
# Each finds rows that must not exist.
WRONG = {
    "jobs not final": """
        SELECT id FROM job WHERE status NOT IN ('processed', 'error', 'cancelled')""",
    "runs not final": """
        SELECT id FROM run WHERE status NOT IN ('processed', 'error', 'cancelled')""",
    "jobs that are final without exactly one run": """
        SELECT job.id FROM job LEFT JOIN run ON run.job_id = job.id
        GROUP BY job.id HAVING count(run.id) <> 1""",
    "jobs whose state is not their run's": """
        SELECT job.id FROM job JOIN run ON run.job_id = job.id WHERE run.status <> job.status""",
    "runs made or begun before their job was due": """
        SELECT run.id FROM run JOIN job ON job.id = run.job_id
        WHERE least(run.created, run.queued_at, run.started_at) < job.date""",
    "processed runs without exactly one result": """
        SELECT run.id FROM run LEFT JOIN result ON result.run_id = run.id
        WHERE run.status = 'processed' GROUP BY run.id HAVING count(result.id) <> 1""",
    "results of runs that were not processed": """
        SELECT result.id FROM result JOIN run ON run.id = result.run_id
        WHERE run.status <> 'processed'""",
    "results of another company": """
        SELECT result.id FROM result JOIN job ON job.id = result.job_id
        WHERE result.cnpj <> job.cpf_cnpj""",
    "started runs without exactly one start mail": """
        SELECT run.id FROM run LEFT JOIN mail ON mail.key = 'run:' || run.id || ':started'
        WHERE run.started_at IS NOT NULL AND mail.id IS NULL""",
    "ended runs without exactly one end mail": """
        SELECT run.id FROM run LEFT JOIN mail ON mail.key = 'run:' || run.id || ':finished'
        WHERE run.finished_at IS NOT NULL AND mail.id IS NULL""",
    "mails not final": "SELECT key FROM mail WHERE sent_at IS NULL AND failed_at IS NULL",
    "mails of no run": """
        SELECT key FROM mail WHERE kind <> 'summary'
            AND split_part(key, ':', 2) NOT IN (SELECT id::text FROM run)""",
    "people without exactly one summary": """
        SELECT job.creator_id FROM job
        LEFT JOIN mail ON mail.key LIKE 'summary:' || job.creator_id || ':%'
        GROUP BY job.creator_id HAVING count(DISTINCT mail.id) <> 1""",
    "good companies that ended in error": """
        SELECT job.id, run.error_code, run.error_detail FROM run JOIN job ON job.id = run.job_id
        WHERE run.status = 'error' AND job.cpf_cnpj NOT LIKE '9999%'
          AND run.error_code NOT IN ('attempts_exhausted', 'layout_changed')""",
}
# These may, while the registry answers with rubbish.
NOT_UNDERSTOOD = """
    SELECT job.id, extract(epoch FROM run.finished_at)
    FROM run JOIN job ON job.id = run.job_id
    WHERE run.error_code = 'layout_changed' AND job.cpf_cnpj NOT LIKE '9999%'
"""
# These may, if the plan let the mail server refuse them for good.
GIVEN_UP = "SELECT key, recipient, last_error FROM mail WHERE failed_at IS NOT NULL"
ATTEMPTS = """
    SELECT job.cpf_cnpj, sum(run.attempt)::int FROM run JOIN job ON job.id = run.job_id GROUP BY 1
"""
FIGURES = {
    "jobs": "SELECT count(*) FROM job",
    "sent before they were due": "SELECT count(*) FROM job WHERE created < date",
    "processed": "SELECT count(*) FROM job WHERE status = 'processed'",
    "error": "SELECT count(*) FROM job WHERE status = 'error'",
    "exhausted": "SELECT count(*) FROM run WHERE error_code = 'attempts_exhausted'",
    "results": "SELECT count(*) FROM result",
    "runs claimed more than once": "SELECT count(*) FROM run WHERE attempt > 1",
    "mails tried more than once": "SELECT count(*) FROM mail WHERE attempts > 1",
    "longest wait of a mail (s)": """
        SELECT coalesce(max(extract(epoch FROM sent_at - created))::int, 0) FROM mail""",
    "longest way of a job (s)": """
        SELECT coalesce(max(extract(
            epoch FROM run.finished_at - greatest(job.created, job.date)))::int, 0)
        FROM run JOIN job ON job.id = run.job_id""",
}
