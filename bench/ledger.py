"""The API's reads with 1,000 and with 1,000,000 jobs in the ledger, over HTTP."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from agendador import cursors
from bench import rounds, services
from bench.client import milliseconds, request
from bench.rounds import Finding, Outcome
from bench.stage import Scene, opened
from core.ledger.listings import NEWEST_FIRST, Place
from devstack import ports

FEW, MANY = 1_000, 1_000_000
PER_PAGE = 20
CALLS = 60
TARGET = 1.5
ALONE, ALL, SOME = "1,000 jobs", "1,000,000, all one's own", "1,000,000, 1,000 one's own"
# One job of a thousand belongs to who has few; of either person's every tenth has failed. They
# were due a minute apart, the last ones longest ago.
FILL = """
    INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                     creator_email, request_id)
    SELECT 'Consulta ' || n, '', '11222333000181', now() - n * interval '1 minute', mod(n, 6),
           CASE mod(n / 1000 + n, 10) WHEN 0 THEN 'error' ELSE 'processed' END,
           CASE mod(n, 1000) WHEN 1 THEN %s ELSE %s END, 'maria@empresa.example', ''
    FROM generate_series(%s, %s) AS n
"""


@dataclass(frozen=True)
class Reader:
    """Who reads, where, and which of their jobs lies in the middle of all."""

    port: int
    account: dict[str, Any]
    middle: int

    def milliseconds(self, path: str) -> float:
        """Return how long the answer takes that `path`, with what is theirs put in, asks for."""
        cursor = cursors.write(NEWEST_FIRST, Place(self.middle, self.middle))
        address = path.format(cursor=cursor, middle=self.middle)
        asked = request("GET", address, services.bearer(self.account))
        return milliseconds(self.port, asked, CALLS)


PATHS = {
    "first page": f"/jobs?per_page={PER_PAGE}",
    "page in the middle": f"/jobs?per_page={PER_PAGE}&cursor={{cursor}}",
    "failed jobs": f"/jobs?per_page={PER_PAGE}&status=error",
    "one job": "/job/{middle}",
}


def run() -> Outcome:
    """Compare who has all of a million jobs, and who has 1,000 of them, with 1,000 alone."""
    with opened() as stage, ExitStack() as running:
        small, large = (running.enter_context(stage.scene()) for _ in range(2))
        users, few, many = ports.free(3)
        env = services.settings(small, users)
        running.enter_context(services.served(small, "users.app:create_app()", users, env))
        maria = services.sign_up(users, services.MARIA)
        joao = services.sign_up(users, services.JOAO)
        fill(small, maria, maria, FEW)
        fill(large, joao, maria, MANY)
        for scene, port in ((small, few), (large, many)):
            app = "agendador.app:create_app()"
            running.enter_context(services.served(scene, app, port, env))
        readers = {
            ALONE: Reader(few, maria, FEW // 2),
            ALL: Reader(many, maria, MANY // 2),
            SOME: Reader(many, joao, MANY // 2 + 1),
        }
        return Outcome(
            [one for name, path in PATHS.items() for one in _compare(name, path, readers)]
        )


def fill(
    scene: Scene, few: dict[str, Any], many: dict[str, Any], count: int, there: int = 0
) -> None:
    """Put `count` jobs that have ended into the ledger, in which `there` are so far."""
    scene.execute(FILL, (few["id"], many["id"], there + 1, there + count))
    scene.execute("VACUUM ANALYZE job")


def _compare(name: str, path: str, readers: dict[str, Reader]) -> list[Finding]:
    figures = rounds.interleave(
        {who: partial(reader.milliseconds, path) for who, reader in readers.items()}
    )
    return [
        Finding(
            f"{name}, {who}",
            f"{who} ÷ {ALONE}",
            "ms",
            {side: figures[side] for side in (who, ALONE)},
            rounds.ratios(figures[who], figures[ALONE]),
            TARGET,
            at_most=True,
        )
        for who in (ALL, SOME)
    ]
