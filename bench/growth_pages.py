"""How long pages and API calls take as the ledger grows, for whom nearly all of it belongs to."""

from typing import Any

from bench import ledger, services
from bench.client import milliseconds, request
from bench.growth import SIZES, grown
from bench.rounds import Outcome, Picture, Point
from bench.stage import Scene, opened

REQUESTS = 30
PAGES = {
    "agenda": "/agenda",
    "month": "/agenda/mes",
    "job page": "/consultas/2",
    "overview": "/",
}
CALLS = {
    "GET /jobs": "/jobs?per_page=20",
    "GET /job/<id>": "/job/2",
    "GET /stats": "/stats",
}
RUNS = """
    INSERT INTO run (id, job_id, scheduled_for, priority, status, attempt, started_at, finished_at)
    SELECT gen_random_uuid(), id, date, priority, status, 1, date + interval '1 second',
           date + interval '3 seconds'
    FROM job WHERE id > %s
"""


def run() -> Outcome:
    """Time each page and call as the ledger grows to a million jobs, each with its run."""
    lines: dict[str, list[Point]] = {name: [] for name in PAGES | CALLS}
    with opened() as stage, stage.scene() as scene, services.all_served(scene) as served:
        users, agendador, web = served
        joao, maria = (services.sign_up(users, one) for one in (services.JOAO, services.MARIA))
        asked = {name: (web, path, services.cookies(maria)) for name, path in PAGES.items()}
        asked |= {name: (agendador, path, services.bearer(maria)) for name, path in CALLS.items()}
        there = 0
        for size in SIZES:
            _fill(scene, joao, maria, size - there, there)
            there = size
            for name, (port, path, headers) in asked.items():
                taken = milliseconds(port, request("GET", path, headers), REQUESTS)
                lines[name].append((float(size), taken))
    title = "Time of pages and calls as the ledger grows"
    picture = Picture("growth-pages", title, "jobs in the ledger", "ms", lines)
    return Outcome([grown(name, line) for name, line in lines.items()], [picture])


def _fill(scene: Scene, few: dict[str, Any], many: dict[str, Any], count: int, there: int) -> None:
    ledger.fill(scene, few, many, count, there)
    scene.execute(RUNS, (there,))
    scene.execute("VACUUM ANALYZE run")
