"""Pages a second, against the JSON calls that they show."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bench import rounds, services
from bench.client import calls_per_second, request
from bench.rounds import Finding, Outcome
from bench.stage import opened

SECONDS = 1.0
JOBS = 60
TARGET = 0.5
MONTH = datetime.now(UTC).date().replace(day=1)
DAYS = f"from={MONTH}&to={MONTH + timedelta(days=41)}"
# Each page, and the calls without which it could not be shown.
PAGES = {
    "/agenda": ["/jobs?page=1&per_page=20"],
    "/agenda/mes": [f"/jobs?{DAYS}&sort=date&per_page=100&page=1"],
    "/consultas/1": ["/job/1", "/job/1/runs", "/results?job_id=1"],
    "/": [
        "/jobs?sort=date&per_page=8",
        "/jobs?status=created&sort=date&per_page=5",
        "/jobs?status=error&sort=-date&per_page=5",
        "/stats?days=14",
        "/results?per_page=100",
    ],
}
FILL = """
    INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                     creator_email, request_id)
    SELECT 'Consulta ' || n, 'Antes do contrato', '11222333000181',
           now() + n * interval '6 hours', mod(n, 6), 'created', %s, 'maria@empresa.example', ''
    FROM generate_series(1, %s) AS n
"""


def run() -> Outcome:
    """Compare each page with its calls, one after the other, as the same person."""
    with opened() as stage, stage.scene() as scene, services.all_served(scene) as served:
        users, agendador, web = served
        maria = services.sign_up(users, services.MARIA)
        scene.execute(FILL, (maria["id"], JOBS))
        scene.execute("VACUUM ANALYZE job")
        return Outcome([_compare(page, maria, web, agendador) for page in PAGES])


def _compare(page: str, account: dict[str, Any], web: int, agendador: int) -> Finding:
    shown = request("GET", page, services.cookies(account))
    calls = [request("GET", path, services.bearer(account)) for path in PAGES[page]]
    _rate(web, shown)  # the first time templates are compiled
    figures = rounds.interleave(
        {
            "the page": lambda: _rate(web, shown),
            "its JSON": partial(_rate_of_all, agendador, calls),
        }
    )
    ratio = rounds.ratios(figures["the page"], figures["its JSON"])
    what = f"the page ÷ its JSON ({len(calls)} call{'s' if len(calls) > 1 else ''})"
    return Finding(f"GET {page}", what, "a second", figures, ratio, TARGET)


def _rate(port: int, asked: bytes) -> float:
    return calls_per_second(port, asked, SECONDS, 200)


def _rate_of_all(port: int, calls: list[bytes]) -> float:
    """Return how often a second all of these calls are answered, each after the other."""
    return 1 / sum(1 / _rate(port, asked) for asked in calls)
