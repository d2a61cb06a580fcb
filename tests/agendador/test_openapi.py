import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
from apiflask import APIFlask
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from tests.agendador.conftest import Caller, Users, claims_of
from tests.agendador.ledgers import finish, job
from tests.fuzzing import require_documented
from tests.people import ESTELA, JOAO, MARIA, cnpj

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "api" / "agendador.json"
# What needs no token: health, the documentation, and addresses that are themselves a secret.
OPEN = {"/healthz", "/readyz", "/calendar.ics", "/unsubscribe"}
CASES_PER_CALL = 55


def operations(app: APIFlask) -> Iterator[tuple[str, str, dict[str, Any]]]:
    spec: Any = app.spec
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_committed_document_is_the_present_one(app: APIFlask) -> None:
    """Run `flask --app agendador.app spec --output docs/api/agendador.json --indent 2`."""
    assert json.loads(DOCUMENT.read_text()) == json.loads(json.dumps(app.spec))


def test_the_document_and_its_page_are_served(app: APIFlask) -> None:
    client = app.test_client()
    served: Any = client.get("/openapi.json").json
    page = client.get("/swagger-ui/").get_data(as_text=True)

    assert served["openapi"].startswith("3.1")
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_every_call_that_shows_something_says_who_may(app: APIFlask) -> None:
    unguarded = {path for _, path, operation in operations(app) if not operation.get("security")}

    assert unguarded == OPEN


FORGERS: dict[str, Callable[[Users], str]] = {
    "expired": lambda users: users.token(MARIA, exp=int(time.time()) - 1),
    "other key": lambda users: users.token(MARIA, key=Ed25519PrivateKey.generate()),
    "alg none": lambda users: jwt.encode(claims_of(MARIA), "", "none", headers=_kid(users)),
    "hmac": lambda users: jwt.encode(claims_of(MARIA), _public(users), "HS256", _kid(users)),
    "refresh": lambda users: users.token(MARIA, type="refresh"),
}


def _kid(users: Users) -> dict[str, str]:
    return {"kid": next(iter(users.keys))}


def _public(users: Users) -> bytes:
    return next(iter(users.keys.values())).public_key().public_bytes_raw()


def test_every_guarded_call_refuses_every_bad_token(app: APIFlask, users: Users) -> None:
    client = app.test_client()
    bearers = [f"Bearer {forge(users)}" for forge in FORGERS.values()]
    for method, path, operation in operations(app):
        if not operation.get("security"):
            continue
        address = re.sub(r"{[^}]+}", "1", path)
        assert client.open(address, method=method).status_code == 401, (method, path)
        for bearer in bearers:
            answer = client.open(address, method=method, headers={"Authorization": bearer})
            assert answer.status_code == 401, (method, path)


# What somebody else, here even an administrator, gets from each call that names something of
# Maria's. Administrators look at queues, not into the jobs of others.
OF_A_JOB = {
    ("get", "/job/{job_id}"), ("put", "/job/{job_id}"), ("patch", "/job/{job_id}"),
    ("delete", "/job/{job_id}"), ("post", "/job/{job_id}/cancel"), ("post", "/job/{job_id}/run"),
    ("post", "/job/{job_id}/pause"), ("post", "/job/{job_id}/resume"),
    ("get", "/job/{job_id}/runs"), ("post", "/job/{job_id}/page"),
}  # fmt: skip
OF_SOMEBODY = OF_A_JOB | {("get", "/companies/{cnpj}"), ("get", "/imports/{import_id}")}
OF_AN_ADMIN = {
    ("get", "/admin/errors"), ("get", "/admin/queues"), ("get", "/admin/workers"),
    ("get", "/admin/sources"), ("get", "/admin/errors/{event_id}"),
    ("post", "/admin/errors/{event_id}/replay"), ("delete", "/admin/errors/{event_id}"),
}  # fmt: skip


def test_nobody_reaches_what_belongs_to_another(
    app: APIFlask, users: Users, maria: Caller, ledger: Engine
) -> None:
    job_id = maria.post("/jobs", json=job(title="De Maria")).json["data"]["id"]
    finish(ledger, job_id)
    table = {"query_string": {"title": "De Maria"}, "content_type": "text/csv"}
    import_id = maria.post("/jobs/import", data=cnpj(1), **table).json["data"]["import_id"]
    before = [maria.get(path).json["data"] for path in ("/jobs", "/results", f"/job/{job_id}/runs")]
    outsider = Caller(app.test_client(), users.token(JOAO))
    administrator = Caller(app.test_client(), users.token(ESTELA, group="admin"))
    named = set()
    for method, path, _ in operations(app):
        address = path.format(job_id=job_id, cnpj=cnpj(1), event_id="x", import_id=import_id)
        if address != path:
            named.add((method, path))
        for other in (outsider, administrator):
            answer = getattr(other, method)(address, json=job())
            if (method, path) in OF_SOMEBODY:
                assert answer.status_code == 404, (method, path)
            elif (method, path) in OF_AN_ADMIN and other is outsider:
                assert answer.status_code == 403, (method, path)
            assert "De Maria" not in answer.get_data(as_text=True), (method, path)

    assert named <= OF_SOMEBODY | OF_AN_ADMIN
    after = [maria.get(path).json["data"] for path in ("/jobs", "/results", f"/job/{job_id}/runs")]
    assert after == before


def test_the_document_is_kept_whatever_is_sent(
    app: APIFlask, users: Users, maria: Caller, ledger: Engine
) -> None:
    """No answer is a fault of ours, and none but the documented ones is given."""
    for number in range(3):
        job_id = maria.post("/jobs", json=job(cpf_cnpj=cnpj(number))).json["data"]["id"]
    finish(ledger, job_id)
    token = users.token(MARIA, group="admin", exp=int(time.time()) + 3_600)

    sent = require_documented(app, token, cases_per_call=CASES_PER_CALL)

    assert sent.total() >= 2_000
    assert sent["stateful"] > 0
