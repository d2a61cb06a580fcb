"""Calls a second of the APIs as shipped, against bare Flask views (the limit)."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import requests

from bench import rounds, services
from bench.client import calls_per_second, request
from bench.rounds import Finding, Outcome
from bench.stage import Scene, opened
from devstack import ports
from devstack.ports import LOOPBACK

SECONDS = 1.5
TARGET = 0.6
JOBS = 1_000
PER_PAGE = 20
CREDENTIALS = {name: services.MARIA[name] for name in ("email", "password")}
JOB = {
    "title": "Consulta",
    "description": "",
    "cpf_cnpj": "11222333000181",
    "date": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    "priority": 3,
}
INSERT = """
    INSERT INTO job (title, description, cpf_cnpj, date, priority, status, next_run_at, creator_id,
                     creator_email, request_id)
    VALUES ('Consulta', '', '11222333000181', '2099-01-01', 3, 'created', '2099-01-01', :creator,
            'maria@empresa.example', 'x') RETURNING *
"""
LIST = "SELECT * FROM job WHERE creator_id = :creator ORDER BY id DESC LIMIT 20"
READ = "SELECT * FROM job WHERE id = :id AND creator_id = :creator"


def run() -> Outcome:
    """Compare each call with its limit; one gunicorn process each, with the shipped settings."""
    with opened() as stage, stage.scene() as scene, ExitStack() as running:
        users, agendador, bare = ports.free(3)
        plan = stage.servers.home.resolve() / "bare.json"
        # Both sides' jobs are one user's: together they would pass the limit of 20,000 open ones.
        env = services.settings(scene, users) | {"BARE": str(plan), "MAX_OPEN_JOBS": "100000"}
        for name, port in (("users", users), ("agendador", agendador)):
            running.enter_context(services.served(scene, f"{name}.app:create_app()", port, env))
        visitor = services.sign_up(users, services.MARIA)
        calls = _calls(visitor, users, agendador)
        _prepare(scene, visitor, calls, plan)
        running.enter_context(services.served(scene, "bench.bare:create_app()", bare, env))
        return Outcome([_compare(call, bare) for call in calls])


def _calls(visitor: dict[str, Any], users: int, agendador: int) -> list[dict[str, Any]]:
    mine = {"creator": visitor["id"]}
    return [
        _call("POST", "/jobs", agendador, 201, JOB, statement=INSERT, values=mine),
        _call("GET", f"/jobs?per_page={PER_PAGE}", agendador, 200, statement=LIST, values=mine),
        _call("GET", "/job/1", agendador, 200, statement=READ, values=mine | {"id": 1}),
        _call("POST", "/auth", users, 200, CREDENTIALS),
    ]


def _call(
    method: str, path: str, port: int, status: int, sent: object = None, **bare: Any
) -> dict[str, Any]:
    return {
        "name": f"{method} {path}",
        "method": method,
        "path": path,
        "port": port,
        "status": status,
        "sent": sent,
        "bare": bare,
    }


def _prepare(
    scene: Scene, visitor: dict[str, Any], calls: list[dict[str, Any]], plan: Path
) -> None:
    """Fill the ledger, learn each answer, and write down what the bare views are to do."""
    headers = services.bearer(visitor)
    requests.post(_address(calls[0]), json=JOB, headers=headers, timeout=30).raise_for_status()
    columns = (
        "title, description, cpf_cnpj, date, priority, status, next_run_at, creator_id, "
        "creator_email, request_id"
    )
    scene.execute(
        f"INSERT INTO job ({columns}) SELECT {columns} FROM job, generate_series(1, {JOBS})"
    )
    scene.execute("VACUUM ANALYZE job")
    steps = {}
    for call in calls:
        answer = requests.request(
            call["method"], _address(call), json=call["sent"], headers=headers, timeout=30
        )
        answer.raise_for_status()
        call["headers"] = headers
        steps[call["name"]] = {
            "method": call["method"],
            "path": call["path"].partition("?")[0],
            "status": call["status"],
            "body": answer.text,
            **call["bare"],
        }
    plan.write_text(json.dumps(steps))


def _address(call: dict[str, Any]) -> str:
    return f"http://{LOOPBACK}:{call['port']}{call['path']}"


def _compare(call: dict[str, Any], bare: int) -> Finding:
    asked = request(call["method"], call["path"], call["headers"], call["sent"])
    measure = partial(calls_per_second, asked=asked, seconds=SECONDS, expected=call["status"])
    figures = rounds.interleave(
        {"ours": lambda: measure(call["port"]), "bare Flask": lambda: measure(bare)}
    )
    ratio = rounds.ratios(figures["ours"], figures["bare Flask"])
    return Finding(call["name"], "ours ÷ bare Flask", "calls/s", figures, ratio, TARGET)
